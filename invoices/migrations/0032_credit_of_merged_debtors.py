from django.db import migrations, models

COLUMNS = """
id, account_id, debtor_id, {invoice} AS invoice_id, {receipt} AS receipt_id, {note} AS credit_note_id, currency,
unallocated, {day} AS day, recorded_at, created_at{party}
"""
RECEIPT = {"invoice": "posted_on_id", "receipt": "id", "note": "NULL::uuid", "day": "paid_at"}
NOTE = {"invoice": "invoice_id", "receipt": "NULL::uuid", "note": "id", "day": "date"}


def view(party: str) -> str:
    return f"""
SELECT {COLUMNS.format(**RECEIPT, party=party)} FROM invoices_receipt WHERE unallocated > 0
UNION ALL
SELECT {COLUMNS.format(**NOTE, party=party)} FROM invoices_creditnote WHERE unallocated > 0
"""  # noqa: S608


class Migration(migrations.Migration):
    dependencies = [("invoices", "0031_find_invoices_that_hold_back_a_debtor")]

    operations = [
        migrations.RunSQL(
            f"CREATE OR REPLACE VIEW invoices_credit AS {view(', party')}",
            f"DROP VIEW invoices_credit; CREATE VIEW invoices_credit AS {view('')}",
        ),
        migrations.AddField("credit", "party", models.CharField(max_length=231)),
    ]
