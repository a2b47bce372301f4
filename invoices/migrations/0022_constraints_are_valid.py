from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations

NAMES = (
    "invoice_amount_is_positive",
    "invoice_is_due_after_its_issue",
    "invoice_status_is_known",
    "invoice_payment_status_is_known",
    "a_paid_invoice_has_its_payments",
    "invoice_counts_are_not_negative",
)


class Migration(migrations.Migration):
    """Check the rows that exist, then drop the one function that held these rules."""

    dependencies = [("invoices", "0021_constraints_with_names")]

    operations = [
        *(ValidateConstraint("invoice", name) for name in NAMES),
        migrations.RunSQL(
            "ALTER TABLE invoices_invoice DROP CONSTRAINT invoice_is_sound; DROP FUNCTION invoice_is_sound",
            # Its rules hold: the constraints above go with the migration before this one only.
            """
            CREATE FUNCTION invoice_is_sound(
                status text, payment_status text, amount numeric, issue_date date, due_date date,
                round integer, slip_days integer, escalation_level integer, version integer
            ) RETURNS boolean IMMUTABLE PARALLEL SAFE LANGUAGE sql AS 'SELECT true';
            ALTER TABLE invoices_invoice ADD CONSTRAINT invoice_is_sound CHECK (invoice_is_sound(
                status, payment_status, amount, issue_date, due_date, round, slip_days, escalation_level, version
            ));
            """,
        ),
    ]
