"""The queue of deliveries: workers claim them, and record or release them afterwards.

A lane is a few deliveries of one endpoint that share a lease and are sent one after the other. An endpoint has at most
`LANES` lanes at a time among all workers. Due deliveries are found by endpoint, so that the backlog of one does not
delay the others.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby

from django.db import connection, transaction
from django.utils import timezone

from inflow.restores import highwater
from inflow.restores.errors import SendingHeld
from webhooks.models import DeliveryStatus

LANES = 2
ROWS = 10
SEEN = 100  # endpoints of each kind that one query returns
# After this time, the rows of a worker that died are due again. It is longer than a lane can take, which is
# sending.LANE_S and one more request of transport.TOTAL_S.
LEASE = dt.timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Item:
    """A claimed delivery."""

    id: uuid.UUID
    event_id: str
    body: str
    attempts_made: int


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """Claimed deliveries of one endpoint."""

    lease: uuid.UUID
    subscription_id: uuid.UUID
    target_url: str
    sealed_secret: str
    earlier_secrets: str  # JSON of secrets that may still sign
    closes_as: str  # final status of deliveries to a subscription that is not active; else empty
    is_slow: bool
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DueEndpoints:
    """Endpoints with due deliveries and free lanes, in the order of service."""

    fast: list[uuid.UUID]
    slow: list[uuid.UUID]


@dataclass(frozen=True, slots=True)
class Record:
    """Result of an attempt, with the new status and next attempt of the delivery."""

    delivery_id: uuid.UUID
    lease: uuid.UUID
    status: DeliveryStatus
    next_attempt_at: dt.datetime | None
    attempts_made: int
    at: dt.datetime
    ms: int
    http_status: int | None
    error: str
    response: str


# Finds each endpoint with pending rows by one index lookup, regardless of the number of rows. Endpoints with fewer
# lanes in use come first, otherwise in random order, so that a long backlog does not delay new deliveries.
_WAITING = """
WITH RECURSIVE head AS (
  (SELECT subscription_id, next_attempt_at FROM webhooks_delivery WHERE status = 'pending'
   ORDER BY subscription_id, next_attempt_at LIMIT 1)
  UNION ALL
  SELECT following.subscription_id, following.next_attempt_at FROM head, LATERAL (
    SELECT d.subscription_id, d.next_attempt_at FROM webhooks_delivery d
    WHERE d.status = 'pending' AND d.subscription_id > head.subscription_id
    ORDER BY d.subscription_id, d.next_attempt_at LIMIT 1
  ) following
)
SELECT id, is_slow FROM (
  SELECT s.id, s.is_slow, row_number() OVER (PARTITION BY s.is_slow ORDER BY held.lanes, random()) AS place
  FROM head
  JOIN webhooks_subscription s ON s.id = head.subscription_id
  CROSS JOIN LATERAL (
    SELECT count(DISTINCT d.lease) AS lanes FROM webhooks_delivery d
    WHERE d.subscription_id = s.id AND d.lease IS NOT NULL AND d.status = 'pending' AND d.next_attempt_at > %(now)s
  ) held
  WHERE head.next_attempt_at <= %(now)s AND held.lanes < %(lanes)s
) endpoint
WHERE place <= %(seen)s ORDER BY place
"""

# Lets one worker at a time claim from an endpoint. The claim is a later statement, so that it sees the previous one.
_LOCK = """
SELECT s.id FROM unnest(%(wanted)s::uuid[]) WITH ORDINALITY AS wanted (id, place)
JOIN webhooks_subscription s USING (id)
ORDER BY wanted.place LIMIT %(limit)s FOR NO KEY UPDATE OF s SKIP LOCKED
"""
_CLAIM = """
WITH endpoint AS (
  SELECT s.id, s.is_slow, %(lanes)s - (
    SELECT count(DISTINCT d.lease) FROM webhooks_delivery d
    WHERE d.subscription_id = s.id AND d.lease IS NOT NULL AND d.status = 'pending' AND d.next_attempt_at > %(now)s
  ) AS free
  FROM webhooks_subscription s WHERE s.id = ANY (%(locked)s)
), lane AS MATERIALIZED (
  SELECT id AS subscription_id, number, free, gen_random_uuid() AS lease
  FROM endpoint, generate_series(0, free - 1) AS number
), due AS (
  SELECT row.id, endpoint.id AS subscription_id,
         (row_number() OVER (PARTITION BY endpoint.id ORDER BY row.next_attempt_at) - 1) %% endpoint.free AS number
  FROM endpoint, LATERAL (
    SELECT d.id, d.next_attempt_at FROM webhooks_delivery d
    WHERE d.subscription_id = endpoint.id AND d.status = 'pending' AND d.next_attempt_at <= %(now)s
    ORDER BY d.next_attempt_at LIMIT endpoint.free * CASE WHEN endpoint.is_slow THEN 1 ELSE %(rows)s END
  ) row
  WHERE endpoint.free > 0
)
UPDATE webhooks_delivery d SET lease = lane.lease, next_attempt_at = %(until)s
FROM due
JOIN lane USING (subscription_id, number)
JOIN webhooks_subscription s ON s.id = due.subscription_id
CROSS JOIN webhooks_event e
WHERE d.id = due.id AND d.status = 'pending' AND d.next_attempt_at <= %(now)s AND e.id = d.event_id
RETURNING lane.lease, s.id, s.target_url, s.sealed_secret,
  s.earlier_secrets::text,
  CASE WHEN s.is_active AND s.deleted_at IS NULL THEN ''
       WHEN s.deleted_at IS NOT NULL OR s.disabled_reason = 'gone' THEN 'cancelled' ELSE 'skipped' END,
  s.is_slow, d.id, d.event_id, e.body, d.attempts_made
"""

_RECORD = """
WITH made AS (
  SELECT * FROM unnest(
    %(delivery_id)s::uuid[], %(lease)s::uuid[], %(status)s::text[], %(next_attempt_at)s::timestamptz[],
    %(attempts_made)s::int[], %(at)s::timestamptz[], %(ms)s::int[], %(http_status)s::int[], %(error)s::text[],
    %(response)s::text[]
  ) AS made (id, lease, status, next_attempt_at, attempts_made, at, ms, code, error, response)
), ours AS (
  UPDATE webhooks_delivery d
  SET status = made.status, next_attempt_at = made.next_attempt_at, attempts_made = made.attempts_made, lease = NULL
  FROM made WHERE d.id = made.id AND d.lease = made.lease
  RETURNING d.id
)
INSERT INTO webhooks_attempt (delivery_id, at, ms, status, error, response)
SELECT made.id, made.at, made.ms, made.code, made.error, made.response FROM made JOIN ours USING (id)
RETURNING delivery_id
"""

_RELEASE = """
UPDATE webhooks_delivery d SET lease = NULL, status = %(status)s, next_attempt_at = %(next)s
FROM unnest(%(ids)s::uuid[], %(leases)s::uuid[]) AS given (id, lease)
WHERE d.id = given.id AND d.lease = given.lease
"""


def find_due(now: dt.datetime) -> DueEndpoints:
    """Return the endpoints with due deliveries and free lanes."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"now": now, "lanes": LANES, "seen": SEEN})
        found = DueEndpoints([], [])
        for subscription_id, is_slow in cursor.fetchall():
            (found.slow if is_slow else found.fast).append(subscription_id)
    return found


def claim(wanted: Sequence[uuid.UUID], limit: int, now: dt.datetime) -> list[Lane]:
    """Claim due deliveries of the first `limit` endpoints in their free lanes, for the time of `LEASE`.

    Endpoints from which another worker is claiming are skipped, so that two workers never hold the same delivery.
    Raise `SendingHeld` if sending is held; nothing remains claimed then.
    """
    if not wanted or limit <= 0:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK, {"wanted": list(wanted), "limit": limit})
        locked = [row[0] for row in cursor.fetchall()]
        if not locked:
            return []
        cursor.execute(_CLAIM, {"locked": locked, "now": now, "until": now + LEASE, "lanes": LANES, "rows": ROWS})
        rows = sorted(cursor.fetchall(), key=lambda row: row[0])
    lanes = []
    for head, group in groupby(rows, lambda row: row[:7]):
        lane = Lane(*head)
        lane.items.extend(Item(*row[7:]) for row in group)
        lanes.append(lane)
    if lanes:
        try:
            highwater.advance()
        except SendingHeld:
            release((item.id, lane.lease) for lane in lanes for item in lane.items)
            raise
    return lanes


def record(records: Sequence[Record]) -> set[uuid.UUID]:
    """Store the results of attempts whose leases are still valid. Return the ids of their deliveries."""
    if not records:
        return set()
    values = {field.name: [getattr(each, field.name) for each in records] for field in fields(Record)}
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, values | {"status": [str(each.status) for each in records]})
        return {row[0] for row in cursor.fetchall()}


def release(items: Iterable[tuple[uuid.UUID, uuid.UUID]], status: DeliveryStatus = DeliveryStatus.PENDING) -> None:
    """Give back deliveries without an attempt: due again, or ended with another status than pending. `items` are pairs
    of delivery id and lease."""
    ids, leases = zip(*items, strict=True)
    next_at = timezone.now() if status == DeliveryStatus.PENDING else None
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"ids": list(ids), "leases": list(leases), "status": status.value, "next": next_at})
