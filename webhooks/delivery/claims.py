"""The delivery rows as a queue: who may send what, for how long, and what became of it.

A lane is a few deliveries of one endpoint under one lease, sent one after the other. An endpoint has at most
`LANES` of them at a time, over all workers: that is its requests in flight. What is due is found by endpoint, so that
a backlog of one costs the others nothing.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from django.db import connection, transaction
from django.utils import timezone

from inflow.restores import highwater
from inflow.restores.errors import SendingHeld
from webhooks.models import DeliveryStatus

LANES = 2
ROWS = 10
SEEN = 100  # endpoints that one look brings, of each kind
# A worker that dies leaves its rows to the others after this time. Longer than a lane may last (sending.LANE_S, then
# one more send of transport.TOTAL_S), so that a lease that ran out is a worker that died.
LEASE = dt.timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery to try."""

    id: uuid.UUID
    event_id: str
    body: str
    attempts_made: int


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    lease: uuid.UUID
    subscription_id: uuid.UUID
    target_url: str
    sealed_secret: str
    earlier_secrets: str  # JSON: those that sign beside it, as far as they have not ended
    closes_as: str  # the status that its deliveries end in without a try; empty where it is active
    is_slow: bool
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The endpoints that have something due and a lane free, in the order in which they are served."""

    fast: list[uuid.UUID]
    slow: list[uuid.UUID]


@dataclass(frozen=True, slots=True)
class Record:
    """Result of an attempt. `status` and `next_attempt_at` become the delivery's."""

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


# From each endpoint with pending rows to the next, one look into the index each: how much is pending doesn't matter.
# They take turns by lot, those that hold no lane first: by age, a long backlog would come before all that is new.
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

# Its lock makes one claimant of an endpoint at a time; the claim, a later statement, then sees what the one before did.
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
    %(ids)s::uuid[], %(leases)s::uuid[], %(statuses)s::text[], %(nexts)s::timestamptz[], %(tries)s::int[],
    %(ats)s::timestamptz[], %(mss)s::int[], %(codes)s::int[], %(errors)s::text[], %(responses)s::text[]
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


def waiting(now: dt.datetime) -> Waiting:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"now": now, "lanes": LANES, "seen": SEEN})
        found = Waiting([], [])
        for subscription_id, is_slow in cursor.fetchall():
            (found.slow if is_slow else found.fast).append(subscription_id)
    return found


def claim(wanted: Sequence[uuid.UUID], limit: int, now: dt.datetime) -> list[Lane]:
    """Take what is due of the first `limit` of these endpoints, as far as their lanes are free, for `LEASE`. Endpoints
    that another worker is claiming at this moment are left out: two workers never hold the same delivery. Raises
    `SendingHeld`, having taken nothing.
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
        _leave_mark(lanes)
    return lanes


def _leave_mark(lanes: Sequence[Lane]) -> None:
    """Leave one mark for all that was claimed together."""
    try:
        highwater.advance()
    except SendingHeld:
        release([(item.id, lane.lease) for lane in lanes for item in lane.items], timezone.now())
        raise


def _attempt(r: Record) -> tuple[dt.datetime, int, int | None, str, str]:
    return r.at, r.ms, r.http_status, r.error, r.response


def record(records: Sequence[Record]) -> set[uuid.UUID]:
    """Write what the tries came to; the deliveries that were still ours. What is no longer ours is left as it is."""
    if not records:
        return set()
    columns = zip(
        *((r.delivery_id, r.lease, r.status.value, r.next_attempt_at, r.attempts_made, *_attempt(r)) for r in records),
        strict=True,
    )
    names = ("ids", "leases", "statuses", "nexts", "tries", "ats", "mss", "codes", "errors", "responses")
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, dict(zip(names, map(list, columns), strict=True)))
        return {row[0] for row in cursor.fetchall()}


def release(items: Iterable[tuple[uuid.UUID, uuid.UUID]], now: dt.datetime) -> None:
    """Give (delivery, lease) back without a try: due again at once."""
    _put_back(items, DeliveryStatus.PENDING, now)


def close(items: Iterable[tuple[uuid.UUID, uuid.UUID]], status: DeliveryStatus) -> None:
    """End (delivery, lease) without a try."""
    _put_back(items, status, None)


def _put_back(
    items: Iterable[tuple[uuid.UUID, uuid.UUID]], status: DeliveryStatus, next_at: dt.datetime | None
) -> None:
    ids, leases = zip(*items, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"ids": list(ids), "leases": list(leases), "status": status.value, "next": next_at})
