import contextlib

from celery import shared_task
from django.core.cache import cache
from redis.exceptions import RedisError

from inflow.celery import wake
from webhooks import notifications, outbox, retention
from webhooks.delivery import sending


@shared_task  # type: ignore[untyped-decorator]
def deliver_due() -> int:
    """Woken after each commit that wrote deliveries, and every few seconds for retries and lost wake-ups."""
    with contextlib.suppress(RedisError):
        cache.delete(outbox.WOKEN)  # before the rows are looked at: who commits later wakes again
    return sending.deliver_due()


@shared_task  # type: ignore[untyped-decorator]
def notify_admins() -> int:
    """Woken when an endpoint is disabled, and every minute. Mail: it waits where mail waits."""
    return notifications.notify_admins()


@shared_task  # type: ignore[untyped-decorator]
def delete_old_events() -> None:
    """Every hour. What one run leaves, because it is bounded in time, the next one takes up at once."""
    if retention.delete_old():
        wake(delete_old_events.name)
