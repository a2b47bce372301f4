"""Sending of due deliveries: claim, send without an open transaction, record.

A task runs one drain. Its thread does all database work in batches; sender threads do only HTTP. Several drains can run
at the same time.
"""

import contextlib
import datetime as dt
import mmap
import queue
import threading
import time
from dataclasses import dataclass

import orjson
import structlog
from celery.signals import worker_shutting_down
from cryptography.fernet import InvalidToken
from django.utils import timezone

from inflow import masking
from inflow.accounts.encryption import decrypt
from inflow.restores import highwater, walltime
from inflow.restores.errors import SendingHeld
from webhooks import endpoints, subscriptions
from webhooks.delivery import claims, signing, transport
from webhooks.delivery.claims import Item, Lane, Record
from webhooks.delivery.outcomes import GONE, outcome
from webhooks.models import DeliveryStatus

log = structlog.get_logger(__name__)

# Lanes that may send at the same time. A lane whose request takes longer than `PATIENCE_S` is not counted, because it
# only waits for its endpoint.
BUSY_LANES = 8
PATIENCE_S = 0.02
# Lanes of endpoints that were slow the last time, and all lanes, which limits memory.
SLOW_LANES = 16
ALL_LANES = 256
# A lane starts no further request after this time, so that its endpoint's state is read again. See claims.LEASE.
LANE_S = 2.0
# How often a drain that waits for responses checks for newly due deliveries.
POLL_S = 0.05
STORED_BYTES = 2 * 1024

# One byte, shared by the worker and its children, that is set when the worker shuts down.
_ending = mmap.mmap(-1, 1)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _end(**_: object) -> None:
    _ending[0] = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Attempt:
    """Result of sending an item. It was not sent if `response` is None."""

    lane: Lane
    item: Item
    at_s: float
    response: transport.Response | None


def deliver_due() -> int:
    """Send deliveries until none is due. Return the number of attempts."""
    if not (walltime.is_right() and highwater.may_send()):
        return 0
    with contextlib.closing(_Drain()) as drain:
        return drain.run()


class _Drain:
    def __init__(self) -> None:
        self._work: queue.SimpleQueue[_Run | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[_Attempt | _Run] = queue.SimpleQueue()
        self._runs: set[_Run] = set()
        self._threads = 0
        self._look_at = 0.0  # time of the next query for due rows

    def close(self) -> None:
        """Stop the remaining runs and the threads."""
        for run in self._runs:  # some are left after an error of the database
            run.is_stopped = True
        for _ in range(self._threads):
            self._work.put(None)

    def run(self) -> int:
        attempts = 0
        while True:
            has_more = False
            if _ending[0]:
                for run in self._runs:
                    run.is_stopped = True
            elif self._room() * 2 > BUSY_LANES and time.monotonic() >= self._look_at:
                has_more = walltime.is_right() and self._take()
            if not self._runs and not has_more:
                return attempts
            attempts += self._settle()

    def _room(self) -> int:
        """Return the number of lanes that may start now."""
        patient_since = time.monotonic() - PATIENCE_S
        busy = sum(run.since > patient_since for run in self._runs)
        return min(BUSY_LANES - busy, ALL_LANES - len(self._runs))

    def _take(self) -> bool:
        """Claim deliveries for the free lanes. Return True if any were due, claimed or not."""
        now = timezone.now()
        due = claims.find_due(now)
        slow_room = SLOW_LANES - sum(run.lane.is_slow for run in self._runs)
        lanes: list[Lane] = []
        try:
            for wanted, room in ((due.fast, self._room()), (due.slow, slow_room)):
                lanes += claims.claim(wanted, room, now)
        except SendingHeld as held:
            log.error("sending_held", reason=str(held))
            due = claims.DueEndpoints([], [])  # finish only what was claimed before
        if not lanes:
            self._look_at = time.monotonic() + POLL_S
        for lane in lanes:
            if lane.closes_as:
                claims.release([(item.id, lane.lease) for item in lane.items], DeliveryStatus(lane.closes_as))
            else:
                self._start(lane)
        return bool(due.fast or due.slow)

    def _start(self, lane: Lane) -> None:
        run = _Run(lane)
        self._runs.add(run)
        if len(self._runs) > self._threads:
            self._threads += 1
            threading.Thread(
                target=_serve, args=(self._work, self._results), name=f"webhooks-{self._threads}", daemon=True
            ).start()
        self._work.put(run)

    def _settle(self) -> int:
        """Wait briefly for results and record them. Return the number of attempts."""
        made: list[_Attempt] = []
        unsent: list[_Attempt] = []
        try:
            result = self._results.get(timeout=POLL_S)
            while True:
                if isinstance(result, _Run):
                    self._runs.discard(result)
                    self._look_at = 0.0  # its endpoint has a free lane
                else:
                    (made if result.response else unsent).append(result)
                result = self._results.get_nowait()
        except queue.Empty:
            pass
        if unsent:
            claims.release((result.item.id, result.lane.lease) for result in unsent)
        _record(made)
        return len(made)


def _record(attempts: list[_Attempt]) -> None:
    pairs = [(result, _record_of(result)) for result in attempts]
    ours = claims.record([record for _, record in pairs])
    endpoints.update(
        endpoints.AttemptResult(result.lane.subscription_id, record.at, result.response)
        for result, record in pairs
        if result.response and result.item.id in ours
    )


def _record_of(attempt: _Attempt) -> Record:
    response = attempt.response
    assert response is not None
    attempts = attempt.item.attempts_made + 1
    result = outcome(response, attempts, timezone.now())
    return Record(
        delivery_id=attempt.item.id,
        lease=attempt.lane.lease,
        status=result.status,
        next_attempt_at=result.next_at,
        attempts_made=attempts,
        at=dt.datetime.fromtimestamp(attempt.at_s, tz=dt.UTC),
        ms=response.ms,
        http_status=response.status,
        error=response.error,
        response=stored(response.body),
    )


def stored(body: bytes) -> str:
    """Return the first 2 KiB of a response as text that PostgreSQL accepts: without NUL and invalid UTF-8."""
    text = body[:STORED_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")
    return text.encode()[:STORED_BYTES].decode("utf-8", "ignore")


# --- The senders -------------------------------------------------------------------------------------------------


class _Run:
    """A lane that is being sent. `since` is the start of its current request."""

    __slots__ = ("is_stopped", "lane", "since", "until")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.since = time.monotonic()
        self.until = self.since + LANE_S
        self.is_stopped = False


def _serve(work: "queue.SimpleQueue[_Run | None]", results: "queue.SimpleQueue[_Attempt | _Run]") -> None:
    while run := work.get():
        run.since = time.monotonic()
        secrets = _secrets(run.lane)
        for item in run.lane.items:
            response = None
            at = time.time()
            if not run.is_stopped and time.monotonic() < run.until:
                response = _send(run, secrets, item, int(at)) if secrets else _UNREADABLE
                if response.ms >= endpoints.SLOW_MS or response.status == GONE:
                    run.is_stopped = True
            results.put(_Attempt(run.lane, item, at, response))
        results.put(run)


_UNREADABLE = transport.Response(0, error="secret_unreadable")


def _secrets(lane: Lane) -> list[str]:
    """Return the secrets that sign, newest first. The list is empty if no key of FIELD_KEYS can decrypt them."""
    earlier = subscriptions.earlier_signing_secrets(orjson.loads(lane.earlier_secrets), timezone.now())
    try:
        return [decrypt(each) for each in (lane.sealed_secret, *earlier)]
    except InvalidToken:
        log.error("webhook_secret_unreadable", subscription=str(lane.subscription_id))
        return []


def _send(run: _Run, secrets: list[str], item: Item, timestamp: int) -> transport.Response:
    """Send one request. All errors are returned, because a lane that is not released would block its endpoint."""
    run.since = time.monotonic()
    try:
        body = masking.mask_body(item.body.encode())  # older releases stored unmasked links
        headers = signing.headers(secrets[0], item.event_id, timestamp, body, secrets[1:])
        headers["User-Agent"] = "InFlow-Webhooks/1"
        return transport.post(run.lane.target_url, body, headers)
    except Exception:
        log.exception("webhook_send_failed", subscription=str(run.lane.subscription_id))
        return transport.Response(0, error="internal")
