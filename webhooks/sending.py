"""Delivering what is due: claim, send outside any transaction, record."""

import datetime as dt
import random
import threading
import uuid

import requests
from django.db import connection, transaction
from django.utils import timezone

from inflow.accounts.sealing import unseal
from webhooks import signing, transport
from webhooks.models import Attempt, Delivery, DeliveryStatus

# Seconds from one try to the next, as published; jitter only adds.
SCHEDULE_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.2
# Longer than a send can take (transport.DEADLINE_S), so that a lease that ran out is a worker that died.
LEASE = dt.timedelta(seconds=60)
STORED_BYTES = 2 * 1024

_CLAIM = """
UPDATE webhooks_delivery d
SET lease = %(lease)s, next_attempt_at = %(until)s
FROM (
  SELECT id FROM webhooks_delivery
  WHERE status = 'pending' AND next_attempt_at <= %(now)s
  ORDER BY next_attempt_at LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED
) due
WHERE d.id = due.id
RETURNING d.id
"""

_local = threading.local()


def deliver_due(batch: int = 10) -> int:
    """Send what is due now, a batch at a time, until nothing is; how many tries were made."""
    tries = 0
    while claimed := claim(batch):
        lease, ids = claimed
        for delivery in Delivery.objects.filter(pk__in=ids).select_related("event", "subscription"):
            attempt(delivery, lease)
            tries += 1
    return tries


def claim(limit: int) -> tuple[uuid.UUID, list[uuid.UUID]] | None:
    """Take up to `limit` due deliveries for `LEASE`. Two workers never hold the same one."""
    lease, now = uuid.uuid4(), timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"lease": lease, "now": now, "until": now + LEASE, "limit": limit})
        ids = [row[0] for row in cursor.fetchall()]
    return (lease, ids) if ids else None


def attempt(delivery: Delivery, lease: uuid.UUID) -> None:
    """One try, and its record. A write under a lease that is no longer ours is ignored."""
    subscription = delivery.subscription
    if subscription.deleted_at is not None:
        _close(delivery, lease, DeliveryStatus.CANCELLED)
        return
    if not subscription.is_active:
        _close(delivery, lease, DeliveryStatus.SKIPPED)
        return
    at, body = timezone.now(), delivery.event.body.encode()
    headers = signing.headers(unseal(subscription.sealed_secret), delivery.event_id, int(at.timestamp()), body)
    headers["User-Agent"] = "InFlow-Webhooks/1"
    answer = transport.post(_session(), subscription.target_url, body, headers)
    record(delivery, lease, at, answer)


def record(delivery: Delivery, lease: uuid.UUID, at: dt.datetime, answer: transport.Answer) -> None:
    made = delivery.attempts_made + 1
    if answer.status is not None and 200 <= answer.status < 300:
        status, next_at = DeliveryStatus.DELIVERED, None
    elif made >= len(SCHEDULE_S):
        status, next_at = DeliveryStatus.FAILED, None
    else:
        wait = SCHEDULE_S[made] * (1 + random.uniform(0, JITTER))  # noqa: S311
        status, next_at = DeliveryStatus.PENDING, timezone.now() + dt.timedelta(seconds=wait)
    with transaction.atomic():
        ours = Delivery.objects.filter(pk=delivery.pk, lease=lease).update(
            status=status, next_attempt_at=next_at, attempts_made=made, lease=None
        )
        if ours:
            Attempt.objects.create(
                delivery=delivery,
                at=at,
                ms=answer.ms,
                status=answer.status,
                error=answer.error,
                response=answer.body[:STORED_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd"),
            )


def _close(delivery: Delivery, lease: uuid.UUID, status: DeliveryStatus) -> None:
    Delivery.objects.filter(pk=delivery.pk, lease=lease).update(status=status, next_attempt_at=None, lease=None)


def _session() -> requests.Session:
    if not hasattr(_local, "session"):
        _local.session = transport.new_session()
    session: requests.Session = _local.session
    return session
