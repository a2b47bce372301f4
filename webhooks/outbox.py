"""The outbox: events and their deliveries are written in the transaction of the change they tell of."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from inflow.accounts.models import Account
from inflow.api.json import dumps
from inflow.celery import wake
from webhooks.models import EventType

API_VERSION = "2026-03-01"

# One statement, the last of its transaction: the counter's row stays locked until the commit, so that whoever reads
# the events in order of seq never misses a late commit.
_PUT = """
WITH counter AS (
  INSERT INTO webhooks_eventcounter (account_id, seq) VALUES (%(account)s, 1)
  ON CONFLICT (account_id) DO UPDATE SET seq = webhooks_eventcounter.seq + 1
  RETURNING seq
), event AS (
  INSERT INTO webhooks_event (id, account_id, seq, type, body, created_at)
  SELECT %(event)s, %(account)s, seq, %(type)s, %(body)s, %(now)s FROM counter
  RETURNING id
)
INSERT INTO webhooks_delivery
  (id, account_id, event_id, subscription_id, status, attempts_made, next_attempt_at, created_at)
SELECT gen_random_uuid(), %(account)s, event.id, s.id,
       CASE WHEN s.is_active THEN 'pending' ELSE 'skipped' END, 0,
       CASE WHEN s.is_active THEN %(now)s END, %(now)s
FROM event, webhooks_subscription s
WHERE s.account_id = %(account)s AND s.deleted_at IS NULL AND %(type)s = ANY (s.events)
"""


def put(account: Account, type: EventType, data: Mapping[str, Any]) -> str:
    """Announce `data` to the account's subscribers when the open transaction commits. Returns the event's id."""
    assert connection.in_atomic_block, "an event belongs to the transaction of its change"
    now, event_id = timezone.now(), f"evt_{uuid.uuid4().hex}"
    with connection.cursor() as cursor:
        cursor.execute(
            _PUT,
            {
                "account": account.pk,
                "event": event_id,
                "type": type.value,
                "body": freeze(event_id, type, now, data),
                "now": now,
            },
        )
        has_deliveries = cursor.rowcount > 0
    if has_deliveries:
        transaction.on_commit(_wake)
    return event_id


def freeze(event_id: str, type: EventType, at: dt.datetime, data: Mapping[str, Any]) -> str:
    """The body as it is stored, signed and sent."""
    body = {"id": event_id, "type": type.value, "timestamp": at, "api_version": API_VERSION, "data": data}
    return dumps(body).decode()


def _wake() -> None:
    from webhooks.tasks import deliver_due

    wake(deliver_due)
