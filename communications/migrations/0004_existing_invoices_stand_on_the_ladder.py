from django.db import migrations


class Migration(migrations.Migration):
    """What was there before the ladder goes on from where the first reminder left it."""

    dependencies = [("communications", "0003_ladders"), ("invoices", "0003_ladders"), ("accounts", "0002_append_only")]
    operations = [
        migrations.RunSQL(
            """
            UPDATE invoices_invoice i SET entered_on = (i.created_at AT TIME ZONE a.time_zone)::date
            FROM accounts_account a WHERE a.id = i.account_id AND i.entered_on IS NULL;
            UPDATE invoices_invoice i SET last_step = done.step
            FROM (SELECT invoice_id, round, max(step) AS step FROM communications_communication
                  WHERE status NOT IN ('scheduled', 'held', 'sending', 'cancelled')
                    AND suppressed_reason NOT IN ('paid', 'closed') GROUP BY 1, 2) done
            WHERE done.invoice_id = i.id AND done.round = i.round;
            UPDATE invoices_invoice SET next_contact_at = now()
            WHERE status IN ('new', 'overdue', 'on_hold', 'disputed') AND next_contact_at IS NULL;
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            """
            ALTER TABLE invoices_payment DISABLE TRIGGER append_only;
            UPDATE invoices_payment SET recorded_at = created_at;
            ALTER TABLE invoices_payment ENABLE TRIGGER append_only;
            """,
            migrations.RunSQL.noop,
        ),
    ]
