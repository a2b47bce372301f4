"""Forecasts of the messages of the next days: recipient, time and channel, or the reason why not.

The engine itself runs in a sandbox that sends nothing. A forecast therefore equals the result of moving a test
account's clock, as long as nothing else happens. Every message is assumed to be accepted.
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from django.db import InterfaceError, InternalError, OperationalError

from communications.contacts import addresses
from communications.delivery import sender, status_updates
from communications.delivery.status_updates import Outcome
from communications.engine import clock, sandbox
from communications.engine.errors import DeadlineExceeded
from communications.models import (
    CONTACTED,
    WITHOUT_MESSAGE,
    CallTask,
    CollectionSettings,
    Communication,
    ReminderPolicy,
    Rescheduling,
    State,
    StepKind,
)
from communications.schedule import ladder, ordering, policies, replanning
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from invoices import workdays
from invoices.cases import escalations
from invoices.models import OPEN, Invoice, Status

log = structlog.get_logger(__name__)

SENT = Outcome(State.SENT)
# The time limit of a forecast, in seconds.
MAX_SECONDS = 20.0
# Reasons that only delay a message.
_TIMING = ("", "window", "cap", "away", "refused", "paused")


@dataclass(frozen=True, slots=True)
class Entry:
    """A future message about one invoice, or a call, which has no channel. `step` is None for a one-off message.

    `reason` is a key of `reasons.LABELS` if the message would not be sent, else empty.
    """

    invoice_id: uuid.UUID
    invoice_number: str
    debtor: str
    scheduled_for: dt.datetime
    channel: str
    step: int | None
    kind: str
    recipient: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """Future messages in order of time. `until` is earlier than requested if the time limit was reached."""

    entries: list[Entry]
    until: dt.datetime
    is_whole: bool


def forecast(
    account: Account,
    days: int,
    *,
    deadline: sandbox.Deadline | None = None,
    statement_seconds: int = sandbox.STATEMENT_TIMEOUT_S,
) -> Forecast:
    """Return the forecast of the next `days` days of an account. Raise `ForecastBusy`."""
    policies.default_for(account)
    with sandbox.sandbox(account, statement_seconds) as copy:
        return _run(copy, days, deadline or sandbox.Deadline(MAX_SECONDS))


def preview(
    account: Account,
    invoices: Iterable[uuid.UUID],
    policy: ReminderPolicy | None,
    actor: Actor,
    *,
    overdue_enter: bool,
    days: int,
    deadline: sandbox.Deadline | None = None,
) -> Forecast:
    """Return the forecast for these invoices as if `policies.switch_on` were called now. Raise `ForecastBusy`."""
    policies.default_for(account)
    chosen = set(invoices)
    with sandbox.sandbox(account) as copy:
        those = Invoice.objects.filter(pk__in=chosen)
        policies.switch_on(copy, those, policy, actor, overdue_enter=overdue_enter)
        result = _run(copy, days, deadline or sandbox.Deadline(MAX_SECONDS))
        entries = [entry for entry in result.entries if entry.invoice_id in chosen]
        return Forecast(entries, result.until, result.is_whole)


def _run(account: Account, days: int, deadline: sandbox.Deadline) -> Forecast:
    begin = account.now()
    horizon, is_whole = begin + dt.timedelta(days=days), True
    rows = Communication.objects.for_account(account)
    for message_id in set(rows.filter(status=State.SENDING).values_list("message_id", flat=True)):
        status_updates.record(message_id, SENT)  # being sent at this moment
    decided = set(rows.exclude(status__in=(State.SCHEDULED, State.HELD)).values_list("pk", flat=True))

    def hand_over(account: Account, now: dt.datetime) -> None:
        due = rows.filter(status=State.SCHEDULED, scheduled_for__lte=now)
        for pk in list(due.order_by("scheduled_for", *ordering.SEND_ORDER).values_list("pk", flat=True)):
            deadline.check()
            try:
                sender.capture(pk, owner=account)
            except (OperationalError, InterfaceError, InternalError):
                raise
            except Exception:  # the sender does the same
                log.exception("rehearsal_failed", communication=str(pk))

    with policies.cached_steps(), workdays.cached():
        try:
            if Rescheduling.objects.filter(account=account).exists():  # the engine reschedules within a minute
                replanning.replan_account(account, watch=deadline.check)
            clock.read_settings(account)
            clock.leap(account, horizon, send=hand_over, watch=deadline.check)
        except DeadlineExceeded:  # everything before this time is complete
            horizon, is_whole = account.now(), False
        held, called = _held_invoices(account, begin, horizon), _calls(account, begin)
        entries = [*_messages(account, begin, decided), *held, *called]
    if not is_whole:
        entries = [entry for entry in entries if entry.scheduled_for < horizon]
    entries.sort(key=_order)
    return Forecast(entries, horizon, is_whole)


def _order(entry: Entry) -> tuple[object, ...]:
    return entry.scheduled_for, entry.invoice_number, entry.step is not None, entry.step or 0, entry.kind


def _messages(account: Account, begin: dt.datetime, decided: set[uuid.UUID]) -> list[Entry]:
    """Return the messages that were sent in the sandbox, and those that were not, with reason and intended time."""
    rules = ladder.rules_of(account)
    found = []
    rows = Communication.objects.for_account(account).select_related("invoice__debtor")
    for row in rows.exclude(pk__in=decided).exclude(status=State.CANCELLED):
        if row.status in CONTACTED and row.sent_at:
            at, reason = row.sent_at, ""
        elif row.status == State.SUPPRESSED:
            at, reason = row.scheduled_for, row.suppressed_reason
        elif row.status == State.HELD:
            at, reason = max(row.scheduled_for, begin), "held"
        elif row.status == State.SCHEDULED and row.waits_for not in _TIMING:
            at, reason = _without_reason(account, rules, row, begin), row.waits_for
        else:
            continue
        found.append(_entry(row.invoice, at, row.channel, row.step, row.kind, row.recipient, reason))
    return found


def _without_reason(account: Account, rules: CollectionSettings, row: Communication, begin: dt.datetime) -> dt.datetime:
    row.invoice.account = account
    begins = max(row.not_before or begin, begin)
    return ladder.place(row.invoice, rules).next_opening(begins)


def _held_invoices(account: Account, begin: dt.datetime, horizon: dt.datetime) -> list[Entry]:
    """Return entries for held invoices whose next step is due but for which no message is planned."""
    waiting = Communication.objects.for_account(account).filter(
        status__in=(State.SCHEDULED, State.HELD), step__isnull=False
    )
    open_ones = Invoice.objects.for_account(account).filter(status__in=OPEN, is_chased=True)
    found = []
    for invoice in open_ones.exclude(pk__in=waiting.values("invoice_id")).select_related("debtor"):
        invoice.account = account
        step = ladder.next_step(invoice, policies.steps_of(invoice), account.today())
        reason = "never_chase" if invoice.debtor.never_chase else _standstill(invoice)
        if invoice.escalation_level >= escalations.MAX_LEVEL:
            reason = reason or "case"
        if step is None or step.kind in WITHOUT_MESSAGE or not reason:
            continue
        at = max(begin, ladder.first_moment(invoice, step))
        if at <= horizon:
            chosen = addresses.choose(invoice, step.channels, kind=step.kind)
            found.append(_entry(invoice, at, chosen.channel, step.offset_days, step.kind, chosen.address, reason))
    return found


def _standstill(invoice: Invoice) -> str:
    """Return why nothing is sent about an open invoice, or an empty string."""
    if invoice.is_wholly_disputed:
        return "dispute"
    return "hold" if invoice.status == Status.ON_HOLD else ""


def _calls(account: Account, begin: dt.datetime) -> list[Entry]:
    """Return the calls that steps ask for from now on."""
    rows = CallTask.objects.for_account(account).filter(opened_at__gt=begin).select_related("invoice__debtor")
    return [
        _entry(row.invoice, row.opened_at, "", row.step, StepKind.CALL, row.invoice.debtor_phone, "") for row in rows
    ]


def _entry(
    invoice: Invoice, at: dt.datetime, channel: str, step: int | None, kind: str, recipient: str, reason: str
) -> Entry:
    name = str(invoice.debtor)
    return Entry(invoice.pk, invoice.invoice_number, name, at, channel, step, kind, recipient, reason)
