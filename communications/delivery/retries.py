"""The consequences of a refusal: the message waits, is tried again, goes by another channel, or is a person's case.

All rows of a message are handled together, under the locks of the debtor and the invoices, so that a message about
several invoices stays one.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from communications.channels import Refusal
from communications.contacts import addresses
from communications.contacts.addresses import Chosen
from communications.models import PENDING, Communication, PolicyStep, State
from communications.schedule import ladder, policies
from inflow.accounts.actors import CLOCK
from invoices import lifecycle, timeline, workdays
from invoices.cases import escalations
from invoices.models import Invoice, Reason

# The waits after refusals for reasons of ours; the last one from then on.
GAPS = (dt.timedelta(minutes=5), dt.timedelta(minutes=15), dt.timedelta(hours=1), dt.timedelta(hours=4))
# The same where the refusal was reported after the message had been taken: it costs a real mail each time.
LATE_GAPS = (dt.timedelta(hours=4), dt.timedelta(hours=24), dt.timedelta(hours=72))
# A mailbox that is full, or will not take the message, is tried again on each of so many working days; after them the
# next channel is, or this one for the last time.
TRIED_ON_DAYS = 3


class Step(NamedTuple):
    """A row whose step is to be taken again."""

    row: Communication
    step: PolicyStep

    @property
    def invoice(self) -> Invoice:
        return self.row.invoice


def step_of(row: Communication) -> PolicyStep | None:
    """Return the step of the policy that a message is for, if it is still there."""
    return next((step for step in policies.steps_of(row.invoice) if ladder.is_for(row, row.invoice, step)), None)


def mark(rows: Sequence[Communication], refusal: Refusal) -> None:
    """Record what a refusal says about the address."""
    row, now = rows[0], rows[0].account.now()
    if refusal == Refusal.ADDRESS:
        addresses.mark_invalid(row.account, row.channel, row.recipient, now, row.error)
    elif refusal == Refusal.OPTED_OUT:
        addresses.opt_out(row.account, row.channel, row.recipient, now)


def wait(rows: Sequence[Communication], error: str, why: str) -> None:
    """Schedule a message again that was refused for reasons of ours. Neither an attempt nor a step is used up."""
    if not rows:
        return
    refusals = max(row.refusals for row in rows) + 1
    for row in rows:
        row.status, row.sent_at, row.claimed_at = State.SCHEDULED, None, None
        row.amount = row.asked = None
        row.subject, row.body, row.html, row.provider_id = row.own_subject, row.own_body, "", ""
        row.error, row.waits_for = error[:300], why
        row.refusals = refusals
        row.save()
    moment = max(_allowed(row, _gap(GAPS, refusals)) for row in rows)
    for row in rows:
        row.scheduled_for = row.not_before = moment
        row.save(update_fields=["scheduled_for", "not_before"])
        if row.step is not None:
            lifecycle.stand(row.invoice, next_contact_at=moment)
        if refusals == 1:
            zone = ladder.place(row.invoice, ladder.rules_of(row.account)).zone.key
            after = {"waits_for": why}
            params: dict[str, Any] = {"message": row.kind, "because": why, "moment": moment, "zone": zone}
            timeline.note(row.invoice, "postponed", CLOCK, after=after, reason=row.error, **params)
        ladder.advance(row.invoice)


def plan(rows: Sequence[Communication], refusal: Refusal) -> None:
    """Take the steps of a message again, together, if they were the last ones taken; or give them up."""
    live = [Step(row, step) for row in rows if (step := step_of(row)) and row.invoice.is_open and _is_last(row, step)]
    if not live:
        return
    if refusal == Refusal.OURS:
        _again(live, _gap(LATE_GAPS, max(row.refusals for row in rows) + 1))
        return
    attempts = max(_attempts(each) for each in live)
    if refusal == Refusal.MAILBOX and attempts < TRIED_ON_DAYS:
        _again(live)
        return
    for each in live if refusal == Refusal.MAILBOX else ():
        each.row.closes_channel = True
        each.row.save(update_fields=["closes_channel"])
    channels = _next_channels(live)
    if refusal != Refusal.MAILBOX:
        _by_next_channel(live, channels, refusal, dt.timedelta())
    elif any(channels) or attempts > TRIED_ON_DAYS:
        _by_next_channel(live, channels, refusal, None)
    else:
        for each in live:
            each.row.closes_channel = False
            each.row.save(update_fields=["closes_channel"])
        _again(live)


def _again(live: Sequence[Step], gap: dt.timedelta | None = None) -> None:
    """Plan another try on the same channel: after the gap, or on the debtor's next working day."""
    moment = max(_moment(each, gap) for each in live)
    for each in live:
        planned = _plan(each, Chosen(each.row.channel, each.row.recipient), moment)
        if planned and gap is not None:
            planned.refusals, planned.waits_for = each.row.refusals + 1, "refused"
            planned.save(update_fields=["refusals", "waits_for"])


def _by_next_channel(
    live: Sequence[Step], channels: Sequence[Chosen | None], refusal: Refusal, gap: dt.timedelta | None
) -> None:
    """Plan a try of each row on the channel chosen for it; give up those without one."""
    going = [each for each, chosen in zip(live, channels, strict=True) if chosen]
    moment = max((_moment(each, gap) for each in going), default=None)
    for each, chosen in zip(live, channels, strict=True):
        if chosen and moment:
            _plan(each, chosen, moment)
        else:
            _give_up(each, refusal)


def _next_channels(live: Sequence[Step]) -> list[Chosen | None]:
    """Choose the channel of each row: the same for all where their addresses allow it. The first row, which leads,
    says the order; what its own step does not have may come from the others."""
    left: list[str] = []
    for each in live:
        left += [channel for channel in ladder.channels_left(each.invoice, each.step) if channel not in left]
    common = next((chosen.channel for each in live if not (chosen := addresses.choose(each.invoice, left)).missing), "")
    found: list[Chosen | None] = []
    for each in live:
        own = [channel for channel in ladder.channels_left(each.invoice, each.step) if channel != common]
        chosen = addresses.choose(each.invoice, [common, *own] if common else own)
        found.append(None if chosen.missing else chosen)
    return found


def _give_up(each: Step, refusal: Refusal) -> None:
    if each.row.status == State.FAILED:
        ladder.done(each.invoice, each.step)
    if refusal != Refusal.OPTED_OUT:
        reason = Reason.NO_CONTACT if refusal == Refusal.ADDRESS else Reason.DELIVERY_FAILED
        escalations.open_case(each.invoice, reason, notes=each.row.error)


def _plan(each: Step, chosen: Chosen, moment: dt.datetime) -> Communication | None:
    if not _stands_at(each.row, each.step):
        return None
    planned = ladder.plan_message(each.invoice, each.step, moment, not_before=moment, chosen=chosen)
    contact_at = ladder.reschedule(ladder.facts_of(each.invoice), each.invoice, planned)
    lifecycle.stand(each.invoice, next_contact_at=contact_at)
    timeline.note(each.invoice, "planned", CLOCK, number=planned.try_number, moment=planned.scheduled_for)
    return planned


def _attempts(each: Step) -> int:
    """Count the tries on this channel that the mailbox refused, this one included."""
    tries = ladder.tries_of(each.invoice, each.step).filter(channel=each.row.channel)
    return tries.filter(refusal=Refusal.MAILBOX).count()


def _is_last(row: Communication, step: PolicyStep) -> bool:
    """Return whether no step was taken after this one: a refused try has not taken it, one that came back has."""
    last = row.invoice.last_step
    return (last is None or last < step.offset_days) if row.status == State.FAILED else last == step.offset_days


def _stands_at(row: Communication, step: PolicyStep) -> bool:
    """Bring the schedule back to a step that it took, unless something is on its way that comes after it."""
    invoice = row.invoice
    if invoice.last_step != step.offset_days:
        return True
    if step.offset_days < 0 and invoice.account.today() >= invoice.due_date:
        return False  # steps before the due date expire on it
    pending = Communication.objects.filter(invoice=invoice, status__in=PENDING, step__isnull=False)
    if pending.exclude(status=State.SCHEDULED).exists():
        return False
    for other in pending:
        other.invoice = invoice
        ladder.cancel(other, "earlier_step")
    lifecycle.stand(invoice, last_step=step.offset_days - 1)
    return True


def _moment(each: Step, gap: dt.timedelta | None) -> dt.datetime:
    """Return when a try may go: after the gap, or on the debtor's next working day."""
    if gap is not None:
        return _allowed(each.row, gap)
    place = ladder.place(each.invoice, ladder.rules_of(each.invoice.account))
    now = each.invoice.account.now()
    day = workdays.after(now.astimezone(place.zone).date(), 1, place.days)
    beginning = dt.datetime.combine(day, dt.time.min, place.zone).astimezone(dt.UTC)
    return _allowed(each.row, max(beginning - now, dt.timedelta(minutes=15)))


def _allowed(row: Communication, gap: dt.timedelta) -> dt.datetime:
    """Return the first moment after the gap at which this message may go."""
    moment = row.account.now() + gap
    if row.step is None:  # no limit of contacts holds it
        return ladder.place(row.invoice, ladder.rules_of(row.account)).next_opening(moment)
    return ladder.allowed_from(row.invoice, moment)


def _gap(gaps: Sequence[dt.timedelta], refusals: int) -> dt.timedelta:
    return gaps[min(refusals, len(gaps)) - 1]
