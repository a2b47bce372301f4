"""The reminder schedule of an invoice: the next step, its day, and the consequences of taking it.

The next step is the first one after the last completed step. Its day is the due date plus its offset plus the slip. A
step that is sent more than three days late delays the later ones by the same number of days, so that none is skipped
and they do not crowd. The functions run in the caller's transaction, under the locks of the debtor and the invoice.
"""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence

from django.db.models import QuerySet

from communications.contacts import addresses
from communications.models import (
    PENDING,
    WITHOUT_MESSAGE,
    CallStatus,
    CallTask,
    CollectionSettings,
    Communication,
    Kind,
    State,
    StepKind,
)
from communications.schedule import attempts, holding, limits
from communications.schedule.calendar import Place
from communications.schedule.facts import Facts
from communications.schedule.holding import beginning
from communications.schedule.policies import Step
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.sql import Batch, compiled, joining
from invoices import lifecycle, money, timeline, workdays
from invoices.cases import escalations
from invoices.models import Escalation, Invoice, Reason, Resolution, Status

# A step that is at most this many days late counts as on time.
TOLERATED_DAYS = 3
# A step that asks for a call is done after so many working days, even if nobody called.
CALL_WITHIN_WORKING_DAYS = 3
_DAY = dt.timedelta(days=1)


# --- The next step and its day -----------------------------------------------------------------------------------


def next_step(invoice: Invoice, steps: Sequence[Step], today: dt.date) -> Step | None:
    """Return the next step, or None. `steps` are in order."""
    return next(steps_left(invoice, steps, today), None)


def steps_left(invoice: Invoice, steps: Sequence[Step], today: dt.date) -> Iterator[Step]:
    """Yield the steps after the last completed one, in order, without expired ones."""
    arrived = arrived_on(invoice)
    for step in steps:
        if invoice.last_step is not None and step.offset_days <= invoice.last_step:
            continue
        if arrived > invoice.due_date and step.offset_days <= 0:
            continue
        if step.offset_days < 0 and (today >= invoice.due_date or on_paper(invoice, step) < arrived):
            continue
        yield step


def day_of(invoice: Invoice, step: Step) -> dt.date:
    """Return the day of a step in the account's time zone. Invoices that arrive overdue start on the next day."""
    arrived = arrived_on(invoice)
    return max(on_paper(invoice, step), arrived + _DAY if arrived > invoice.due_date else arrived)


def first_moment(invoice: Invoice, step: Step, facts: Facts | None = None) -> dt.datetime:
    """Return the beginning of a step's day, in UTC.

    If the invoice arrived overdue, the next day must also have begun in the debtor's time zone.
    """
    moment = beginning(invoice.account, day_of(invoice, step))
    if not (came_overdue(invoice) and invoice.entered_at):
        return moment
    return max(moment, (facts or facts_of(invoice)).place(invoice).next_day(invoice.entered_at))


def on_paper(invoice: Invoice, step: Step) -> dt.date:
    return invoice.due_date + dt.timedelta(days=step.offset_days + invoice.slip_days)


def arrived_on(invoice: Invoice) -> dt.date:
    return invoice.entered_on or invoice.created_at.astimezone(invoice.account.zone).date()


def came_overdue(invoice: Invoice) -> bool:
    return arrived_on(invoice) > invoice.due_date


# --- Taking steps ------------------------------------------------------------------------------------------------


def advance(invoice: Invoice) -> None:
    """Do what is next for the invoice: nothing, plan the message of a step, or take a step without a message.

    It may be called at any time and any number of times.
    """
    batch = Batch()
    while _advance(batch, invoice, unsent(invoice)):
        batch.flush()
    batch.flush()


def enter(invoice: Invoice, batch: Batch, facts: Facts) -> bool:
    """Advance a new invoice, for which nothing is planned yet. Note on its timeline if no channel can reach it.

    Return True if it took a step.
    """
    channels = [channel for step in facts.steps(invoice) for channel in step.channels]
    contacts: addresses.Addresses | None = {} if facts.has_plain_contacts else None
    chosen = addresses.choose(invoice, channels, contacts, facts.corrections, further=facts.entries)
    is_taken = _advance(batch, invoice, [], facts)
    if is_taken:
        batch.flush()
        advance(invoice)
    if chosen.missing:
        timeline.note(invoice, "warning", CLOCK, batch=batch)
    return is_taken


def unsent(invoice: Invoice) -> list[Communication]:
    """Return the invoice's messages that are scheduled, held or being sent."""
    rows = _unsent(invoice=invoice.pk)
    for row in rows:
        row.invoice = invoice
    return rows


@compiled
def _unsent(*, invoice: uuid.UUID) -> QuerySet[Communication]:
    return Communication.objects.filter(invoice=invoice, status__in=PENDING)


def _advance(batch: Batch, invoice: Invoice, rows: Sequence[Communication], facts: Facts | None = None) -> bool:
    """Do one thing for the invoice. Return True if a step was taken, so that more may follow.

    `rows` are the `unsent` messages.
    """
    is_taken = _take_next(batch, invoice, rows, facts)
    if invoice.is_partly_disputed and (raises_at := advance_dispute(invoice, batch)):
        check_at = min(raises_at, invoice.next_check_at or raises_at)
        lifecycle.update_schedule(invoice, batch=batch, next_check_at=check_at)
    return is_taken


def _take_next(batch: Batch, invoice: Invoice, rows: Sequence[Communication], facts: Facts | None = None) -> bool:
    pending = next((row for row in rows if row.step is not None), None)
    if not invoice.is_open:
        _drop(batch, invoice, pending)
        return False
    if pending and pending.status == State.SENDING:
        lifecycle.update_schedule(invoice, batch=batch, next_contact_at=None, next_check_at=None)
        return False
    facts = facts or facts_of(invoice)
    today = invoice.account.today()
    step = next_step(invoice, facts.steps(invoice), today)
    if pending and not is_for(pending, invoice, step):
        cancel(pending, "other_step" if step else "no_step", batch)
        pending = None
    if invoice.pk in facts.invoices_to_call_about:
        _cancel_calls(invoice, step)
    if step is None:
        return _end(batch, invoice, today)
    if pending and pending.status == State.HELD:
        return _await_a_person(batch, invoice)
    if pending is None and (waits_until := _stands_still(batch, invoice)):
        contact_at = _next_contact(facts, invoice)
        lifecycle.update_schedule(invoice, batch=batch, next_check_at=waits_until[0], next_contact_at=contact_at)
        return False
    day = day_of(invoice, step)
    # An invoice that arrived overdue is planned for at once.
    enters = came_overdue(invoice) and invoice.last_step is None and step.kind not in WITHOUT_MESSAGE
    if today < day and not (enters and (pending or _is_overdue(invoice, today))):
        if pending:
            cancel(pending, "day_moved", batch)
        check_at = first_moment(invoice, step, facts)
        if enters:
            check_at = holding.next_allowed(facts, invoice, _probe(facts, invoice, step), check_at)
        contact_at = _next_contact(facts, invoice)
        lifecycle.update_schedule(invoice, batch=batch, next_check_at=check_at, next_contact_at=contact_at)
        return False
    if step.kind == StepKind.NONE:
        done(invoice, step, batch=batch)
        return True
    if step.kind == StepKind.CALL:
        return _await_call(batch, facts, invoice, step)
    return _plan(batch, facts, invoice, step, pending)


def is_for(pending: Communication, invoice: Invoice, step: Step | None) -> bool:
    """Return True if a planned message belongs to this step."""
    return step is not None and (pending.round, pending.step, pending.kind) == (
        invoice.round,
        step.offset_days,
        step.kind,
    )


def done(invoice: Invoice, step: Step, on: dt.date | None = None, *, batch: Batch | None = None) -> None:
    """Mark a step as done: record its slip and open the case that it escalates to."""
    on = on or invoice.account.today()
    late = (on - on_paper(invoice, step)).days
    adds_to_slip = late > TOLERATED_DAYS and step.kind != StepKind.CALL
    slip = invoice.slip_days + (late if adds_to_slip else 0)
    lifecycle.update_schedule(invoice, batch=batch, last_step=step.offset_days, slip_days=slip)
    if step.escalates_to and invoice.is_open:
        if batch:
            batch.flush()
        escalations.open_case(invoice, Reason.POLICY_STEP, level=step.escalates_to)


def replan(
    invoice: Invoice,
    rows: Sequence[Communication] | None = None,
    facts: Facts | None = None,
    *,
    batch: Batch | None = None,
) -> None:
    """Reschedule the planned messages of an invoice after a fact has changed.

    `rows` are the `unsent` messages, `facts` those of the debtor.
    """
    facts = facts or facts_of(invoice)
    if rows is None:
        rows = unsent(invoice) if facts.is_planned else []
    with joining(batch) as batch:
        for row in rows:
            if row.status == State.SCHEDULED and row.step is None:
                reschedule(facts, invoice, row, batch=batch)
        if _advance(batch, invoice, rows, facts):
            batch.flush()
            advance(invoice)


def facts_of(invoice: Invoice) -> Facts:
    """Return the facts of the invoice's debtor. They are read on first use."""
    return Facts(invoice.account, invoice.debtor, rules_of(invoice.account), invoice=invoice)


def reschedule(
    facts: Facts,
    invoice: Invoice,
    row: Communication,
    begins: dt.datetime | None = None,
    *,
    batch: Batch | None = None,
) -> dt.datetime | None:
    """Set a planned message to the first time at which it may be sent, with the reason if it is held back.

    `begins` is the beginning of its step. Return the time for `next_contact_at`.
    """
    base = max(moment for moment in (begins, row.not_before, facts.now) if moment)
    if row.not_before is None and row.waits_for in ("", *holding.ACCOUNT):
        base = max(base, row.scheduled_for)
    verdict = holding.first_allowed(facts, invoice, row, base)
    moment, why = verdict.moment, verdict.reason
    if not why and row.waits_for in holding.ACCOUNT:
        why, moment = row.waits_for, max(moment, row.scheduled_for)
    if not why and row.waits_for in holding.TRIED_AGAIN and row.not_before and row.not_before > facts.now:
        why = row.waits_for
    if moment <= facts.now and row.scheduled_for <= facts.now:
        moment = row.scheduled_for  # it is due already
    if not why and moment > facts.next_allowed(base, (), invoice):
        why = "cap"
    if moment != row.scheduled_for or (why != row.waits_for and (why in holding.FACTS or row.waits_for)):
        is_news = why not in ("", row.waits_for)
        row.scheduled_for, row.waits_for = moment, why
        with joining(batch) as batch:
            batch.update(row, "scheduled_for", "waits_for")
            if is_news:
                note_postponed(facts, invoice, row, batch=batch)
    return _shown(facts, verdict, row.scheduled_for)


def note_postponed(
    facts: Facts, invoice: Invoice, row: Communication, reason: str = "", *, batch: Batch | None = None
) -> None:
    """Note on the timeline that a message was postponed, until when and why."""
    if row.waits_for == "credit":
        reason = money.display(invoice.balance, invoice.currency)
    elif row.waits_for == "never_chase":
        reason = facts.debtor.never_chase_reason
    timeline.note(
        invoice,
        "postponed",
        CLOCK,
        after={"waits_for": row.waits_for},
        reason=reason,
        batch=batch,
        message=row.kind,
        because=row.waits_for,
        moment=row.scheduled_for,
        zone=facts.place(invoice).zone.key,
    )


def _shown(facts: Facts, verdict: holding.Verdict, moment: dt.datetime) -> dt.datetime | None:
    """Return `moment` for `next_contact_at`, or None if nothing is sent before somebody acts."""
    return None if facts.debtor.opted_out_at or verdict.has_person else moment


def _next_contact(facts: Facts, invoice: Invoice) -> dt.datetime | None:
    """Return the earliest time of the next step under the current facts, or the next check of a dispute."""
    account = invoice.account
    for step in steps_left(invoice, facts.steps(invoice), account.today()):
        if step.kind in WITHOUT_MESSAGE:
            if step.escalates_to == escalations.MAX_LEVEL:
                return None
            continue
        begins = max(first_moment(invoice, step, facts), facts.now)
        verdict = holding.first_allowed(facts, invoice, _probe(facts, invoice, step), begins)
        if verdict.hold and verdict.reason == "dispute":
            return None if verdict.has_person else verdict.hold.until
        if step.offset_days < 0 and verdict.moment >= beginning(account, invoice.due_date):
            continue
        return _shown(facts, verdict, verdict.moment)
    return None


def _probe(facts: Facts, invoice: Invoice, step: Step) -> Communication:
    """Return an unsaved message of the step, for checking the rules before one is planned."""
    kind = step.offset_days, step.kind
    if kind not in facts.probes:
        facts.probes[kind] = Communication(kind=step.kind, step=step.offset_days)
    facts.probes[kind].invoice = invoice
    return facts.probes[kind]


def allowed_from(invoice: Invoice, moment: dt.datetime) -> dt.datetime:
    """Return the first time from `moment` on within the contact hours and limits, in UTC."""
    rules = rules_of(invoice.account)
    heard = limits.contacts(invoice.debtor_id, invoice.account.now(), rules)
    return limits.next_allowed(moment, heard, place(invoice, rules), rules)


def rules_of(account: Account) -> CollectionSettings:
    """Return the account's settings, or the defaults."""
    try:
        return account.collection
    except CollectionSettings.DoesNotExist:
        return CollectionSettings(account=account)


def place(invoice: Invoice, rules: CollectionSettings) -> Place:
    """Return the location of the invoice's debtor."""
    return Facts(invoice.account, invoice.debtor, rules, invoice=invoice).place(invoice)


def _stands_still(batch: Batch, invoice: Invoice) -> tuple[dt.datetime | None] | None:
    """Return the next check of a held invoice, as a tuple that may contain None, or None if nothing holds it."""
    if invoice.debtor.never_chase and invoice.status != Status.ON_HOLD and not invoice.is_wholly_disputed:
        return (None,)
    if invoice.status == Status.ON_HOLD:
        assert invoice.hold_until is not None
        return (beginning(invoice.account, invoice.hold_until + _DAY),)
    if invoice.is_wholly_disputed:
        return (advance_dispute(invoice, batch),)
    if invoice.escalation_level >= escalations.MAX_LEVEL:
        return (None,)
    return None


def advance_dispute(invoice: Invoice, batch: Batch | None = None) -> dt.datetime | None:
    """Escalate a dispute after 30 days, once. A new round closes the escalation and restarts the 30 days.

    Return the time of the escalation, or None if a person is handling it.
    """
    assert invoice.disputed_at is not None
    since, raises_at = holding.dispute_since(invoice), holding.dispute_escalates_at(invoice)
    if invoice.account.now() < raises_at:
        return raises_at
    raised = Escalation.objects.filter(invoice=invoice, reason=Reason.DISPUTE, opened_at__gte=since)
    raised = raised.exclude(resolution=Resolution.TOO_EARLY)
    if invoice.escalation_level < escalations.MAX_LEVEL and not raised.exists():
        if batch:
            batch.flush()
        escalations.escalate(invoice, Reason.DISPUTE)
    return None


def _is_overdue(invoice: Invoice, today: dt.date) -> bool:
    """Return True if the invoice is overdue, or past due and partly disputed."""
    return invoice.status == Status.OVERDUE or (invoice.is_partly_disputed and invoice.due_date < today)


def _end(batch: Batch, invoice: Invoice, today: dt.date) -> bool:
    """Escalate an overdue invoice without further steps, unless a case is open."""
    held = _stands_still(batch, invoice)
    _await_check(batch, invoice, held)
    if held or not invoice.is_chased or not _is_overdue(invoice, today):
        return False
    if not invoice.escalation_level:
        batch.flush()
        escalations.escalate(invoice, Reason.POLICY_STEP, notes="Every step of the reminder schedule is done.")
    return False


def _await_a_person(batch: Batch, invoice: Invoice) -> bool:
    """Open a case for a message that is held for approval, unless one is open."""
    still = _stands_still(batch, invoice)
    _await_check(batch, invoice, still)
    if still is None and not invoice.escalation_level:
        batch.flush()
        escalations.open_case(invoice, Reason.POLICY_STEP, notes="A final notice needs approval.")
    return False


def _await_check(batch: Batch, invoice: Invoice, still: tuple[dt.datetime | None] | None) -> None:
    """Set the next check of an invoice without a further message. Only a dispute has a next contact."""
    check_at = still[0] if still else None
    contact_at = check_at if invoice.is_wholly_disputed and not invoice.debtor.never_chase else None
    lifecycle.update_schedule(invoice, batch=batch, next_check_at=check_at, next_contact_at=contact_at)


def _plan(batch: Batch, facts: Facts, invoice: Invoice, step: Step, pending: Communication | None) -> bool:
    """Plan or reschedule the message of a step. Return True if the step was skipped instead."""
    account = invoice.account
    begins = first_moment(invoice, step, facts)
    if pending:
        check_at = advance_dispute(invoice, batch) if invoice.is_wholly_disputed else None
        contact_at = reschedule(facts, invoice, pending, begins, batch=batch)
        if step.offset_days < 0 and pending.scheduled_for >= beginning(account, invoice.due_date):
            cancel(pending, "no_hour_left", batch)
            check_at, contact_at = beginning(account, invoice.due_date), _next_contact(facts, invoice)
        lifecycle.update_schedule(invoice, batch=batch, next_check_at=check_at, next_contact_at=contact_at)
        return False
    not_before = max(begins, account.now())
    probe = _probe(facts, invoice, step)
    scheduled_for = holding.next_allowed(facts, invoice, probe, not_before)
    if step.offset_days < 0 and scheduled_for >= beginning(account, invoice.due_date):
        lifecycle.update_schedule(invoice, batch=batch, last_step=step.offset_days)
        timeline.note(invoice, "skipped", CLOCK, batch=batch)
        return True
    planned = plan_message(invoice, step, scheduled_for, not_before=not_before, facts=facts, batch=batch)
    zone = facts.place(invoice).zone.key
    timeline.note(invoice, "planned", CLOCK, batch=batch, message=step.kind, moment=scheduled_for, zone=zone)
    if facts.debtor.opted_out_at or holding.hold_of(facts, invoice, planned, not_before):
        contact_at = reschedule(facts, invoice, planned, begins, batch=batch)
        lifecycle.update_schedule(invoice, batch=batch, next_contact_at=contact_at)
    return False


def _await_call(batch: Batch, facts: Facts, invoice: Invoice, step: Step) -> bool:
    """Ask for a call. Return True if the step is done: a call was logged, or was not made in time."""
    account, now = invoice.account, facts.now
    task = CallTask.objects.filter(invoice=invoice, round=invoice.round, step=step.offset_days).first()
    if task and task.status == CallStatus.OPEN and now >= task.expires_at:
        task.status = CallStatus.EXPIRED
        task.save(update_fields=["status"])
        timeline.note(invoice, "call_expired", CLOCK, batch=batch)
    if task and task.status in (CallStatus.DONE, CallStatus.EXPIRED):
        done(invoice, step, batch=batch)
        return True
    if task is None or task.status == CallStatus.CANCELLED:
        if hold := holding.hold_of(facts, invoice, _probe(facts, invoice, step), now):
            lifecycle.update_schedule(invoice, batch=batch, next_check_at=hold.until, next_contact_at=None)
            return False
        until = workdays.after(account.today(), CALL_WITHIN_WORKING_DAYS, facts.place(invoice).days)
        task = task or CallTask(account=account, debtor=invoice.debtor, invoice=invoice, round=invoice.round)
        task.step, task.status, task.opened_at = step.offset_days, CallStatus.OPEN, now
        task.expires_at = beginning(account, until + _DAY)
        task.save()
        timeline.note(invoice, "call_due", CLOCK, batch=batch, moment=task.expires_at, zone=account.zone.key)
    contact_at = _next_contact(facts, invoice)
    lifecycle.update_schedule(invoice, batch=batch, next_check_at=task.expires_at, next_contact_at=contact_at)
    return False


def _cancel_calls(invoice: Invoice, step: Step | None) -> None:
    """Cancel the calls that earlier steps or rounds asked for."""
    asked = CallTask.objects.filter(invoice=invoice, status=CallStatus.OPEN)
    if step and step.kind == StepKind.CALL:
        asked = asked.exclude(round=invoice.round, step=step.offset_days)
    asked.update(status=CallStatus.CANCELLED)


def plan_message(
    invoice: Invoice,
    step: Step,
    scheduled_for: dt.datetime,
    *,
    not_before: dt.datetime,
    chosen: addresses.Chosen | None = None,
    facts: Facts | None = None,
    batch: Batch | None = None,
) -> Communication:
    """Create the next attempt of a step, on the channel `chosen` if given."""
    known = facts or facts_of(invoice)
    earlier = known.attempts_of(invoice, step)
    if chosen is None:
        left = [channel for channel in step.channels if channel not in earlier.closed]
        chosen = known.choose(invoice, left or step.channels, step.kind)
    communication = Communication(
        account=invoice.account,
        debtor_id=invoice.debtor_id,
        invoice=invoice,
        round=invoice.round,
        step=step.offset_days,
        kind=step.kind,
        tone=step.tone,
        try_number=earlier.number + 1,
        channel=chosen.channel,
        recipient=chosen.address,
        language=invoice.debtor.language or invoice.language,
        scheduled_for=scheduled_for,
        not_before=not_before,
    )
    with joining(batch) as batch:
        batch.insert(communication)
        lifecycle.update_schedule(invoice, batch=batch, next_check_at=None, next_contact_at=scheduled_for)
    return communication


def tries_of(invoice: Invoice, step: Step) -> "QuerySet[Communication]":
    return Communication.objects.filter(
        invoice=invoice, round=invoice.round, step=step.offset_days, kind=step.kind
    ).order_by()


def channels_left(invoice: Invoice, step: Step) -> list[str]:
    """Return the step's channels in order of preference, without those on which it failed for good."""
    closed = attempts.of_step(invoice, step).closed
    return [channel for channel in step.channels if channel not in closed]


def cancel(pending: Communication, cause: str, batch: Batch | None = None) -> None:
    """Cancel a planned message. `cause` is a code in `communications.narrative`."""
    pending.status = State.CANCELLED
    with joining(batch) as batch:
        batch.update(pending, "status")
        timeline.note(pending.invoice, "cancelled", CLOCK, batch=batch, message=pending.kind, cause=cause)


def _drop(batch: Batch, invoice: Invoice, pending: Communication | None) -> None:
    """Suppress the planned messages of a closed invoice. A message that is being sent can't be stopped."""
    lifecycle.update_schedule(invoice, batch=batch, next_check_at=None, next_contact_at=None)
    reason = "paid" if invoice.status == Status.PAID else "closed"
    planned = Communication.objects.filter(invoice=invoice, status__in=(State.SCHEDULED, State.HELD))
    planned = planned.exclude(kind=Kind.STATEMENT)  # the debtor's other invoices may be open
    if invoice.status == Status.PAID:
        planned = planned.exclude(kind=Kind.THANK_YOU)
    dropped = planned.update(status=State.SUPPRESSED, suppressed_reason=reason)
    if dropped:
        timeline.note(invoice, "suppressed", CLOCK, batch=batch, closed=reason)
