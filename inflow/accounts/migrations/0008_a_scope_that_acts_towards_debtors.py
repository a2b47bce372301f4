import django.contrib.postgres.fields
from django.db import migrations, models

import inflow.accounts.models


class Migration(migrations.Migration):
    """The keys that exist keep the scopes that they have."""

    dependencies = [("accounts", "0007_people_log_in_in_two_steps")]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("invoices:read", "Read invoices"),
                        ("invoices:write", "Create and change invoices"),
                        ("webhooks:manage", "Manage webhooks"),
                        ("communications:read", "Read communications"),
                        ("communications:write", "Act towards debtors: links to their pages"),
                    ],
                    max_length=40,
                ),
                default=inflow.accounts.models.default_scopes,
                size=None,
            ),
        )
    ]
