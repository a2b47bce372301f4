"""Celery tasks of `webhooks`. `inflow.settings` has their schedule."""

import contextlib

from celery import shared_task
from django.core.cache import cache
from redis.exceptions import RedisError

from inflow.celery import wake
from webhooks import notifications, outbox, retention
from webhooks.delivery import sending


@shared_task  # type: ignore[untyped-decorator]
def deliver_due() -> int:
    """Send due deliveries. Runs after each commit with deliveries, and every few seconds."""
    with contextlib.suppress(RedisError):
        cache.delete(outbox.WOKEN)  # before the rows are read, so that a later commit wakes the task again
    return sending.deliver_due()


@shared_task  # type: ignore[untyped-decorator]
def notify_admins() -> int:
    """Mail due notices. Runs when an endpoint is disabled, and every minute."""
    return notifications.notify_admins()


@shared_task  # type: ignore[untyped-decorator]
def delete_old_events() -> None:
    """Delete old events. Runs every hour, and again immediately if it has reached its time limit."""
    if retention.delete_old():
        wake(delete_old_events.name)
