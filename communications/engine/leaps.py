"""Leaps of a test account's clock: a request does as much as it can in a few seconds, and a worker the rest, in turns.

The clock itself is the progress. A worker that dies leaves a claim that runs out, and the next one goes on from the
moment that the clock shows. The advisory lock of `clock.alone` keeps a second one out meanwhile.
"""

import datetime as dt
import uuid

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import F
from django.utils import timezone

from communications.engine import clock, sandbox
from communications.models import ClockLeap
from inflow import turns
from inflow.accounts.models import Account
from inflow.celery import wake

log = structlog.get_logger(__name__)

# What a request, and what a turn of a worker, may take.
REQUEST_SECONDS, TURN_SECONDS = 8.0, 5.0
LEASE = dt.timedelta(seconds=60)
MOST_ATTEMPTS = 3
RETRY_AFTER_S = 5
_LEAST_CHECKS = 3
_TASK = "inflow.dashboard.tasks.advance_clock"


def start(account: Account, target: dt.datetime, seconds: float | None = None) -> ClockLeap:
    """Move the clock of a test account to `target`, or as far as it comes in some seconds and have a worker go on.

    Raises `clock.Live`, `clock.Backwards` or, while it is advancing, `clock.Busy`.
    """
    with clock.alone(account):
        if ClockLeap.objects.filter(account=account, is_advancing=True).exists():
            raise clock.Busy
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
        offer(account.pk, turns.mark(row.claimed_until))
    return row


def last(account: Account) -> ClockLeap | None:
    row: ClockLeap | None = ClockLeap.objects.filter(account=account).first()
    return row


def offer(account_id: uuid.UUID, release: str) -> None:
    wake(_TASK, str(account_id), release)


def waiting() -> list[tuple[uuid.UUID, str]]:
    """Return the leaps that nobody works on though somebody should, with their last release (see `turns`)."""
    rows = ClockLeap.objects.filter(turns.free(), is_advancing=True).values_list("pk", "claimed_until")
    return [(account_id, turns.mark(claimed_until)) for account_id, claimed_until in rows]


def work(account_id: uuid.UUID, release: str | None = None, seconds: float = TURN_SECONDS) -> bool:
    """Do a turn. Return whether there is more to do."""
    account = Account.objects.get(pk=account_id)
    try:
        with clock.alone(account):
            claimed = ClockLeap.objects.filter(turns.free(release), account=account, is_advancing=True)
            if not claimed.update(claimed_until=timezone.now() + LEASE, attempts=F("attempts") + 1):
                return False
            row = ClockLeap.objects.get(account=account)
            _advance(row, account, seconds)
    except clock.Busy:  # a worker whose claim has run out is still at it; the sweep comes again
        return False
    if row.is_advancing:
        offer(account_id, turns.mark(row.claimed_until))
    return row.is_advancing


class _Turn(sandbox.Deadline):
    """A turn ends after its time, though not before something was done."""

    _checks = 0

    def check(self) -> None:
        self._checks += 1
        if self._checks > _LEAST_CHECKS:
            super().check()


def _advance(row: ClockLeap, account: Account, seconds: float) -> None:
    """Do a turn under the clock's lock, and release the row."""
    try:
        clock.run(account, row.target, watch=_Turn(seconds).check)
        row.is_advancing = False
    except sandbox.TooMuch:
        row.attempts = 0
    except (OperationalError, InterfaceError):
        raise  # the sweep offers it again
    except Exception:
        log.exception("leap_failed", account=str(account.pk), attempts=row.attempts)
        row.is_advancing = row.attempts < MOST_ATTEMPTS
    sent, escalated = clock.tally(account)
    row.sent, row.escalated = sent - row.sent_before, escalated - row.escalated_before
    row.claimed_until = timezone.now()
    row.save(update_fields=["sent", "escalated", "is_advancing", "attempts", "claimed_until"])
