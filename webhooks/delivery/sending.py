"""Delivering what is due: claim, send outside any transaction, record.

One task runs one drain. Its own thread does all the database work, in batches; sender threads do nothing but HTTP.
Any number of drains share the rows, and it doesn't matter how often or how late one is started.
"""

import datetime as dt
import mmap
import queue
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

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

# Lanes that are sending at one moment. One whose send lasts longer than `PATIENCE_S` waits for the other side and
# costs nothing, so that the next may start: an endpoint's slowness is its own.
BUSY_LANES = 8
PATIENCE_S = 0.02
# Of endpoints that were slow the last time; and of all, which is a bound for memory and never for fairness.
SLOW_LANES = 16
ALL_LANES = 256
# A lane begins no further send after this time: its endpoint's state is read anew. claims.LEASE covers it.
LANE_S = 2.0
# How often a drain that waits for answers looks for what fell due meanwhile.
POLL_S = 0.05
STORED_BYTES = 2 * 1024

# One byte that the worker shares with its children: it is set when the worker is to end.
_ending = mmap.mmap(-1, 1)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _end(**_: object) -> None:
    _ending[0] = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Try:
    """Result of sending an item. Without a response it was not sent."""

    lane: Lane
    item: Item
    at_s: float
    answer: transport.Answer | None


def deliver_due() -> int:
    """Send what is due, and what falls due meanwhile, until nothing is; how many tries were made."""
    if not (walltime.is_right() and highwater.may_send()):
        return 0
    with _Drain() as drain:
        return drain.run()


class _Drain:
    def __init__(self) -> None:
        self._work: queue.SimpleQueue[_Run | None] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[_Try | _Run] = queue.SimpleQueue()
        self._runs: set[_Run] = set()
        self._threads = 0
        self._look_at = 0.0  # not before is it worth looking for due rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for run in self._runs:  # some are left where the database failed us
            run.is_stopped = True
        for _ in range(self._threads):
            self._work.put(None)

    def run(self) -> int:
        tries = 0
        while True:
            has_more = False
            if _ending[0]:
                for run in self._runs:
                    run.is_stopped = True
            elif self._room() * 2 > BUSY_LANES and time.monotonic() >= self._look_at:
                has_more = walltime.is_right() and self._take()
            if not self._runs and not has_more:
                return tries
            tries += self._settle()

    def _room(self) -> int:
        """Return the number of lanes that may start now."""
        patient_since = time.monotonic() - PATIENCE_S
        busy = sum(run.since > patient_since for run in self._runs)
        return min(BUSY_LANES - busy, ALL_LANES - len(self._runs))

    def _take(self) -> bool:
        """Claim what there is room for. Whether something was due, ours or another worker's."""
        now = timezone.now()
        due = claims.waiting(now)
        slow_room = SLOW_LANES - sum(run.lane.is_slow for run in self._runs)
        lanes: list[Lane] = []
        try:
            for wanted, room in ((due.fast, self._room()), (due.slow, slow_room)):
                lanes += claims.claim(wanted, room, now)
        except SendingHeld as held:
            log.error("sending_held", reason=str(held))
            due = claims.Waiting([], [])  # nothing is left to do but what was claimed before
        if not lanes:
            self._look_at = time.monotonic() + POLL_S
        for lane in lanes:
            if lane.closes_as:
                claims.close([(item.id, lane.lease) for item in lane.items], DeliveryStatus(lane.closes_as))
            else:
                self._start(lane)
        return bool(due.fast or due.slow)

    def _start(self, lane: Lane) -> None:
        run = _Run(lane)
        self._runs.add(run)
        if len(self._runs) > self._threads:
            self._threads += 1
            threading.Thread(
                target=_serve, args=(self._work, self._told), name=f"webhooks-{self._threads}", daemon=True
            ).start()
        self._work.put(run)

    def _settle(self) -> int:
        """Wait for answers, a moment at most, and record all that have come. How many tries they were."""
        made: list[_Try] = []
        unsent: list[_Try] = []
        try:
            told = self._told.get(timeout=POLL_S)
            while True:
                if isinstance(told, _Run):
                    self._runs.discard(told)
                    self._look_at = 0.0  # its endpoint has a lane free
                else:
                    (made if told.answer else unsent).append(told)
                told = self._told.get_nowait()
        except queue.Empty:
            pass
        if unsent:
            claims.release([(told.item.id, told.lane.lease) for told in unsent], timezone.now())
        _record(made)
        return len(made)


def _record(tries: list[_Try]) -> None:
    pairs = [(told, _record_of(told)) for told in tries]
    ours = claims.record([record for _, record in pairs])
    endpoints.note(
        endpoints.AttemptResult(told.lane.subscription_id, record.at, told.answer)
        for told, record in pairs
        if told.answer and told.item.id in ours
    )


def _record_of(told: _Try) -> Record:
    answer = told.answer
    assert answer is not None
    tries = told.item.attempts_made + 1
    result = outcome(answer, tries, timezone.now())
    return Record(
        delivery_id=told.item.id,
        lease=told.lane.lease,
        status=result.status,
        next_attempt_at=result.next_at,
        attempts_made=tries,
        at=dt.datetime.fromtimestamp(told.at_s, tz=dt.UTC),
        ms=answer.ms,
        http_status=answer.status,
        error=answer.error,
        response=stored(answer.body),
    )


def stored(body: bytes) -> str:
    """The first 2 KiB of an answer as text that PostgreSQL takes: no NUL, no invalid UTF-8."""
    text = body[:STORED_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")
    return text.encode()[:STORED_BYTES].decode("utf-8", "ignore")


# --- The senders -------------------------------------------------------------------------------------------------


class _Run:
    """A lane on its way. `since` is when its present send began."""

    __slots__ = ("is_stopped", "lane", "since", "until")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.since = time.monotonic()
        self.until = self.since + LANE_S
        self.is_stopped = False


def _serve(work: "queue.SimpleQueue[_Run | None]", told: "queue.SimpleQueue[_Try | _Run]") -> None:
    while run := work.get():
        run.since = time.monotonic()
        secrets = _secrets(run.lane)
        for item in run.lane.items:
            answer = None
            at = time.time()
            if not run.is_stopped and time.monotonic() < run.until:
                answer = _send(run, secrets, item, int(at)) if secrets else _UNREADABLE
                if answer.ms >= endpoints.SLOW_MS or answer.status == GONE:
                    run.is_stopped = True
            told.put(_Try(run.lane, item, at, answer))
        told.put(run)


_UNREADABLE = transport.Answer(0, error="secret_unreadable")


def _secrets(lane: Lane) -> list[str]:
    """Return the secret, and the earlier ones that still sign beside it. None at all where FIELD_KEYS lacks a key."""
    earlier = subscriptions.signing_beside(orjson.loads(lane.earlier_secrets), timezone.now())
    try:
        return [decrypt(each) for each in (lane.sealed_secret, *earlier)]
    except InvalidToken:
        log.error("webhook_secret_unreadable", subscription=str(lane.subscription_id))
        return []


def _send(run: _Run, secrets: list[str], item: Item, timestamp: int) -> transport.Answer:
    """One request. Whatever goes wrong is the answer: a lane that is not given back blocks its endpoint."""
    run.since = time.monotonic()
    try:
        body = masking.mask_body(item.body.encode())  # those of older releases hold links
        headers = signing.headers(secrets[0], item.event_id, timestamp, body, secrets[1:])
        headers["User-Agent"] = "InFlow-Webhooks/1"
        return transport.post(run.lane.target_url, body, headers)
    except Exception:
        log.exception("webhook_send_failed", subscription=str(run.lane.subscription_id))
        return transport.Answer(0, error="internal")
