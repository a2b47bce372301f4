import django.contrib.postgres.fields
from django.db import migrations, models

import inflow.accounts.models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_squashed_0010_session_keys_are_hashed")]

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
                        ("communications:write", "Send messages and create links to debtor pages"),
                    ],
                    max_length=40,
                ),
                default=inflow.accounts.models.default_scopes,
                size=None,
            ),
        ),
    ]
