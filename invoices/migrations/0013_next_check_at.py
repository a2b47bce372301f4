from django.db import migrations, models

# The clock goes on where it was; what it examines once more gets its true next contact.
_BEGIN = "UPDATE invoices_invoice SET next_check_at = next_contact_at WHERE next_contact_at IS NOT NULL"
_BACK = "UPDATE invoices_invoice SET next_contact_at = next_check_at WHERE next_check_at IS NOT NULL"


class Migration(migrations.Migration):
    # An index can't be built in the transaction that has changed the table's rows.
    atomic = False

    dependencies = [("invoices", "0012_receipts_and_allocations")]

    operations = [
        migrations.AddField(
            "invoice",
            "next_check_at",
            models.DateTimeField(
                editable=False, help_text="When the clock examines the invoice next.", null=True
            ),
        ),
        migrations.AlterField(
            "invoice",
            "next_contact_at",
            models.DateTimeField(
                editable=False, help_text="When the next message may go, as things stand now.", null=True
            ),
        ),
        migrations.RunSQL(_BEGIN, _BACK),
        migrations.RemoveIndex("invoice", "invoice_next_contact"),
        migrations.AddIndex(
            "invoice",
            models.Index(
                condition=models.Q(("next_check_at__isnull", False)),
                fields=["next_check_at"],
                name="invoice_next_check",
            ),
        ),
    ]
