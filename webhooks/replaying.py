"""Replays of deliveries: the same event, with the same id, is sent again to the same endpoint."""

import datetime as dt
from typing import Any

from django.db import connection
from django.utils import timezone

from webhooks.errors import EventTooOld, SubscriptionDisabled
from webhooks.models import Delivery, Subscription
from webhooks.outbox import wake_sender

REPLAY_WINDOW = dt.timedelta(days=14)

# A delivery that a worker is sending is left to it; one that is scheduled for a retry is sent now. Attempts start anew.
_REPLAY = """
UPDATE webhooks_delivery SET status = 'pending', next_attempt_at = %(now)s, attempts_made = 0, lease = NULL
WHERE subscription_id = %(subscription)s AND created_at >= %(since)s AND (id = %(only)s OR %(only)s IS NULL)
  AND (status <> 'pending' OR lease IS NULL OR next_attempt_at <= %(now)s)
  AND (NOT %(failed)s OR status IN ('failed', 'skipped') OR (status = 'pending' AND attempts_made > 0))
"""


def replay(delivery: Delivery) -> None:
    """Send a delivery again. Raise `SubscriptionDisabled` or `EventTooOld` if that is not possible."""
    replay_since(delivery.subscription, delivery.created_at, only=delivery)


def replay_since(
    subscription: Subscription, since: dt.datetime, *, only: Delivery | None = None, only_failed: bool = False
) -> int:
    """Send deliveries since `since` again: all, only one, or only those that failed. Return their number.

    Raise `SubscriptionDisabled` or `EventTooOld` if that is not possible.
    """
    now = timezone.now()
    if not subscription.is_active:
        raise SubscriptionDisabled
    if since < now - REPLAY_WINDOW:
        raise EventTooOld
    which: dict[str, Any] = {"subscription": subscription.pk, "since": since, "only": only and only.pk}
    with connection.cursor() as cursor:
        cursor.execute(_REPLAY, which | {"failed": only_failed, "now": now})
        count: int = cursor.rowcount
    if count:
        wake_sender()
    return count
