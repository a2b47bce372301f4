"""Sending again what was sent, skipped or given up: the same event, with the same id, to the same endpoint."""

import datetime as dt

from django.db import connection
from django.utils import timezone

from webhooks.errors import EventTooOld, SubscriptionDisabled
from webhooks.models import Delivery, Subscription
from webhooks.outbox import wake_sender

REPLAY_WINDOW = dt.timedelta(days=14)


# What a worker is sending at this moment stays with it; what waits for a retry goes now. The schedule begins anew.
_REPLAY = """
UPDATE webhooks_delivery SET status = 'pending', next_attempt_at = %(now)s, attempts_made = 0, lease = NULL
WHERE subscription_id = %(subscription)s AND created_at >= %(since)s AND (id = %(only)s OR %(only)s IS NULL)
  AND (status <> 'pending' OR lease IS NULL OR next_attempt_at <= %(now)s)
  AND (NOT %(failed)s OR status IN ('failed', 'skipped') OR (status = 'pending' AND attempts_made > 0))
"""


def replay(delivery: Delivery) -> None:
    """Send one delivery again. Raises `Disabled` and `TooOld`."""
    _check(delivery.subscription, delivery.created_at)
    _replay(delivery.subscription, delivery.created_at, delivery)


def replay_since(subscription: Subscription, since: dt.datetime, *, only_failed: bool = False) -> int:
    """Send everything again that was due to this endpoint since then, or only what of it did not arrive; how many
    deliveries. Raises `Disabled` and `TooOld`.
    """
    _check(subscription, since)
    return _replay(subscription, since, only_failed=only_failed)


def _check(subscription: Subscription, since: dt.datetime) -> None:
    if not subscription.is_active:
        raise SubscriptionDisabled
    if since < timezone.now() - REPLAY_WINDOW:
        raise EventTooOld


def _replay(
    subscription: Subscription, since: dt.datetime, only: Delivery | None = None, *, only_failed: bool = False
) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _REPLAY,
            {
                "subscription": subscription.pk,
                "since": since,
                "only": only.pk if only else None,
                "failed": only_failed,
                "now": timezone.now(),
            },
        )
        count: int = cursor.rowcount
    if count:
        wake_sender()
    return count
