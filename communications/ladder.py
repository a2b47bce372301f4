"""The ladder: which step of an invoice comes next, when its day has come, and what follows when it is done.

The next step is the first after the last one done. It is due on due date + offset + slip; a step that goes more than
three days late pushes those after it by as much, so that none is skipped and none is crowded. All of it runs in the
caller's transaction, under the locks of the debtor and the invoice.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from communications import addresses, caps, policies
from communications.calendar import Place, place_of
from communications.models import PENDING, CollectionSettings, Communication, Kind, PolicyStep, State, StepKind
from inflow import statements
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.statements import Ahead, Compiled
from invoices import escalations, lifecycle, timeline
from invoices.models import Escalation, Invoice, Reason, Status

# A step this many days late still counts as on time.
TOLERATED_DAYS = 3
# A dispute open for so long calls for a person.
DISPUTE_RAISES = dt.timedelta(days=30)
_DAY = dt.timedelta(days=1)
# Postponed for something on the invoice itself, or on its debtor: asked again when that changes.
WAITS_FOR_FACTS = ("hold", "dispute", "answer", "case", "credit")


# --- Which step, on which day ------------------------------------------------------------------------------------


def next_step(invoice: Invoice, steps: Sequence[PolicyStep], today: dt.date) -> PolicyStep | None:
    """The first step after the last one done, but for those that died. `steps` in order."""
    arrived = arrived_on(invoice)
    for step in steps:
        if invoice.last_step is not None and step.offset_days <= invoice.last_step:
            continue
        if arrived > invoice.due_date and step.offset_days <= 0:
            continue
        if step.offset_days < 0 and (today >= invoice.due_date or on_paper(invoice, step) < arrived):
            continue
        return step
    return None


def day_of(invoice: Invoice, step: PolicyStep) -> dt.date:
    """The day of a step, on the account's calendar. Who arrives overdue is first written to on a later day."""
    arrived = arrived_on(invoice)
    return max(on_paper(invoice, step), arrived + _DAY if arrived > invoice.due_date else arrived)


def first_moment(invoice: Invoice, step: PolicyStep) -> dt.datetime:
    """When a step's day begins. Who arrived overdue is left alone for what is the same day where the debtor is, too."""
    moment = beginning(invoice.account, day_of(invoice, step))
    if not (came_overdue(invoice) and invoice.entered_at):
        return moment
    zone = place(invoice, rules_of(invoice.account)).zone
    next_day = invoice.entered_at.astimezone(zone).date() + _DAY
    return max(moment, dt.datetime.combine(next_day, dt.time.min, zone).astimezone(dt.UTC))


def on_paper(invoice: Invoice, step: PolicyStep) -> dt.date:
    return invoice.due_date + dt.timedelta(days=step.offset_days + invoice.slip_days)


def arrived_on(invoice: Invoice) -> dt.date:
    return invoice.entered_on or invoice.created_at.astimezone(invoice.account.zone).date()


def came_overdue(invoice: Invoice) -> bool:
    return arrived_on(invoice) > invoice.due_date


def beginning(account: Account, day: dt.date) -> dt.datetime:
    """Midnight on the account's calendar, in UTC."""
    return dt.datetime.combine(day, dt.time.min, account.zone).astimezone(dt.UTC)


# --- Taking them -------------------------------------------------------------------------------------------------


def advance(invoice: Invoice) -> None:
    """Look at where the invoice stands and do what is next: nothing, plan the step's message, or take a step that has
    none. May be called at any time and any number of times."""
    while _advance(invoice, unsent(invoice)):
        pass


def enter(invoice: Invoice) -> None:
    """`advance`, for a new invoice: nothing is planned for it yet."""
    if _advance(invoice, []):
        advance(invoice)


def unsent(invoice: Invoice) -> list[Communication]:
    """What is planned for the invoice, held back or on its way."""
    statements.flush(Communication)
    rows = _unsent(invoice=invoice.pk)
    for row in rows:
        row.invoice = invoice
    return rows


def asks(invoice_id: uuid.UUID) -> Ahead | None:
    """What `unsent` will ask."""
    return _unsent.ahead(invoice=invoice_id)


@Compiled
def _unsent(*, invoice: uuid.UUID) -> QuerySet[Communication]:
    return Communication.objects.filter(invoice=invoice, status__in=PENDING)


def _advance(invoice: Invoice, rows: Sequence[Communication]) -> bool:
    """Whether a step was taken, so that there is more to see to. `rows` are what is `unsent`."""
    pending = next((row for row in rows if row.step is not None), None)
    if not invoice.is_open:
        _drop(invoice, pending)
        return False
    if pending and pending.status == State.SENDING:
        lifecycle.stand(invoice, next_contact_at=None)
        return False
    today = invoice.account.today()
    step = next_step(invoice, policies.steps_of(invoice), today)
    if pending and not is_for(pending, invoice, step):
        cancel(pending, "other_step" if step else "no_step")
        pending = None
    if step is None:
        return _end(invoice, today)
    if pending and pending.status == State.HELD:
        return _await_a_person(invoice)
    if pending is None and (waits_until := _stands_still(invoice)):
        lifecycle.stand(invoice, next_contact_at=waits_until[0])
        return False
    day = day_of(invoice, step)
    # Who came overdue is planned for at once.
    enters = came_overdue(invoice) and invoice.last_step is None and step.kind != StepKind.NONE
    if today < day and not (enters and (pending or invoice.status == Status.OVERDUE)):
        if pending:
            cancel(pending, "day_moved")
        lifecycle.stand(invoice, next_contact_at=_first_look(invoice, step))
        return False
    if step.kind == StepKind.NONE:
        done(invoice, step)
        return True
    return _plan(invoice, step, pending)


def is_for(pending: Communication, invoice: Invoice, step: PolicyStep | None) -> bool:
    """Whether a planned message is that of the step which is next."""
    return step is not None and (pending.round, pending.step, pending.kind) == (
        invoice.round,
        step.offset_days,
        step.kind,
    )


def done(invoice: Invoice, step: PolicyStep, on: dt.date | None = None) -> None:
    """The step is behind us: what it was late is kept, and who it calls in is called."""
    on = on or invoice.account.today()
    late = (on - on_paper(invoice, step)).days
    slip = invoice.slip_days + (late if late > TOLERATED_DAYS else 0)
    lifecycle.stand(invoice, last_step=step.offset_days, slip_days=slip)
    if step.escalates_to and invoice.is_open:
        escalations.open_case(invoice, Reason.POLICY_STEP, level=step.escalates_to)


def replan(invoice: Invoice) -> None:
    """Something a message may have waited for has changed: let it go at the next allowed moment."""
    rows = unsent(invoice)
    waiting = [row for row in rows if row.status == State.SCHEDULED and row.waits_for in WAITS_FOR_FACTS]
    for row in waiting if invoice.is_open and invoice.status != Status.DISPUTED else ():
        moment = invoice.account.now()
        if invoice.status == Status.ON_HOLD and invoice.hold_until and row.kind != Kind.PROMISE_FOLLOWUP:
            moment = beginning(invoice.account, invoice.hold_until + _DAY)
        else:
            row.waits_for = ""
        row.scheduled_for = allowed_from(invoice, moment)
        row.save(update_fields=["waits_for", "scheduled_for"])
        if row.step is not None:
            lifecycle.stand(invoice, next_contact_at=row.scheduled_for)
    if _advance(invoice, rows):
        advance(invoice)


def allowed_from(invoice: Invoice, moment: dt.datetime) -> dt.datetime:
    """The first moment from `moment` on at which the debtor may be written to, as things stand now."""
    rules = rules_of(invoice.account)
    heard = caps.contacts(invoice.debtor_id, invoice.account.now())
    return caps.next_allowed(moment, heard, place(invoice, rules), rules)


def rules_of(account: Account) -> CollectionSettings:
    """The account's settings, else the defaults."""
    known: CollectionSettings | None = getattr(account, "collection", None)
    return known or CollectionSettings(account=account)


def place(invoice: Invoice, rules: CollectionSettings) -> Place:
    return place_of(invoice.debtor, invoice.account, invoice.debtor_phone, opens=rules.opens_at, closes=rules.closes_at)


def _stands_still(invoice: Invoice) -> tuple[dt.datetime | None] | None:
    """When to look again at an invoice that nothing is planned for, if something holds it."""
    if invoice.status == Status.ON_HOLD:
        assert invoice.hold_until is not None
        return (beginning(invoice.account, invoice.hold_until + _DAY),)
    if invoice.status == Status.DISPUTED:
        return (advance_dispute(invoice),)
    if invoice.escalation_level >= escalations.HIGHEST:
        return (None,)
    return None


def advance_dispute(invoice: Invoice) -> dt.datetime | None:
    """A dispute of 30 days raises the next level, once; a new round closes what was raised and counts anew. When that
    will be; None where a person is on it."""
    assert invoice.disputed_at is not None
    since = max(invoice.disputed_at, invoice.entered_at or invoice.disputed_at)
    raises_at = since + DISPUTE_RAISES + (invoice.dispute_paused or dt.timedelta())
    if invoice.account.now() < raises_at:
        return raises_at
    raised = Escalation.objects.filter(invoice=invoice, reason=Reason.DISPUTE, opened_at__gte=since)
    if invoice.escalation_level < escalations.HIGHEST and not raised.exists():
        escalations.raise_further(invoice, Reason.DISPUTE)
    return None


def _end(invoice: Invoice, today: dt.date) -> bool:
    """Every step is done. No silence without end: an overdue invoice that nobody is on is a person's."""
    held = _stands_still(invoice)
    lifecycle.stand(invoice, next_contact_at=held[0] if held else None)
    if held or not invoice.is_chased or invoice.status != Status.OVERDUE:
        return False
    if not invoice.escalation_level:
        escalations.raise_further(invoice, Reason.POLICY_STEP, notes="Every step of the ladder is done.")
    return False


def _await_a_person(invoice: Invoice) -> bool:
    """A held message is somebody's case, as long as it is held: no silence without end."""
    still = _stands_still(invoice)
    lifecycle.stand(invoice, next_contact_at=still[0] if still else None)
    if still is None and not invoice.escalation_level:
        escalations.open_case(invoice, Reason.POLICY_STEP, notes="A final notice waits for a second pair of eyes.")
    return False


def _first_look(invoice: Invoice, step: PolicyStep) -> dt.datetime:
    """The step's day; for one that came overdue, and that the clock has not found yet, the first opening."""
    moment = first_moment(invoice, step)
    return allowed_from(invoice, moment) if came_overdue(invoice) and invoice.last_step is None else moment


def _plan(invoice: Invoice, step: PolicyStep, pending: Communication | None) -> bool:
    """Whether the step was skipped instead."""
    account = invoice.account
    begins = first_moment(invoice, step)
    if invoice.not_before:
        begins = max(begins, invoice.not_before)
    if pending:
        if pending.waits_for == "" and pending.scheduled_for < begins:
            pending.scheduled_for = allowed_from(invoice, max(begins, account.now()))
            pending.save(update_fields=["scheduled_for"])
        lifecycle.stand(invoice, next_contact_at=pending.scheduled_for)
        return False
    scheduled_for = allowed_from(invoice, max(begins, account.now()))
    where = place(invoice, rules_of(account))
    if step.offset_days < 0 and scheduled_for >= beginning(account, invoice.due_date):
        lifecycle.stand(invoice, last_step=step.offset_days)
        timeline.note(invoice, "skipped", CLOCK)
        return True
    plan_message(invoice, step, scheduled_for)
    timeline.note(invoice, "planned", CLOCK, message=step.kind, moment=scheduled_for, zone=where.zone.key)
    return False


def plan_message(invoice: Invoice, step: PolicyStep, scheduled_for: dt.datetime) -> Communication:
    """The row of a step's next try."""
    statements.flush(Communication)
    tries = len(_tries(invoice=invoice.pk, round=invoice.round, step=step.offset_days, kind=step.kind))
    chosen = addresses.choose(invoice, (tries and channels_left(invoice, step)) or step.channels)
    communication = Communication(
        account=invoice.account,
        debtor_id=invoice.debtor_id,
        invoice=invoice,
        round=invoice.round,
        step=step.offset_days,
        kind=step.kind,
        tone=step.tone,
        try_number=tries + 1,
        channel=chosen.channel,
        recipient=chosen.address,
        language=invoice.debtor.language or invoice.language,
        scheduled_for=scheduled_for,
    )
    statements.insert(communication)
    lifecycle.stand(invoice, next_contact_at=scheduled_for)
    return communication


@Compiled
def _tries(*, invoice: uuid.UUID, round: int, step: int, kind: str) -> QuerySet[Communication, dict[str, Any]]:
    return Communication.objects.filter(invoice=invoice, round=round, step=step, kind=kind).order_by().values("id")


def tries_of(invoice: Invoice, step: PolicyStep) -> "QuerySet[Communication]":
    return Communication.objects.filter(
        invoice=invoice, round=invoice.round, step=step.offset_days, kind=step.kind
    ).order_by()


def channels_left(invoice: Invoice, step: PolicyStep) -> list[str]:
    """The step's channels, in order of preference, but for those on which it failed for good."""
    closed = set(tries_of(invoice, step).filter(closes_channel=True).values_list("channel", flat=True))
    return [channel for channel in step.channels if channel not in closed]


def cancel(pending: Communication, cause: str) -> None:
    """Drop a planned message. `cause` is a code of `narrative`."""
    pending.status = State.CANCELLED
    statements.update(pending, ("status",))
    timeline.note(pending.invoice, "cancelled", CLOCK, message=pending.kind, cause=cause)


def _drop(invoice: Invoice, pending: Communication | None) -> None:
    """Suppress, for good, what is planned for an invoice that is closed. What is being sent can't be called back."""
    lifecycle.stand(invoice, next_contact_at=None)
    reason = "paid" if invoice.status == Status.PAID else "closed"
    planned = Communication.objects.filter(invoice=invoice, status__in=(State.SCHEDULED, State.HELD))
    if invoice.status == Status.PAID:
        planned = planned.exclude(kind=Kind.THANK_YOU)
    dropped = planned.update(status=State.SUPPRESSED, suppressed_reason=reason)
    if dropped:
        timeline.note(invoice, "suppressed", CLOCK, closed=reason)
