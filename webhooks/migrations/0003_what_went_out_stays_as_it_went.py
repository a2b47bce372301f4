from django.db import migrations


class Migration(migrations.Migration):
    """Events and attempts are never changed, only removed when they are old.

    Deliveries are updated twice each: their dead row versions are cleared before they slow the search for what is due.
    """

    dependencies = [("webhooks", "0002_lanes"), ("accounts", "0002_append_only")]
    operations = [
        *(
            migrations.RunSQL(
                f"""
                CREATE TRIGGER immutable BEFORE UPDATE ON {table}
                FOR EACH ROW EXECUTE FUNCTION refuse_change();
                """,
                f"DROP TRIGGER immutable ON {table};",
            )
            for table in ("webhooks_event", "webhooks_attempt")
        ),
        migrations.RunSQL(
            """
            ALTER TABLE webhooks_delivery SET (
              autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000
            );
            """,
            "ALTER TABLE webhooks_delivery RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);",
        ),
    ]
