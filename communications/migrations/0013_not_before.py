from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("communications", "0012_ladders_have_a_revision")]

    operations = [
        migrations.AddField(
            "communication",
            "not_before",
            models.DateTimeField(
                editable=False,
                help_text="The earliest moment whatever the debtor's facts: its step's day, a retry, a cool-off.",
                null=True,
            ),
        ),
    ]
