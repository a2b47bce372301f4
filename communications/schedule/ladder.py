"""The ladder: which step of an invoice comes next, when its day has come, and what follows when it is done.

The next step is the first after the last one done. It is due on due date + offset + slip; a step that goes more than
three days late pushes those after it by as much, so that none is skipped and none is crowded. All of it runs in the
caller's transaction, under the locks of the debtor and the invoice.
"""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from communications.contacts import addresses
from communications.models import PENDING, CollectionSettings, Communication, Kind, PolicyStep, State, StepKind
from communications.schedule import holding, limits, policies
from communications.schedule.calendar import Place, place_of
from communications.schedule.holding import beginning
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.sql import Batch, compiled, joining
from invoices import lifecycle, money, timeline
from invoices.cases import escalations
from invoices.debtors import contacts
from invoices.models import Escalation, Invoice, Reason, Resolution, Status

# A step this many days late still counts as on time.
TOLERATED_DAYS = 3
_DAY = dt.timedelta(days=1)


# --- Which step, on which day ------------------------------------------------------------------------------------


def next_step(invoice: Invoice, steps: Sequence[PolicyStep], today: dt.date) -> PolicyStep | None:
    """The first step after the last one done, but for those that died. `steps` in order."""
    return next(steps_left(invoice, steps, today), None)


def steps_left(invoice: Invoice, steps: Sequence[PolicyStep], today: dt.date) -> Iterator[PolicyStep]:
    """The steps after the last one done, in order, without those that died."""
    arrived = arrived_on(invoice)
    for step in steps:
        if invoice.last_step is not None and step.offset_days <= invoice.last_step:
            continue
        if arrived > invoice.due_date and step.offset_days <= 0:
            continue
        if step.offset_days < 0 and (today >= invoice.due_date or on_paper(invoice, step) < arrived):
            continue
        yield step


def day_of(invoice: Invoice, step: PolicyStep) -> dt.date:
    """The day of a step, on the account's calendar. Who arrives overdue is first written to on a later day."""
    arrived = arrived_on(invoice)
    return max(on_paper(invoice, step), arrived + _DAY if arrived > invoice.due_date else arrived)


def first_moment(invoice: Invoice, step: PolicyStep) -> dt.datetime:
    """When a step's day begins. Who arrived overdue is left alone for what is the same day where the debtor is, too."""
    moment = beginning(invoice.account, day_of(invoice, step))
    if not (came_overdue(invoice) and invoice.entered_at):
        return moment
    return max(moment, place(invoice, rules_of(invoice.account)).next_day(invoice.entered_at))


def on_paper(invoice: Invoice, step: PolicyStep) -> dt.date:
    return invoice.due_date + dt.timedelta(days=step.offset_days + invoice.slip_days)


def arrived_on(invoice: Invoice) -> dt.date:
    return invoice.entered_on or invoice.created_at.astimezone(invoice.account.zone).date()


def came_overdue(invoice: Invoice) -> bool:
    return arrived_on(invoice) > invoice.due_date


# --- Taking them -------------------------------------------------------------------------------------------------


def advance(invoice: Invoice) -> None:
    """Look at where the invoice stands and do what is next: nothing, plan the step's message, or take a step that has
    none. May be called at any time and any number of times."""
    batch = Batch()
    while _advance(batch, invoice, unsent(invoice)):
        batch.flush()
    batch.flush()


def enter(invoice: Invoice, batch: Batch) -> None:
    """`advance`, for a new invoice: nothing is planned for it yet."""
    if _advance(batch, invoice, []):
        batch.flush()
        advance(invoice)


def unsent(invoice: Invoice) -> list[Communication]:
    """What is planned for the invoice, held back or on its way."""
    rows = _unsent(invoice=invoice.pk)
    for row in rows:
        row.invoice = invoice
    return rows


@compiled
def _unsent(*, invoice: uuid.UUID) -> QuerySet[Communication]:
    return Communication.objects.filter(invoice=invoice, status__in=PENDING)


def _advance(batch: Batch, invoice: Invoice, rows: Sequence[Communication], facts: holding.Facts | None = None) -> bool:
    """Whether a step was taken, so that there is more to see to. `rows` are what is `unsent`."""
    pending = next((row for row in rows if row.step is not None), None)
    if not invoice.is_open:
        _drop(batch, invoice, pending)
        return False
    if pending and pending.status == State.SENDING:
        lifecycle.stand(invoice, batch=batch, next_contact_at=None, next_check_at=None)
        return False
    facts = facts or facts_of(invoice)
    today = invoice.account.today()
    step = next_step(invoice, policies.steps_of(invoice), today)
    if pending and not is_for(pending, invoice, step):
        cancel(pending, "other_step" if step else "no_step", batch)
        pending = None
    if step is None:
        return _end(batch, invoice, today)
    if pending and pending.status == State.HELD:
        return _await_a_person(batch, invoice)
    if pending is None and (waits_until := _stands_still(batch, invoice)):
        contact_at = _next_contact(facts, invoice)
        lifecycle.stand(invoice, batch=batch, next_check_at=waits_until[0], next_contact_at=contact_at)
        return False
    day = day_of(invoice, step)
    # An invoice that arrived overdue is planned for at once.
    enters = came_overdue(invoice) and invoice.last_step is None and step.kind != StepKind.NONE
    if today < day and not (enters and (pending or invoice.status == Status.OVERDUE)):
        if pending:
            cancel(pending, "day_moved", batch)
        check_at = first_moment(invoice, step)
        if enters:
            check_at = holding.next_allowed(facts, invoice, _probe(invoice, step), check_at)
        contact_at = _next_contact(facts, invoice)
        lifecycle.stand(invoice, batch=batch, next_check_at=check_at, next_contact_at=contact_at)
        return False
    if step.kind == StepKind.NONE:
        done(invoice, step, batch=batch)
        return True
    return _plan(batch, facts, invoice, step, pending)


def is_for(pending: Communication, invoice: Invoice, step: PolicyStep | None) -> bool:
    """Whether a planned message is that of the step which is next."""
    return step is not None and (pending.round, pending.step, pending.kind) == (
        invoice.round,
        step.offset_days,
        step.kind,
    )


def done(invoice: Invoice, step: PolicyStep, on: dt.date | None = None, *, batch: Batch | None = None) -> None:
    """The step is behind us: what it was late is kept, and who it calls in is called."""
    on = on or invoice.account.today()
    late = (on - on_paper(invoice, step)).days
    slip = invoice.slip_days + (late if late > TOLERATED_DAYS else 0)
    lifecycle.stand(invoice, batch=batch, last_step=step.offset_days, slip_days=slip)
    if step.escalates_to and invoice.is_open:
        if batch:
            batch.flush()
        escalations.open_case(invoice, Reason.POLICY_STEP, level=step.escalates_to)


def replan(
    invoice: Invoice,
    rows: Sequence[Communication] | None = None,
    facts: holding.Facts | None = None,
    *,
    batch: Batch | None = None,
) -> None:
    """A fact that messages depend on has changed: give each planned message of the invoice the moment at which it may
    go now. `rows` are what is `unsent`; `facts` are the debtor's."""
    rows = unsent(invoice) if rows is None else rows
    facts = facts or facts_of(invoice)
    with joining(batch) as batch:
        for row in rows:
            if row.status == State.SCHEDULED and row.step is None:
                reschedule(facts, invoice, row, batch=batch)
        if _advance(batch, invoice, rows, facts):
            batch.flush()
            advance(invoice)


def facts_of(invoice: Invoice) -> holding.Facts:
    """The facts of the invoice's debtor, read when they are needed."""
    return holding.Facts(invoice.account, invoice.debtor, rules_of(invoice.account))


def reschedule(
    facts: holding.Facts,
    invoice: Invoice,
    row: Communication,
    begins: dt.datetime | None = None,
    *,
    batch: Batch | None = None,
) -> dt.datetime | None:
    """Give a planned message the first moment at which it may go, and the reason if it waits for a fact. Return the
    moment as `next_contact_at` shows it. `begins`: when its step does."""
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
    if not why and moment > facts.place(invoice).next_opening(base):
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
    facts: holding.Facts, invoice: Invoice, row: Communication, reason: str = "", *, batch: Batch | None = None
) -> None:
    """Write on the timeline until when a message waits, and for what."""
    reason = money.display(invoice.balance, invoice.currency) if row.waits_for == "credit" else reason
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


def _shown(facts: holding.Facts, verdict: holding.Verdict, moment: dt.datetime) -> dt.datetime | None:
    """`moment` as `next_contact_at` shows it: none where nobody is written to before somebody acts."""
    return None if facts.debtor.opted_out_at or verdict.has_person else moment


def _next_contact(facts: holding.Facts, invoice: Invoice) -> dt.datetime | None:
    """Return the earliest time of the next step under the present facts, for a dispute that of its next check."""
    account = invoice.account
    for step in steps_left(invoice, policies.steps_of(invoice), account.today()):
        if step.kind == StepKind.NONE:
            if step.escalates_to == escalations.HIGHEST:
                return None
            continue
        begins = max(first_moment(invoice, step), facts.now)
        verdict = holding.first_allowed(facts, invoice, _probe(invoice, step), begins)
        if verdict.hold and verdict.reason == "dispute":
            return None if verdict.has_person else verdict.hold.until
        if step.offset_days < 0 and verdict.moment >= beginning(account, invoice.due_date):
            continue
        return _shown(facts, verdict, verdict.moment)
    return None


def _probe(invoice: Invoice, step: PolicyStep) -> Communication:
    """A message of the step, to apply the rules to before one is planned."""
    return Communication(invoice=invoice, kind=step.kind, step=step.offset_days)


def allowed_from(invoice: Invoice, moment: dt.datetime) -> dt.datetime:
    """The first moment from `moment` on within the hours and the limits of contact, as things stand now."""
    rules = rules_of(invoice.account)
    heard = limits.contacts(invoice.debtor_id, invoice.account.now(), rules)
    return limits.next_allowed(moment, heard, place(invoice, rules), rules)


def rules_of(account: Account) -> CollectionSettings:
    """The account's settings, else the defaults."""
    if _SETTINGS.is_cached(account):
        known: CollectionSettings | None = getattr(account, "collection", None)
        return known or CollectionSettings(account=account)
    for rules in _settings(account=account.pk):
        account.collection = rules
        return rules
    return CollectionSettings(account=account)


_SETTINGS: Any = CollectionSettings._meta.get_field("account").remote_field


@compiled
def _settings(*, account: uuid.UUID) -> QuerySet[CollectionSettings]:
    return CollectionSettings.objects.filter(account=account)


def place(invoice: Invoice, rules: CollectionSettings) -> Place:
    phone = contacts.given(invoice, "phone")
    return place_of(invoice.debtor, invoice.account, phone, opens=rules.opens_at, closes=rules.closes_at)


def _stands_still(batch: Batch, invoice: Invoice) -> tuple[dt.datetime | None] | None:
    """When to look again at an invoice that nothing is planned for, if something holds it."""
    if invoice.status == Status.ON_HOLD:
        assert invoice.hold_until is not None
        return (beginning(invoice.account, invoice.hold_until + _DAY),)
    if invoice.status == Status.DISPUTED:
        return (advance_dispute(invoice, batch),)
    if invoice.escalation_level >= escalations.HIGHEST:
        return (None,)
    return None


def advance_dispute(invoice: Invoice, batch: Batch | None = None) -> dt.datetime | None:
    """A dispute of 30 days raises the next level, once; a new round closes what was raised and counts anew. When that
    will be; None where a person is on it."""
    assert invoice.disputed_at is not None
    since, raises_at = holding.dispute_since(invoice), holding.dispute_raises_at(invoice)
    if invoice.account.now() < raises_at:
        return raises_at
    raised = Escalation.objects.filter(invoice=invoice, reason=Reason.DISPUTE, opened_at__gte=since)
    raised = raised.exclude(resolution=Resolution.TOO_EARLY)
    if invoice.escalation_level < escalations.HIGHEST and not raised.exists():
        if batch:
            batch.flush()
        escalations.raise_further(invoice, Reason.DISPUTE)
    return None


def _end(batch: Batch, invoice: Invoice, today: dt.date) -> bool:
    """Every step is done. No silence without end: an overdue invoice that nobody is on is a person's."""
    held = _stands_still(batch, invoice)
    _await_check(batch, invoice, held)
    if held or not invoice.is_chased or invoice.status != Status.OVERDUE:
        return False
    if not invoice.escalation_level:
        batch.flush()
        escalations.raise_further(invoice, Reason.POLICY_STEP, notes="Every step of the ladder is done.")
    return False


def _await_a_person(batch: Batch, invoice: Invoice) -> bool:
    """A held message is somebody's case, as long as it is held: no silence without end."""
    still = _stands_still(batch, invoice)
    _await_check(batch, invoice, still)
    if still is None and not invoice.escalation_level:
        batch.flush()
        escalations.open_case(invoice, Reason.POLICY_STEP, notes="A final notice waits for a second pair of eyes.")
    return False


def _await_check(batch: Batch, invoice: Invoice, still: tuple[dt.datetime | None] | None) -> None:
    """Mark the invoice as one without a further message; only a dispute has a date."""
    check_at = still[0] if still else None
    contact_at = check_at if invoice.status == Status.DISPUTED else None
    lifecycle.stand(invoice, batch=batch, next_check_at=check_at, next_contact_at=contact_at)


def _plan(
    batch: Batch, facts: holding.Facts, invoice: Invoice, step: PolicyStep, pending: Communication | None
) -> bool:
    """Whether the step was skipped instead."""
    account = invoice.account
    begins = first_moment(invoice, step)
    if pending:
        check_at = advance_dispute(invoice, batch) if invoice.status == Status.DISPUTED else None
        contact_at = reschedule(facts, invoice, pending, begins, batch=batch)
        if step.offset_days < 0 and pending.scheduled_for >= beginning(account, invoice.due_date):
            cancel(pending, "no_hour_left", batch)
            check_at, contact_at = beginning(account, invoice.due_date), _next_contact(facts, invoice)
        lifecycle.stand(invoice, batch=batch, next_check_at=check_at, next_contact_at=contact_at)
        return False
    not_before = max(begins, account.now())
    probe = _probe(invoice, step)
    scheduled_for = holding.next_allowed(facts, invoice, probe, not_before)
    if step.offset_days < 0 and scheduled_for >= beginning(account, invoice.due_date):
        lifecycle.stand(invoice, batch=batch, last_step=step.offset_days)
        timeline.note(invoice, "skipped", CLOCK, batch=batch)
        return True
    planned = plan_message(invoice, step, scheduled_for, not_before=not_before, batch=batch)
    zone = facts.place(invoice).zone.key
    timeline.note(invoice, "planned", CLOCK, batch=batch, message=step.kind, moment=scheduled_for, zone=zone)
    if facts.debtor.opted_out_at or holding.hold_of(facts, invoice, planned, not_before):
        contact_at = reschedule(facts, invoice, planned, begins, batch=batch)
        lifecycle.stand(invoice, batch=batch, next_contact_at=contact_at)
    return False


def plan_message(
    invoice: Invoice,
    step: PolicyStep,
    scheduled_for: dt.datetime,
    *,
    not_before: dt.datetime,
    chosen: addresses.Chosen | None = None,
    batch: Batch | None = None,
) -> Communication:
    """The row of a step's next try, by the channel `chosen` if there is one."""
    tries = len(_tries(invoice=invoice.pk, round=invoice.round, step=step.offset_days, kind=step.kind))
    chosen = chosen or addresses.choose(invoice, (tries and channels_left(invoice, step)) or step.channels)
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
        not_before=not_before,
    )
    with joining(batch) as batch:
        batch.insert(communication)
        lifecycle.stand(invoice, batch=batch, next_check_at=None, next_contact_at=scheduled_for)
    return communication


@compiled
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


def cancel(pending: Communication, cause: str, batch: Batch | None = None) -> None:
    """Drop a planned message. `cause` is a code of `narrative`."""
    pending.status = State.CANCELLED
    with joining(batch) as batch:
        batch.update(pending, "status")
        timeline.note(pending.invoice, "cancelled", CLOCK, batch=batch, message=pending.kind, cause=cause)


def _drop(batch: Batch, invoice: Invoice, pending: Communication | None) -> None:
    """Suppress, for good, what is planned for an invoice that is closed. What is being sent can't be called back."""
    lifecycle.stand(invoice, batch=batch, next_check_at=None, next_contact_at=None)
    reason = "paid" if invoice.status == Status.PAID else "closed"
    planned = Communication.objects.filter(invoice=invoice, status__in=(State.SCHEDULED, State.HELD))
    if invoice.status == Status.PAID:
        planned = planned.exclude(kind=Kind.THANK_YOU)
    dropped = planned.update(status=State.SUPPRESSED, suppressed_reason=reason)
    if dropped:
        timeline.note(invoice, "suppressed", CLOCK, batch=batch, closed=reason)
