from django.db import migrations, models

CREDIT = """
CREATE VIEW invoices_credit AS
SELECT id, account_id, debtor_id, posted_on_id AS invoice_id, id AS receipt_id, NULL::uuid AS credit_note_id, currency,
  unallocated, paid_at AS day, recorded_at, created_at
FROM invoices_receipt WHERE unallocated > 0
UNION ALL
SELECT id, account_id, debtor_id, invoice_id, NULL::uuid, id, currency, unallocated, date, recorded_at, created_at
FROM invoices_creditnote WHERE unallocated > 0
"""


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0024_debtors_documents_and_money'),
    ]

    operations = [
        migrations.RunSQL(CREDIT, "DROP VIEW invoices_credit"),
        migrations.CreateModel(
            name='Credit',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('currency', models.CharField(max_length=3)),
                ('unallocated', models.DecimalField(decimal_places=3, max_digits=18)),
                ('day', models.DateField()),
                ('recorded_at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'invoices_credit',
                'ordering': ['day', 'recorded_at', 'created_at', 'id'],
                'managed': False,
            },
        ),
        migrations.RemoveConstraint(
            model_name='receipt',
            name='a_bank_id_is_recorded_once',
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.UniqueConstraint(condition=models.Q(models.Q(('bank_id', ''), _negated=True), models.Q(('status', 'voided'), _negated=True)), fields=('account', 'bank_id'), name='a_bank_id_is_recorded_once'),
        ),
        migrations.AddIndex(
            model_name='receipt',
            index=models.Index(fields=['account', '-created_at', '-id'], name='receipt_newest'),
        ),
    ]
