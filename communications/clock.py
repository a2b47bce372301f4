"""Time passes: what falls due is done, for all accounts by the wall, for a test account by its own clock.

The work grows with what is due. Ticks may be doubled, lost, or run in many workers at once: each piece of work is
looked at again under its locks.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, Min, OuterRef
from django.utils import timezone

from communications import ladder, policies, sender
from communications.models import LEFT_US, Communication, State
from inflow.accounts.models import Account
from invoices import lifecycle, workdays
from invoices.models import Escalation, Invoice, Status
from invoices.writing import NotFound, lock

log = structlog.get_logger(__name__)

_DAY = dt.timedelta(days=1)
# A message planned for the moment at which its invoice is looked at, or before, is the sender's; one for later belongs
# to a policy edited since.
_WAITING = Communication.objects.filter(
    invoice=OuterRef("pk"), status=State.SCHEDULED, step__isnull=False, scheduled_for__lte=OuterRef("next_contact_at")
)


def tick(now: dt.datetime | None = None) -> int:
    """One look by the wall; how many messages left us. An account on its own clock is left alone."""
    now = now or timezone.now()
    lifecycle.age_due(now)
    take_steps(now)
    return sender.send_due(now)


@workdays.remembered()
def take_steps(now: dt.datetime, limit: int = 5_000, account: Account | None = None) -> int:
    """Look at the invoices whose next step has come and has no message planned yet; how many there were."""
    due = Invoice.objects.filter(next_contact_at__lte=now)
    due = due.filter(account=account) if account else due.filter(account__clock=None)
    due = due.exclude(Exists(_WAITING)).order_by("next_contact_at", "id")
    accounts: dict[uuid.UUID, Account] = {account.pk: account} if account else {}
    rows = list(due.values_list("account_id", "pk")[:limit])
    for account_id, invoice_id in rows:
        owner = accounts.get(account_id) or accounts.setdefault(account_id, Account.objects.get(pk=account_id))
        try:
            look_at(owner, invoice_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # what one invoice trips over must not stop the clock for all that are due after it
            log.exception("step_failed", invoice=str(invoice_id))
    return len(rows)


def look_at(account: Account, invoice_id: uuid.UUID) -> None:
    """Advance one invoice, if it is still there to be advanced."""
    with transaction.atomic():
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
    _work(account, send)
    while (moment := _next_moment(account)) and moment <= target:
        watch()
        if moment <= account.clock:
            # Done what could be done: what is left stuck is not worth standing still for.
            log.warning("clock_stuck", account=str(account.pk), at=account.clock.isoformat())
            moment = min(target, account.clock + dt.timedelta(minutes=1))
            if account.clock == target:
                break
        _show(account, moment)
        _work(account, send)
    if account.clock != target:
        _show(account, target)


def _work(account: Account, send: Callable[[Account, dt.datetime], None]) -> None:
    now = account.now()
    while lifecycle.age_due(now, account=account):
        pass
    for _ in range(1_000):
        worked = take_steps(now, account=account)
        due = Communication.objects.for_account(account).filter(status=State.SCHEDULED, scheduled_for__lte=now)
        before = due.count()
        if before:
            send(account, now)
        left = due.count()
        if not worked and (not before or left >= before):
            return
        if not left and not Invoice.objects.for_account(account).filter(next_contact_at__lte=now).exists():
            return


def _next_moment(account: Account) -> dt.datetime | None:
    """When something falls due next, by the account's calendar."""
    invoices = Invoice.objects.for_account(account).order_by()
    new = invoices.filter(status=Status.NEW).aggregate(day=Min("due_date"))["day"]
    held = invoices.filter(status=Status.ON_HOLD).aggregate(day=Min("hold_until"))["day"]
    scheduled = Communication.objects.for_account(account).filter(status=State.SCHEDULED).order_by()
    moments = [ladder.beginning(account, day + _DAY) for day in (new, held) if day]
    moments.append(invoices.exclude(Exists(_WAITING)).aggregate(at=Min("next_contact_at"))["at"])
    moments.append(scheduled.aggregate(at=Min("scheduled_for"))["at"])
    return min((moment for moment in moments if moment), default=None)


def _show(account: Account, moment: dt.datetime) -> None:
    account.clock = moment
    Account.objects.filter(pk=account.pk).update(clock=moment)


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
