"""Time passes: what falls due is done, for all accounts by the wall, for a test account by its own clock.

The work grows with what is due. Ticks may be doubled, lost, or run in many workers at once: each piece of work is
looked at again under its locks.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection
from django.db.models import QuerySet, prefetch_related_objects
from django.utils import timezone

from communications import gateways, holding, ladder, policies, sender, templates
from communications.models import LEFT_US, Communication, State
from inflow import statements
from inflow.accounts.models import Account
from inflow.statements import Compiled
from invoices import lifecycle, workdays
from invoices.models import Escalation, Invoice
from invoices.writing import NotFound, lock

log = structlog.get_logger(__name__)

_DAY = dt.timedelta(days=1)
# At one moment of an account's own clock; then what is left is taken to be stuck.
_MOST_PASSES = 100


def tick(now: dt.datetime | None = None) -> int:
    """One look by the wall; how many messages left us. An account on its own clock is left alone."""
    now = now or timezone.now()
    lifecycle.age_due(now)
    take_steps(now)
    return sender.send_due(now)


@workdays.remembered()
def take_steps(now: dt.datetime, limit: int = 5_000, account: Account | None = None) -> int:
    """Look at the invoices whose next step has come and has no message planned yet; how many there were."""
    accounts: dict[uuid.UUID, Account] = {account.pk: account} if account else {}
    rows = _due_steps(limit, now=now, account=account.pk if account else None)
    for account_id, invoice_id in ((row["account_id"], row["id"]) for row in rows):
        owner = accounts.get(account_id) or accounts.setdefault(account_id, Account.objects.get(pk=account_id))
        try:
            look_at(owner, invoice_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # what one invoice trips over must not stop the clock for all that are due after it
            log.exception("step_failed", invoice=str(invoice_id))
    return len(rows)


@Compiled
def _due_steps(limit: int, *, now: dt.datetime, account: uuid.UUID | None) -> QuerySet[Invoice, dict[str, Any]]:
    due = Invoice.objects.filter(next_check_at__lte=now)
    due = due.filter(account=account) if account else due.filter(account__clock=None)
    return due.order_by("next_check_at", *holding.IN_ORDER).values("account_id", "id")[:limit]


def look_at(account: Account, invoice_id: uuid.UUID) -> None:
    """Advance one invoice, if it is still there to be advanced."""
    with statements.transaction():
        try:
            invoice = lock(account, invoice_id)
        except NotFound:
            return
        ladder.advance(invoice)


# --- A test account's own clock ----------------------------------------------------------------------------------


class Backwards(Exception):
    """A clock only goes forward, and is first set while there is nothing yet whose time could pass."""


class Busy(Exception):
    """The clock is being moved by somebody else."""


class Live(Exception):
    """A live account follows the wall."""


@dataclass(frozen=True, slots=True)
class Leap:
    now: dt.datetime
    sent: int
    escalated: int


def set_clock(account: Account, now: dt.datetime) -> Leap:
    """Set or move a test account's clock, and do all that falls due in between, in order.

    Raises `Live`, `Backwards` or `Busy`.
    """
    if not account.is_test:
        raise Live
    with _alone(account):
        account.refresh_from_db(fields=["clock"])
        if account.clock is None:
            if Invoice.objects.for_account(account).exists():
                raise Backwards("The clock is first set while the account has no invoices yet.")
            _show(account, now)
        elif now < account.clock:
            raise Backwards("The clock only moves forward.")
        messages = Communication.objects.for_account(account).filter(status__in=LEFT_US)
        cases = Escalation.objects.for_account(account)
        sent, escalated = messages.values("message_id").distinct().count(), cases.count()
        with policies.remembered(), workdays.remembered():
            leap(account, now)
        return Leap(now, messages.values("message_id").distinct().count() - sent, cases.count() - escalated)


def _send(account: Account, now: dt.datetime) -> None:
    sender.send_due(now, limit=10_000, account=account)


def leap(
    account: Account,
    target: dt.datetime,
    *,
    send: Callable[[Account, dt.datetime], None] = _send,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """From one due moment to the next, for an account with a clock of its own. `watch` may raise, to end it."""
    assert account.clock is not None
    _read_once(account)
    passes, tried = 0, set[uuid.UUID]()
    while (moments := _next_moments(account)).first and moments.first <= target:
        watch()
        if moments.first > account.clock:
            _show(account, moments.first)
            passes, tried = 0, set()
        elif passes == _MOST_PASSES:
            # Done what could be done: what is left stuck is not worth standing still for.
            log.warning("clock_stuck", account=str(account.pk), at=account.clock.isoformat())
            if account.clock == target:
                break
            _show(account, min(target, account.clock + dt.timedelta(minutes=1)))
            passes, tried = 0, set()
            moments = Moments(account.clock, account.clock, account.clock)
        due = _pass(account, send, moments)
        passes = _MOST_PASSES if due is not None and due <= tried else passes + 1
        tried = due or set()
    if account.clock != target:
        _show(account, target)


def _read_once(account: Account) -> None:
    """What the account has set, as it is when a leap begins; what a leap before it knew is forgotten."""
    for name in ("collection", "sender_profile"):
        account._state.fields_cache.pop(name, None)
    gateways.forget(account)
    templates.remember(account)
    prefetch_related_objects([account], "collection", "sender_profile")


@dataclass(frozen=True, slots=True)
class Moments:
    """When something falls due next: an invoice to be aged, a step to be looked at, a message to be sent."""

    ages: dt.datetime | None
    steps: dt.datetime | None
    sends: dt.datetime | None

    @property
    def first(self) -> dt.datetime | None:
        return min((moment for moment in (self.ages, self.steps, self.sends) if moment), default=None)


def _pass(account: Account, send: Callable[[Account, dt.datetime], None], moments: Moments) -> set[uuid.UUID] | None:
    """Do once what has fallen due. The messages that were to be sent, if there was nothing else to do."""
    now, worked = account.now(), 0
    if moments.ages and moments.ages <= now:
        worked += lifecycle.age_due(now, account=account)
    if moments.steps and moments.steps <= now:
        worked += take_steps(now, account=account)
    due = {row["id"] for row in _due(account=account.pk, now=now)} if moments.sends and moments.sends <= now else set()
    if due:
        send(account, now)
    return None if worked else due


@Compiled
def _due(*, account: uuid.UUID, now: dt.datetime) -> QuerySet[Communication, dict[str, Any]]:
    due = Communication.objects.filter(account=account, status=State.SCHEDULED, scheduled_for__lte=now)
    return due.order_by().values("id")


def _next_moments(account: Account) -> Moments:
    """By the account's calendar."""
    new, held, steps, sends = statements.execute(_NEXT, {"account": account.pk}).fetchone()
    ages = min((ladder.beginning(account, day + _DAY) for day in (new, held) if day), default=None)
    return Moments(ages, steps, sends)


_NEXT = """
SELECT
  (SELECT min(due_date) FROM invoices_invoice WHERE account_id = %(account)s AND status = 'new'),
  (SELECT min(hold_until) FROM invoices_invoice WHERE account_id = %(account)s AND status = 'on_hold'),
  (SELECT min(next_check_at) FROM invoices_invoice WHERE account_id = %(account)s),
  (SELECT min(scheduled_for) FROM communications_communication WHERE account_id = %(account)s AND status = 'scheduled')
"""


def _show(account: Account, moment: dt.datetime) -> None:
    account.clock = moment
    statements.update(account, ("clock",))


@contextmanager
def _alone(account: Account) -> Iterator[None]:
    """One at a time: a session's lock, as the work in between commits piece by piece."""
    key = account.pk.int % 2**63
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise Busy
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
