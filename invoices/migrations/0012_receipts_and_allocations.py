"""Payments become receipts and allocations.

Each payment becomes a receipt with its id, each reversal keeps its id in a table of its own. What an invoice was paid
above its amount becomes the debtor's credit, and so does what was paid on an invoice that is cancelled; its opening
payment is voided. `invoices_payment` stays as a view of receipts and reversals.
"""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import F, Q

# In the order in which they came, each payment that stands pays what is left of its invoice.
RECEIPTS = """
INSERT INTO invoices_receipt (id, account_id, debtor_id, posted_on_id, amount, currency, paid_at, method, reference,
  bank_id, status, unallocated, recorded_at, created_at)
SELECT payment.id, payment.account_id, invoice.debtor_id, invoice.id, payment.amount, invoice.currency, payment.paid_at,
  payment.method, payment.reference, '',
  CASE WHEN back.id IS NOT NULL THEN 'reversed'
       WHEN invoice.status = 'cancelled' AND payment.method = 'opening' THEN 'voided'
       ELSE 'standing' END,
  CASE WHEN back.id IS NOT NULL OR invoice.status = 'cancelled' AND payment.method = 'opening' THEN 0
       WHEN invoice.status = 'cancelled' THEN payment.amount
       ELSE payment.amount - GREATEST(0, LEAST(payment.amount, invoice.amount - standing.before)) END,
  payment.recorded_at, payment.created_at
FROM {payments} payment
JOIN invoices_invoice invoice ON invoice.id = payment.invoice_id
LEFT JOIN {payments} back ON back.reversal_of_id = payment.id
CROSS JOIN LATERAL (
  SELECT COALESCE(sum(earlier.amount), 0) AS before FROM {payments} earlier
  WHERE earlier.invoice_id = payment.invoice_id AND earlier.reversal_of_id IS NULL
    AND (earlier.created_at, earlier.id) < (payment.created_at, payment.id)
    AND NOT EXISTS (SELECT 1 FROM {payments} undone WHERE undone.reversal_of_id = earlier.id)
) standing
WHERE payment.reversal_of_id IS NULL;
"""
REVERSALS = """
INSERT INTO invoices_reversal (id, account_id, receipt_id, how, undone_on, recorded_at, created_at)
SELECT id, account_id, reversal_of_id, 'reverse', paid_at, recorded_at, created_at
FROM {payments} WHERE reversal_of_id IS NOT NULL
UNION ALL
SELECT gen_random_uuid(), receipt.account_id, receipt.id, 'void',
  (invoice.cancelled_at AT TIME ZONE account.time_zone)::date, invoice.cancelled_at, now()
FROM invoices_receipt receipt JOIN invoices_invoice invoice ON invoice.id = receipt.posted_on_id
JOIN accounts_account account ON account.id = receipt.account_id
WHERE receipt.status = 'voided';
"""
ALLOCATIONS = """
INSERT INTO invoices_allocation
  (id, account_id, receipt_id, invoice_id, amount, kind, posting, recorded_at, created_at)
SELECT gen_random_uuid(), account_id, id, posted_on_id, amount - unallocated, 'payment', id, recorded_at, created_at
FROM invoices_receipt WHERE status = 'standing' AND unallocated < amount;
"""
PAID = """
UPDATE invoices_invoice SET amount_paid = amount WHERE amount_paid > amount AND status <> 'cancelled';
UPDATE invoices_invoice SET amount_paid = 0, payment_status = 'unpaid'
WHERE status = 'cancelled' AND (amount_paid <> 0 OR payment_status <> 'unpaid');
SET CONSTRAINTS ALL IMMEDIATE;
"""
MOVE = (RECEIPTS, REVERSALS, ALLOCATIONS, PAID)

VIEW = """
CREATE VIEW invoices_payment AS
SELECT id, account_id, debtor_id, posted_on_id AS invoice_id, id AS receipt_id, amount, currency, paid_at, method,
  reference, NULL::uuid AS reversal_of_id, status, unallocated, recorded_at, created_at
FROM invoices_receipt
UNION ALL
SELECT reversal.id, reversal.account_id, receipt.debtor_id, receipt.posted_on_id, receipt.id, -receipt.amount,
  receipt.currency, reversal.undone_on, receipt.method, '', receipt.id, receipt.status, 0, reversal.recorded_at,
  reversal.created_at
FROM invoices_reversal reversal JOIN invoices_receipt receipt ON receipt.id = reversal.receipt_id;
"""
# A trigger of named columns fires only for an UPDATE that names one of them.
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoices_allocation
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON invoices_reversal
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE
OF id, account_id, posted_on_id, amount, currency, paid_at, method, reference, recorded_at, created_at
ON invoices_receipt FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


def _to(model: str, **more: object) -> models.ForeignKey:
    return models.ForeignKey(to=model, on_delete=django.db.models.deletion.PROTECT, **more)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_people_log_in_in_two_steps"),
        ("invoices", "0011_timeline_parameters"),
    ]

    operations = [
        migrations.CreateModel(
            "Receipt",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("account", _to("accounts.account", db_index=False, related_name="+")),
                (
                    "debtor",
                    _to("invoices.debtor", db_index=False, help_text="Who paid.", related_name="receipts"),
                ),
                (
                    "posted_on",
                    _to(
                        "invoices.invoice",
                        help_text="The invoice that it was recorded on.",
                        null=True,
                        related_name="receipts",
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=3, max_digits=18)),
                ("currency", models.CharField(max_length=3)),
                ("paid_at", models.DateField(help_text="The day the money came.")),
                ("method", models.CharField(default="unspecified", max_length=40)),
                ("reference", models.CharField(blank=True, max_length=100)),
                (
                    "bank_id",
                    models.CharField(blank=True, help_text="The bank's own identifier of the money.", max_length=100),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("standing", "Standing"), ("voided", "Voided"), ("reversed", "Reversed")],
                        default="standing",
                        max_length=10,
                    ),
                ),
                (
                    "unallocated",
                    models.DecimalField(decimal_places=3, help_text="The debtor's credit.", max_digits=18),
                ),
                ("recorded_at", models.DateTimeField(help_text="The account's time.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "constraints": [
                    models.CheckConstraint(condition=Q(amount__gt=0), name="a_receipt_is_positive"),
                    models.CheckConstraint(
                        condition=Q(unallocated__gte=0, unallocated__lte=F("amount")),
                        name="a_receipt_is_allocated_at_most_once",
                    ),
                    models.CheckConstraint(
                        condition=Q(status="standing") | Q(status__in=["voided", "reversed"], unallocated=0),
                        name="a_receipt_that_was_undone_is_no_credit",
                    ),
                    models.UniqueConstraint(
                        fields=["account", "bank_id"],
                        condition=~Q(bank_id=""),
                        name="a_bank_id_is_recorded_once",
                    ),
                    models.UniqueConstraint(
                        fields=["posted_on", "reference"],
                        condition=Q(status="standing") & ~Q(reference=""),
                        name="a_reference_stands_once_on_an_invoice",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["account", "recorded_at"], name="receipt_by_recording"),
                    models.Index(fields=["debtor", "recorded_at"], name="receipt_of_a_debtor"),
                    models.Index(
                        fields=["debtor", "currency"], name="receipt_with_credit", condition=Q(unallocated__gt=0)
                    ),
                    models.Index(
                        fields=["account", "reference"], name="receipt_by_reference", condition=~Q(reference="")
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            "Reversal",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("account", _to("accounts.account", db_index=False, related_name="+")),
                (
                    "receipt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="reversal", to="invoices.receipt"
                    ),
                ),
                (
                    "how",
                    models.CharField(
                        choices=[("void", "Recorded by mistake"), ("reverse", "Taken back by the bank")], max_length=8
                    ),
                ),
                ("undone_on", models.DateField(help_text="The account's date.")),
                ("recorded_at", models.DateTimeField(help_text="The account's time.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [models.Index(fields=["account", "recorded_at"], name="reversal_by_recording")],
            },
        ),
        migrations.CreateModel(
            "Allocation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("account", _to("accounts.account", db_index=False, related_name="+")),
                ("receipt", _to("invoices.receipt", related_name="allocations")),
                ("invoice", _to("invoices.invoice", related_name="allocations")),
                ("amount", models.DecimalField(decimal_places=3, max_digits=18)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("payment", "Payment"),
                            ("credit", "Credit applied"),
                            ("undone", "Payment undone"),
                            ("released", "Returned to credit"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "posting",
                    models.UUIDField(
                        help_text=(
                            "Shared by the lines of one act: the receipt's id, the reversal's, or the key of a form."
                        )
                    ),
                ),
                ("recorded_at", models.DateTimeField(help_text="The account's time.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "constraints": [
                    models.CheckConstraint(condition=~Q(amount=0), name="an_allocation_is_not_zero"),
                    models.UniqueConstraint(
                        fields=["posting", "receipt", "invoice"],
                        name="an_act_allocates_a_receipt_to_an_invoice_once",
                    ),
                ],
            },
        ),
        *(migrations.RunSQL(sql.format(payments="invoices_payment")) for sql in MOVE),
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL(f"DROP TABLE invoices_payment; {VIEW}")],
            [
                migrations.DeleteModel("Payment"),
                migrations.CreateModel(
                    "Payment",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("amount", models.DecimalField(decimal_places=3, max_digits=18)),
                        ("currency", models.CharField(max_length=3)),
                        ("paid_at", models.DateField(help_text="The day the money came.")),
                        ("method", models.CharField(max_length=40)),
                        ("reference", models.CharField(blank=True, max_length=100)),
                        ("unallocated", models.DecimalField(decimal_places=3, max_digits=18)),
                        ("recorded_at", models.DateTimeField(help_text="The account's time.")),
                        ("created_at", models.DateTimeField()),
                    ],
                    options={"db_table": "invoices_payment", "managed": False, "ordering": ["-created_at", "-id"]},
                ),
            ],
        ),
        migrations.RunSQL(APPEND_ONLY),
        migrations.AddField(
            "escalation",
            "resolved_from",
            models.CharField(
                blank=True,
                default="",
                help_text="Its status before it was resolved: it returns to it if reopened.",
                max_length=12,
            ),
        ),
        migrations.AddField(
            "invoice",
            "covered_at",
            models.DateTimeField(
                editable=False, help_text="When its balance became 0, by the account's time.", null=True
            ),
        ),
        migrations.AddField(
            "invoice",
            "dispute_paused",
            models.DurationField(
                editable=False, help_text="How long a dispute did not run, because the invoice was paid.", null=True
            ),
        ),
        migrations.AddField(
            "invoice",
            "not_before",
            models.DateTimeField(
                editable=False,
                help_text="A payment was undone: nothing is sent about the invoice earlier.",
                null=True,
            ),
        ),
        migrations.AddConstraint(
            "invoice",
            models.CheckConstraint(
                condition=Q(amount_paid__gte=0, amount_paid__lte=F("amount")),
                name="an_invoice_is_paid_at_most_its_amount",
            ),
        ),
    ]
