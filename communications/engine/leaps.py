"""Moves of a test account's clock: a request works for a few seconds, and a worker does the rest, in turns.

The clock itself shows the progress. If a worker dies, its claim expires and the next worker continues from the current
time of the clock. The advisory lock of `clock.alone` excludes a second worker.
"""

import datetime as dt
import uuid

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import F
from django.utils import timezone

from communications.engine import clock, sandbox
from communications.engine.errors import ClockBusy, DeadlineExceeded
from communications.models import ClockLeap
from inflow import turns
from inflow.accounts.models import Account
from inflow.celery import wake

log = structlog.get_logger(__name__)

# Time limits of a request and of a worker's turn.
REQUEST_SECONDS, TURN_SECONDS = 8.0, 5.0
LEASE = dt.timedelta(seconds=60)
MAX_ATTEMPTS = 3
RETRY_AFTER_SECONDS = 5
_MIN_CHECKS = 3
_TASK = "inflow.dashboard.tasks.advance_clock"


def start(account: Account, target: dt.datetime, seconds: float | None = None) -> ClockLeap:
    """Move the clock of a test account to `target`. A worker continues if that takes longer than some seconds.

    Raise `LiveAccount`, `ClockBackwards`, or `ClockBusy` while the clock is being moved.
    """
    with clock.alone(account):
        if ClockLeap.objects.filter(account=account, is_advancing=True).exists():
            raise ClockBusy
        clock.begin(account, target)
        sent, escalated = clock.tally(account)
        row = ClockLeap(account=account, target=target, sent_before=sent, escalated_before=escalated)
        row.claimed_until = timezone.now() + LEASE
        ClockLeap.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["account"],
            update_fields=[field.name for field in ClockLeap._meta.fields if field.name != "account"],
        )
        _advance(row, account, REQUEST_SECONDS if seconds is None else seconds)
    if row.is_advancing:
        offer(account.pk, turns.release_name(row.claimed_until))
    return row


def last(account: Account) -> ClockLeap | None:
    row: ClockLeap | None = ClockLeap.objects.filter(account=account).first()
    return row


def offer(account_id: uuid.UUID, release: str) -> None:
    wake(_TASK, str(account_id), release)


def waiting() -> list[tuple[uuid.UUID, str]]:
    """Return the unfinished moves that no worker has claimed, with their last release (see `turns`)."""
    rows = ClockLeap.objects.filter(turns.unclaimed(), is_advancing=True).values_list("pk", "claimed_until")
    return [(account_id, turns.release_name(claimed_until)) for account_id, claimed_until in rows]


def work(account_id: uuid.UUID, release: str | None = None, seconds: float = TURN_SECONDS) -> bool:
    """Do a turn. Return True if there is more to do."""
    account = Account.objects.get(pk=account_id)
    try:
        with clock.alone(account):
            claimed = ClockLeap.objects.filter(turns.unclaimed(release), account=account, is_advancing=True)
            if not claimed.update(claimed_until=timezone.now() + LEASE, attempts=F("attempts") + 1):
                return False
            row = ClockLeap.objects.get(account=account)
            _advance(row, account, seconds)
    except ClockBusy:  # a worker whose claim expired is still working; the periodic task tries again
        return False
    if row.is_advancing:
        offer(account_id, turns.release_name(row.claimed_until))
    return row.is_advancing


class _Turn(sandbox.Deadline):
    """The time limit of a turn. It applies only after some work was done."""

    _checks = 0

    def check(self) -> None:
        self._checks += 1
        if self._checks > _MIN_CHECKS:
            super().check()


def _advance(row: ClockLeap, account: Account, seconds: float) -> None:
    """Do a turn under the clock's lock, and release the row."""
    try:
        clock.run(account, row.target, watch=_Turn(seconds).check)
        row.is_advancing = False
    except DeadlineExceeded:
        row.attempts = 0
    except (OperationalError, InterfaceError):
        raise  # a periodic task offers it again
    except Exception:
        log.exception("leap_failed", account=str(account.pk), attempts=row.attempts)
        row.is_advancing = row.attempts < MAX_ATTEMPTS
    sent, escalated = clock.tally(account)
    row.sent, row.escalated = sent - row.sent_before, escalated - row.escalated_before
    row.claimed_until = timezone.now()
    row.save(update_fields=["sent", "escalated", "is_advancing", "attempts", "claimed_until"])
