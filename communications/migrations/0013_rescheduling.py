import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_people_log_in_in_two_steps"),
        ("communications", "0012_ladders_have_a_revision"),
    ]

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
        migrations.CreateModel(
            name="Rescheduling",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="accounts.account",
                    ),
                ),
                ("requested_at", models.DateTimeField()),
            ],
        ),
    ]
