import datetime as dt

from django.db import migrations, models


def keep_previous(apps, schema_editor):
    """Put the one secret before into the list of those that sign beside the newest."""
    now = dt.datetime.now(dt.UTC)
    subscriptions = apps.get_model("webhooks", "Subscription").objects.filter(previous_secret_until__gt=now)
    for subscription in subscriptions.exclude(sealed_previous_secret=""):
        until = subscription.previous_secret_until.isoformat()
        subscription.earlier_secrets = [{"sealed": subscription.sealed_previous_secret, "until": until}]
        subscription.save(update_fields=["earlier_secrets"])


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0006_events_kept_from_a_number")]

    operations = [
        migrations.AddField(
            model_name="subscription",
            name="earlier_secrets",
            field=models.JSONField(
                db_default=[],
                default=list,
                editable=False,
                help_text="Those that sign beside it, newest first: each with the moment at which it ends.",
            ),
        ),
        migrations.RunPython(keep_previous, migrations.RunPython.noop, elidable=True),
        migrations.RemoveField(model_name="subscription", name="previous_secret_until"),
        migrations.RemoveField(model_name="subscription", name="sealed_previous_secret"),
    ]
