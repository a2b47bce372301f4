from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import F, Q

STATUSES = ["new", "overdue", "on_hold", "disputed", "written_off", "paid", "cancelled"]
CONSTRAINTS = {
    "invoice_amount_is_positive": Q(amount__gt=0),
    "invoice_is_due_after_its_issue": Q(issue_date__lte=F("due_date")),
    "invoice_status_is_known": Q(status__in=STATUSES),
    "invoice_payment_status_is_known": Q(payment_status__in=["unpaid", "partially_paid", "paid"]),
    "a_paid_invoice_has_its_payments": ~Q(status="paid") | Q(payment_status="paid"),
    "invoice_counts_are_not_negative": Q(round__gte=0, slip_days__gte=0, escalation_level__gte=0, version__gte=0),
}


class Migration(migrations.Migration):
    """Hold new rows to rules that have names. The next migration checks the rows that exist, without a long lock."""

    dependencies = [("invoices", "0020_numbers_in_one_spelling")]

    operations = [
        AddConstraintNotValid("invoice", models.CheckConstraint(condition=condition, name=name))
        for name, condition in CONSTRAINTS.items()
    ]
