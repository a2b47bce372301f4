from django.db import migrations

# Django creates these indexes for LIKE 'evt_12%', at the end of a migration. No query needs them, and each event and each
# delivery would be entered in one more index.
INDEXES = {
    "webhooks_event_id_136b0861_like": "webhooks_event (id varchar_pattern_ops)",
    "webhooks_delivery_event_id_b6f5af91_like": "webhooks_delivery (event_id varchar_pattern_ops)",
}


class Migration(migrations.Migration):

    dependencies = [("webhooks", "0001_squashed_0007_secrets_of_the_last_day")]

    operations = [
        migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", f"CREATE INDEX {name} ON {columns}")
        for name, columns in INDEXES.items()
    ]
