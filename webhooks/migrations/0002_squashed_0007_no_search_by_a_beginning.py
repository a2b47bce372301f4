from django.db import migrations

# Django creates these indexes for LIKE 'evt_12%', at the end of a migration. No query needs them, and each event and each
# delivery would be entered in one more index.
INDEXES = {
    "webhooks_event_id_136b0861_like": "webhooks_event (id varchar_pattern_ops)",
    "webhooks_delivery_event_id_b6f5af91_like": "webhooks_delivery (event_id varchar_pattern_ops)",
}


class Migration(migrations.Migration):

    replaces = [
        ("webhooks", "0002_lanes"),
        ("webhooks", "0003_what_went_out_stays_as_it_went"),
        ("webhooks", "0004_one_index_for_events_of_an_account"),
        ("webhooks", "0005_no_search_by_a_beginning"),
        ("webhooks", "0006_events_kept_from_a_number"),
    ]

    dependencies = [("webhooks", "0001_squashed_0007_secrets_of_the_last_day")]

    operations = [
        migrations.RunSQL(f"DROP INDEX IF EXISTS {name}", f"CREATE INDEX {name} ON {columns}")
        for name, columns in INDEXES.items()
    ]
