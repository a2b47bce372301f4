from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("communications", "0002_squashed_0021_plainer_labels")]

    operations = [
        migrations.RenameModel("Contact", "Address"),
        migrations.RemoveConstraint("address", "a_contact_is_known_once"),
        migrations.AddConstraint(
            "address",
            models.UniqueConstraint(fields=["account", "channel", "address"], name="an_address_is_known_once"),
        ),
    ]
