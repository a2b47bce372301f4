from django.db import migrations, models


class Migration(migrations.Migration):
    """Entries store their kind's parameters; the sentence of an older one stays as it was written."""

    dependencies = [("invoices", "0010_the_first_debtor_of_an_address")]
    operations = [
        migrations.RenameField("timelineentry", "text", "stored_text"),
        migrations.AlterField(
            "timelineentry",
            "stored_text",
            models.TextField(
                blank=True, default="", help_text="The English sentence of an entry older than its parameters."
            ),
        ),
        migrations.AddField(
            "timelineentry",
            "params",
            models.JSONField(default=dict, help_text="Parameters of the kind's sentence: see narrative.py."),
        ),
    ]
