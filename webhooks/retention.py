"""Deletion of old events with their deliveries and attempts, in small transactions."""

import datetime as dt
import time
import uuid

from django.conf import settings
from django.db import connection
from django.utils import timezone

from inflow.accounts.models import Account
from inflow.restores import walltime
from webhooks.delivery.outcomes import SCHEDULE_S
from webhooks.models import Delivery, DeliveryStatus, Subscription

BATCH = 1_000
RUN_S = 20.0

# The oldest attempts have the lowest ids.
_ATTEMPTS = """
DELETE FROM webhooks_attempt WHERE at < %(before)s AND id IN (
  SELECT id FROM webhooks_attempt ORDER BY id LIMIT %(batch)s
)
"""
# Delete the account's oldest events up to the first that is recent or pending, so that the rest has no gap.
_EVENTS = """
WITH oldest AS (
  SELECT e.id, e.seq, e.created_at < %(before)s AND NOT EXISTS (
    SELECT FROM webhooks_delivery d WHERE d.event_id = e.id AND d.status = 'pending'
  ) AS may_go
  FROM webhooks_event e WHERE e.account_id = %(account)s ORDER BY e.seq LIMIT %(batch)s
), going AS MATERIALIZED (
  SELECT id FROM oldest WHERE seq < COALESCE((SELECT min(seq) FROM oldest WHERE NOT may_go), 9223372036854775807)
), attempts AS (
  DELETE FROM webhooks_attempt USING webhooks_delivery d, going
  WHERE webhooks_attempt.delivery_id = d.id AND d.event_id = going.id
), deliveries AS (
  DELETE FROM webhooks_delivery d USING going WHERE d.event_id = going.id
)
DELETE FROM webhooks_event e USING going WHERE e.id = going.id
"""


def delete_old(batch: int = BATCH, run_s: float = RUN_S) -> bool:
    """Delete what is older than the settings allow, for `run_s` seconds at most. Return True if some is left."""
    if not walltime.is_right():
        return False
    ends_at = time.monotonic() + run_s
    now = timezone.now()
    _reset_future_attempts(now)
    while _run(_ATTEMPTS, before=now - dt.timedelta(days=settings.WEBHOOK_ATTEMPTS_DAYS), batch=batch):
        if time.monotonic() > ends_at:
            return True
    before = now - dt.timedelta(days=settings.WEBHOOK_EVENTS_DAYS)
    for account in Account.objects.values_list("pk", flat=True):
        while _run(_EVENTS, account=account, before=before, batch=batch) == batch:
            if time.monotonic() > ends_at:
                return True
    Subscription.objects.filter(deleted_at__lt=before, deliveries=None).delete()
    return False


# The longest time between two attempts.
_MAX_WAIT = dt.timedelta(seconds=2 * max(SCHEDULE_S))


def _reset_future_attempts(now: dt.datetime) -> None:
    """Make deliveries due that were postponed too far because the clock was ahead."""
    postponed = Delivery.objects.filter(status=DeliveryStatus.PENDING, next_attempt_at__gt=now + _MAX_WAIT)
    postponed.update(next_attempt_at=now, lease=None)
    Subscription.objects.filter(failing_since__gt=now).update(failing_since=now)


def _run(statement: str, **values: dt.datetime | uuid.UUID | int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        count: int = cursor.rowcount
    return count
