from django.db import migrations


class Migration(migrations.Migration):
    """A function for the tables that only grow, and its first use: the audit log."""

    dependencies = [("accounts", "0001_initial")]
    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accounts_auditentry
            FOR EACH ROW EXECUTE FUNCTION refuse_change();
            """,
            "DROP TRIGGER append_only ON accounts_auditentry; DROP FUNCTION refuse_change;",
        )
    ]
