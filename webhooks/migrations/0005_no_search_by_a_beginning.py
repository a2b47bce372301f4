from django.db import migrations

# Django makes them for LIKE 'evt_12%', which nobody asks; each event and each delivery had to be entered in one more.
NAMES = {
    "webhooks_event_id_136b0861_like": "webhooks_event (id varchar_pattern_ops)",
    "webhooks_delivery_event_id_b6f5af91_like": "webhooks_delivery (event_id varchar_pattern_ops)",
}


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0004_one_index_for_events_of_an_account")]

    operations = [
        migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", f"CREATE INDEX {name} ON {columns}")
        for name, columns in NAMES.items()
    ]
