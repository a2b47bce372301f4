from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [('invoices', '0030_invoice_documents_and_payment_hooks')]
    operations = [
        AddIndexConcurrently(
            "invoice",
            models.Index(
                fields=["debtor"], name="invoice_escalated", condition=models.Q(("escalation_level__gte", 2))
            ),
        ),
        AddIndexConcurrently(
            "invoice",
            models.Index(
                fields=["debtor"], name="invoice_reopened", condition=models.Q(("not_before__isnull", False))
            ),
        ),
    ]
