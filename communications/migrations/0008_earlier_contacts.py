import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_squashed_0010_session_keys_are_hashed"),
        ("communications", "0007_policy_rules_calls_and_statements"),
        # The last of the invoices' migrations: an upgrade that was interrupted before it continues with all of these.
        ("invoices", "0037_open_items_by_schedule"),
    ]

    operations = [
        migrations.CreateModel(
            name="EarlierContact",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("message_id", models.UUIDField()),
                ("sent_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "debtor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="invoices.debtor",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("debtor", "message_id"), name="an_earlier_contact_counts_once")
                ],
            },
        ),
    ]
