"""The clock: due work of all accounts by real time, and of a test account by its own clock.

The cost is proportional to the work that is due. Ticks may be doubled, lost or run in parallel: every piece of work is
checked again under its locks.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from communications.channels import gateways
from communications.content import templates
from communications.delivery import sender
from communications.engine import healing
from communications.engine.errors import ClockBackwards, ClockBusy, LiveAccount
from communications.models import LEFT_US, CollectionSettings, Communication, Copy, SenderProfile, State
from communications.schedule import holding, ladder, monthly, ordering, policies, replanning
from inflow.accounts.models import Account
from inflow.restores import walltime
from inflow.sql import Batch, account_scope, compiled, select
from invoices import lifecycle, workdays
from invoices.models import Escalation, Invoice, Status
from invoices.writing import NotFound, lock

log = structlog.get_logger(__name__)

_DAY = dt.timedelta(days=1)
# The maximum number of passes at one time of an account's own clock. Work that is still due then counts as stuck.
_MOST_PASSES = 20


def tick(now: dt.datetime | None = None) -> int:
    """Do the due work of all accounts without their own clock. Return the number of messages sent."""
    now = now or timezone.now()
    replanning.run_requested()
    lifecycle.age_due(now)
    take_steps(now)
    monthly.plan_due(now)
    return sender.send_due(now)


@workdays.cached()
def take_steps(
    now: dt.datetime,
    limit: int = 5_000,
    account: Account | None = None,
    *,
    watch: Callable[[], None] = lambda: None,
) -> int:
    """Advance the invoices whose next check is due, and return their number.

    Without `account`, process all accounts without their own clock, after comparing the system clock with PostgreSQL's
    and undoing the work of a clock that was ahead. `watch` is called before each invoice and may raise to abort.
    """
    if account is None:
        if not walltime.is_right():
            return 0
        healing.mend_if_ahead()
    accounts: dict[uuid.UUID, Account] = {account.pk: account} if account else {}
    rows = _due_steps(limit, now=now, account=account.pk if account else None)
    for account_id, invoice_id in ((row["account_id"], row["id"]) for row in rows):
        watch()
        owner = accounts.get(account_id) or accounts.setdefault(account_id, Account.objects.get(pk=account_id))
        try:
            look_at(owner, invoice_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # an error of one invoice must not block the others
            log.exception("step_failed", invoice=str(invoice_id))
    return len(rows)


@compiled
def _due_steps(limit: int, *, now: dt.datetime, account: uuid.UUID | None) -> QuerySet[Invoice, dict[str, Any]]:
    due = Invoice.objects.filter(next_check_at__lte=now)
    due = due.filter(account=account) if account else due.filter(account__clock=None)
    return due.order_by("next_check_at", *ordering.IN_ORDER).values("account_id", "id")[:limit]


def look_at(account: Account, invoice_id: uuid.UUID) -> None:
    """Advance one invoice, if it still exists."""
    with account_scope(account):
        try:
            invoice = lock(account, invoice_id)
        except NotFound:
            return
        ladder.advance(invoice)


# --- A test account's own clock ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leap:
    now: dt.datetime
    sent: int
    escalated: int


def set_clock(account: Account, now: dt.datetime) -> Leap:
    """Set or move a test account's clock and do all work that falls due in between, in order, without a time limit.

    Requests use `leaps` instead.

    Raise `LiveAccount`, `ClockBackwards` or `ClockBusy`.
    """
    with alone(account):
        begin(account, now)
        sent, escalated = tally(account)
        run(account, now)
        sent_now, escalated_now = tally(account)
        return Leap(now, sent_now - sent, escalated_now - escalated)


def begin(account: Account, target: dt.datetime) -> None:
    """Check that the clock may move to `target`, and set it if it was never set.

    Raise `LiveAccount` or `ClockBackwards`.
    """
    if not account.is_test:
        raise LiveAccount
    account.refresh_from_db(fields=["clock"])
    if account.clock is None:
        if Invoice.objects.for_account(account).exists():
            raise ClockBackwards("The clock is first set while the account has no invoices yet.")
        _show(account, target)
    elif target < account.clock:
        raise ClockBackwards("The clock only moves forward.")


def run(account: Account, target: dt.datetime, *, watch: Callable[[], None] = lambda: None) -> None:
    """Move the clock to `target`. If `watch` raises, another run continues from the current time of the clock."""
    with policies.cached_steps(), workdays.cached():
        read_settings(account)
        replanning.run_requested(account, watch=watch)
        leap(account, target, watch=watch)


def tally(account: Account) -> tuple[int, int]:
    """Return the number of sent messages and the number of cases."""
    messages = Communication.objects.for_account(account).filter(status__in=LEFT_US)
    return messages.values("message_id").distinct().count(), Escalation.objects.for_account(account).count()


@contextmanager
def history(account: Account, start: dt.datetime, send: Callable[[Account, dt.datetime], None]) -> Iterator[None]:
    """Give a test account without invoices a past that begins at `start`. The caller plays it with `leap`.

    On exit the clock moves to the present and the account has no clock of its own any more. All of it is one
    transaction. Raise `LiveAccount`, `ClockBackwards` or `ClockBusy`.
    """
    if not account.is_test:
        raise LiveAccount
    with alone(account), transaction.atomic(), policies.cached_steps(), workdays.cached():
        account.refresh_from_db(fields=["clock"])
        if account.clock or Invoice.objects.for_account(account).exists():
            raise ClockBackwards("The account has a past already.")
        _show(account, start)
        read_settings(account)
        yield
        leap(account, timezone.now(), send=send)
        account.clock = None
        account.save(update_fields=["clock"])


def leap(
    account: Account,
    target: dt.datetime,
    *,
    send: Callable[[Account, dt.datetime], None] | None = None,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Move an account's own clock from one due time to the next until `target`.

    The caller has called `read_settings`. `watch` is called before each piece of work and may raise to abort.
    """
    if send is None:

        def send(account: Account, now: dt.datetime) -> None:
            sender.send_due(now, limit=10_000, account=account, watch=watch)

    assert account.clock is not None
    passes, stuck = 0, Due()
    while (moments := _next_moments(account, stuck)).first and moments.first <= target:
        watch()
        if moments.first > account.clock:
            _show(account, moments.first)
            passes = 0
        before = _due_now(account, stuck) if passes else Due()
        if passes == _MOST_PASSES:
            # Stuck work must not stop the clock. It is tried again with the work of a later time.
            log.warning("clock_stuck", account=str(account.pk), at=account.clock.isoformat())
            stuck, passes = stuck | before, 0
            continue
        worked = _pass(account, send, moments, watch)
        passes += 1
        if not worked and before and _due_now(account, stuck) == before:
            passes = _MOST_PASSES
    if account.clock != target:
        watch()
        _show(account, target)


def read_settings(account: Account) -> None:
    """Read the settings of the account once, before a move, and drop those of an earlier one."""
    gateways.forget(account)
    templates.cache_templates(account)
    if rules := CollectionSettings.objects.filter(account=account).first():
        account.collection = rules
    if profile := SenderProfile.objects.filter(account=account).first():
        account.sender_profile = profile


@dataclass(frozen=True, slots=True)
class Due:
    """Ids of the invoices to be aged or checked, and of the messages to be sent."""

    ages: frozenset[uuid.UUID] = frozenset()
    steps: frozenset[uuid.UUID] = frozenset()
    sends: frozenset[uuid.UUID] = frozenset()

    def __or__(self, other: "Due") -> "Due":
        return Due(self.ages | other.ages, self.steps | other.steps, self.sends | other.sends)

    def __bool__(self) -> bool:
        return bool(self.ages or self.steps or self.sends)


@dataclass(frozen=True, slots=True)
class Moments:
    """The next times at which an invoice is aged, a step is checked, statements are planned, and a message is sent.

    In UTC.
    """

    ages: dt.datetime | None
    steps: dt.datetime | None
    statements: dt.datetime | None
    sends: dt.datetime | None

    @property
    def first(self) -> dt.datetime | None:
        moments = (self.ages, self.steps, self.statements, self.sends)
        return min((moment for moment in moments if moment), default=None)


def _pass(
    account: Account, send: Callable[[Account, dt.datetime], None], moments: Moments, watch: Callable[[], None]
) -> bool:
    """Do the due work once. Return True if there was any besides sending."""
    now, worked = account.now(), 0
    if moments.ages and moments.ages <= now:
        worked += lifecycle.age_due(now, account=account, watch=watch)
    if moments.steps and moments.steps <= now:
        worked += take_steps(now, account=account, watch=watch)
    if moments.statements and moments.statements <= now:
        worked += 1 + monthly.plan_due(now, account=account, watch=watch)
    if moments.sends and moments.sends <= now:
        send(account, now)
    return bool(worked)


def _due_now(account: Account, but: Due) -> Due:
    now, today = account.now(), account.today()
    passed = Q(status=Status.NEW, due_date__lt=today) | Q(status=Status.ON_HOLD, hold_until__lt=today)
    ages = set(Invoice.objects.filter(passed, account=account).values_list("pk", flat=True))
    steps = {row["id"] for row in _due_steps(_MOST_DUE, now=now, account=account.pk)}
    sends = {row["id"] for row in _due_sends(account=account.pk, now=now)}
    copies = Copy.objects.filter(account=account, status=State.SCHEDULED, scheduled_for__lte=now)
    sends |= set(copies.values_list("pk", flat=True))
    return Due(frozenset(ages - but.ages), frozenset(steps - but.steps), frozenset(sends - but.sends))


_MOST_DUE = 5_000


@compiled
def _due_sends(*, account: uuid.UUID, now: dt.datetime) -> QuerySet[Communication, dict[str, Any]]:
    due = Communication.objects.filter(account=account, status=State.SCHEDULED, scheduled_for__lte=now)
    return due.order_by().values("id")


def _next_moments(account: Account, stuck: Due) -> Moments:
    """Return the next due times by the account's calendar."""
    which = {"account": account.pk, "ages": list(stuck.ages), "steps": list(stuck.steps), "sends": list(stuck.sends)}
    new, held, steps, statements, sends = select(_NEXT, which)[0]
    ages = min((holding.beginning(account, day + _DAY) for day in (new, held) if day), default=None)
    return Moments(ages, steps, statements, sends)


_NEXT = """
SELECT
  (SELECT min(due_date) FROM invoices_invoice WHERE account_id = %(account)s AND status = 'new'
     AND id <> ALL(%(ages)s::uuid[])),
  (SELECT min(hold_until) FROM invoices_invoice WHERE account_id = %(account)s AND status = 'on_hold'
     AND id <> ALL(%(ages)s::uuid[])),
  (SELECT min(next_check_at) FROM invoices_invoice WHERE account_id = %(account)s
     AND id <> ALL(%(steps)s::uuid[])),
  (SELECT next_statements_at FROM communications_collectionsettings WHERE account_id = %(account)s),
  least(
    (SELECT min(scheduled_for) FROM communications_communication WHERE account_id = %(account)s
       AND status = 'scheduled' AND id <> ALL(%(sends)s::uuid[])),
    (SELECT min(scheduled_for) FROM communications_copy WHERE account_id = %(account)s
       AND status = 'scheduled' AND id <> ALL(%(sends)s::uuid[]))
  )
"""


def _show(account: Account, moment: dt.datetime) -> None:
    account.clock = moment
    batch = Batch()
    batch.update(account, "clock")
    batch.flush()


@contextmanager
def alone(account: Account) -> Iterator[None]:
    """Hold a session-level advisory lock, because the work commits in pieces. Raise `ClockBusy` if it is taken."""
    key = account.pk.int % 2**63
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise ClockBusy
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
