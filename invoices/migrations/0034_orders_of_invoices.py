from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Indexes for the orders of the API's list of invoices, built without locking the table."""

    atomic = False

    dependencies = [
        ("accounts", "0001_squashed_0010_session_keys_are_hashed"),
        ("invoices", "0033_contacts_by_address"),
    ]

    operations = [
        AddIndexConcurrently("invoice", models.Index(fields=["account", "updated_at", "id"], name="invoice_by_update")),
        AddIndexConcurrently(
            "invoice",
            models.Index(fields=["account", "status", "updated_at", "id"], name="invoice_by_status_update"),
        ),
        AddIndexConcurrently("invoice", models.Index(fields=["account", "due_date", "id"], name="invoice_by_due")),
        AddIndexConcurrently(
            "invoice",
            models.Index(fields=["account", "status", "due_date", "id"], name="invoice_by_status_and_due"),
        ),
        RemoveIndexConcurrently("invoice", "invoice_by_due_date"),
    ]
