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

# Attempts are numbered as they are written, so that the old ones are the first.
_ATTEMPTS = """
DELETE FROM webhooks_attempt WHERE at < %(before)s AND id IN (
  SELECT id FROM webhooks_attempt ORDER BY id LIMIT %(batch)s
)
"""
# From the account's oldest event on, as far as all are old and nothing of them is to be sent: what is kept has no gap.
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
    """Remove what is older than the settings say, for `run_s` seconds at most. Whether some is left."""
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


# No try is ever put off for longer.
_MAX_WAIT = dt.timedelta(seconds=2 * max(SCHEDULE_S))


def _reset_future_attempts(now: dt.datetime) -> None:
    """Make due what a clock that was ahead put off."""
    put_off = Delivery.objects.filter(status=DeliveryStatus.PENDING, next_attempt_at__gt=now + _MAX_WAIT)
    put_off.update(next_attempt_at=now, lease=None)
    Subscription.objects.filter(failing_since__gt=now).update(failing_since=now)


def _run(statement: str, **values: dt.datetime | uuid.UUID | int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        count: int = cursor.rowcount
    return count
