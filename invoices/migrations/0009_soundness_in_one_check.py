from django.db import migrations, models
from django.db.models import Q
from django.db.models.deletion import PROTECT

# PostgreSQL reads and plans each CHECK of a table anew for each statement that writes to it; a function's text it reads once
# for a connection (docs/performance.md).
_CHECK = """
CREATE FUNCTION invoice_is_sound(
    status text, payment_status text, amount numeric, issue_date date, due_date date,
    round integer, slip_days integer, escalation_level integer, version integer
) RETURNS boolean IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    RETURN amount > 0 AND issue_date <= due_date
        AND round >= 0 AND slip_days >= 0 AND escalation_level >= 0 AND version >= 0
        AND status = ANY ('{new,overdue,on_hold,disputed,written_off,paid,cancelled}')
        AND payment_status = ANY ('{unpaid,partially_paid,paid}')
        AND (status <> 'paid' OR payment_status = 'paid');
END $$;
ALTER TABLE invoices_invoice ADD CONSTRAINT invoice_is_sound CHECK (invoice_is_sound(
    status, payment_status, amount, issue_date, due_date, round, slip_days, escalation_level, version
));
"""
_WITHOUT_CHECK = """
ALTER TABLE invoices_invoice DROP CONSTRAINT invoice_is_sound;
DROP FUNCTION invoice_is_sound;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("communications", "0012_ladders_have_a_revision"),
        ("invoices", "0008_imports"),
    ]

    operations = [
        migrations.RunSQL(_CHECK, _WITHOUT_CHECK),
        *(
            migrations.RemoveConstraint("invoice", name)
            for name in (
                "invoice_amount_is_positive",
                "invoice_is_due_after_its_issue",
                "invoice_status_is_known",
                "invoice_payment_status_is_known",
                "a_paid_invoice_has_its_payments",
            )
        ),
        migrations.AlterField("invoice", "round", models.SmallIntegerField(default=0, editable=False)),
        migrations.AlterField(
            "invoice",
            "slip_days",
            models.SmallIntegerField(default=0, editable=False, help_text="What late steps added up to."),
        ),
        migrations.AlterField("invoice", "escalation_level", models.SmallIntegerField(default=0, editable=False)),
        migrations.AlterField("invoice", "version", models.IntegerField(default=1, editable=False)),
        # Few have a policy of their own.
        migrations.AlterField(
            "invoice",
            "policy",
            models.ForeignKey(
                "communications.reminderpolicy",
                PROTECT,
                blank=True,
                db_index=False,
                editable=False,
                help_text="Empty: the account's default.",
                null=True,
                related_name="+",
            ),
        ),
        migrations.AddIndex(
            "invoice", models.Index(fields=["policy"], condition=Q(policy__isnull=False), name="invoice_of_a_policy")
        ),
    ]
