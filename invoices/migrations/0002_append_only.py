from django.db import migrations


class Migration(migrations.Migration):
    """The ledger and the timeline only grow."""

    dependencies = [("invoices", "0001_initial"), ("accounts", "0002_append_only")]
    operations = [
        migrations.RunSQL(
            f"""
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION refuse_change();
            """,
            f"DROP TRIGGER append_only ON {table};",
        )
        for table in ("invoices_payment", "invoices_timelineentry")
    ]
