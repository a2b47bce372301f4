"""The outbox: events and their deliveries are inserted in the transaction of the change."""

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.core.cache import cache
from django.db import connection, transaction
from redis.exceptions import RedisError

from inflow import masking
from inflow.accounts.models import Account
from inflow.api.json import dumps
from inflow.celery import wake
from inflow.sql import select
from webhooks.models import Subscription

log = structlog.get_logger(__name__)

API_VERSION = "2026-03-01"
# Cache key that exists from a wake-up until its task starts.
WOKEN, WOKEN_S = "webhooks:woken", 5

# %b sends the bodies in binary: as text, each quotation mark in an array must be escaped, which is slow.
# The counter's row is locked until the commit, so that a reader of events by `seq` never misses a late commit.
_PUT = """
WITH counter AS (
  INSERT INTO webhooks_eventcounter (account_id, seq) SELECT %(account)s, %(count)s
  ON CONFLICT (account_id) DO UPDATE SET seq = webhooks_eventcounter.seq + %(count)s
  RETURNING seq
), event AS (
  INSERT INTO webhooks_event (id, account_id, seq, type, body, created_at)
  SELECT new.id, %(account)s, counter.seq - %(count)s + new.place, %(type)s, new.body, %(now)s
  FROM counter, unnest(%(events)s::text[], %(bodies)b::text[]) WITH ORDINALITY AS new (id, body, place)
  RETURNING id
)
INSERT INTO webhooks_delivery
  (id, account_id, event_id, subscription_id, status, attempts_made, next_attempt_at, created_at)
SELECT gen_random_uuid(), %(account)s, event.id, s.id,
       CASE WHEN s.is_active THEN 'pending' ELSE 'skipped' END, 0,
       CASE WHEN s.is_active THEN %(now)s END, %(now)s
FROM event, webhooks_subscription s
WHERE s.account_id = %(account)s AND s.deleted_at IS NULL
  AND (s.id = %(only)s OR %(only)s IS NULL AND %(type)s = ANY (s.events))
RETURNING id
"""


DELIVER_DUE = "webhooks.tasks.deliver_due"


def put(account: Account, type: str, data: Mapping[str, Any], *, only: Subscription | None = None) -> str:
    """Insert an event for the subscribers of its type, or for the subscription `only`. Return the event's id.

    A transaction must be open.
    """
    return put_all(account, type, [data], only=only)[0]


def put_all(
    account: Account, type: str, data: Sequence[Mapping[str, Any]], *, only: Subscription | None = None
) -> list[str]:
    """Insert events of one type, with consecutive numbers in this order. Return their ids."""
    assert connection.in_atomic_block, "events must be inserted in the transaction of the change"
    now = dt.datetime.now(dt.UTC)
    ids = [f"evt_{secrets.token_hex(16)}" for _ in data]
    values = {
        "account": account.id,
        "count": len(ids),
        "events": ids,
        "type": str(type),
        "only": only.pk if only else None,
        "bodies": [freeze(event_id, type, now, each) for event_id, each in zip(ids, data, strict=True)],
        "now": now,
    }
    if select(_PUT, values):
        transaction.on_commit(wake_sender)
    return ids


def freeze(event_id: str, type: str, at: dt.datetime, data: Mapping[str, Any]) -> str:
    """Return the body that is stored, signed and sent. Links to debtors' pages are masked."""
    body = {"id": event_id, "type": str(type), "timestamp": at, "api_version": API_VERSION, "data": data}
    return masking.mask_links(dumps(body).decode())


def wake_sender() -> None:
    """Wake the sender unless it is already being woken. If a wake-up is lost, the next sweep sends what is due."""
    try:
        is_needed = cache.add(WOKEN, 1, timeout=WOKEN_S)
    except RedisError as error:
        log.warning("broker_unavailable", task=DELIVER_DUE, error=type(error).__name__)
        return
    if is_needed:
        wake(DELIVER_DUE)
