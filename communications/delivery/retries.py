"""Consequences of a refusal: the message is postponed, retried, sent on another channel, or escalated.

All rows of a message are handled together, under the locks of the debtor and the invoices, so that a message about
several invoices remains one message.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from communications.channels import Refusal
from communications.contacts import addresses
from communications.contacts.addresses import Chosen
from communications.models import PENDING, Communication, State
from communications.schedule import ladder, policies
from communications.schedule.policies import Step
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from invoices import lifecycle, timeline, workdays
from invoices.cases import escalations
from invoices.models import Invoice, Reason

# Delays after refusals of class `OURS`. The last one repeats.
RETRY_DELAYS = (dt.timedelta(minutes=5), dt.timedelta(minutes=15), dt.timedelta(hours=1), dt.timedelta(hours=4))
# Delays if the message was accepted first and the refusal reported later. Each attempt is a real mail.
RETRY_DELAYS_AFTER_BOUNCE = (dt.timedelta(hours=4), dt.timedelta(hours=24), dt.timedelta(hours=72))
# A mailbox that is full or refuses the message is tried on this number of working days, then on the next channel, or
# a last time on this one.
MAX_DAYS = 3
_RESET_FIELDS = [
    *("status", "sent_at", "claimed_at", "amount", "asked", "subject", "body", "html", "provider_id", "has_copies"),
    *("debtor", "message_id"),
]


class Attempt(NamedTuple):
    """A row and the step that is to be repeated."""

    row: Communication
    step: Step

    @property
    def invoice(self) -> Invoice:
        return self.row.invoice


def step_of(row: Communication) -> Step | None:
    """Return the policy step of a message, or None if it was removed."""
    return next((step for step in policies.steps_of(row.invoice) if ladder.is_for(row, row.invoice, step)), None)


def delay(refusals: int) -> dt.timedelta:
    """Return the delay after this many refusals of class `OURS`."""
    return _delay(RETRY_DELAYS, refusals)


def mark_address(rows: Sequence[Communication], refusal: Refusal) -> None:
    """Mark the address of a message as invalid or opted out if the refusal says so. Copies are marked one by one."""
    row = rows[0]
    if not row.has_copies:
        mark(row.account, row.channel, row.recipient, refusal, row.error)


def mark(account: Account, channel: str, address: str, refusal: Refusal, error: str) -> None:
    if refusal == Refusal.ADDRESS:
        addresses.mark_invalid(account, channel, address, account.now(), error)
    elif refusal == Refusal.OPTED_OUT:
        addresses.opt_out(account, channel, address, account.now())


def return_to_gate(rows: Sequence[Communication]) -> None:
    """Schedule a message again of which nothing was sent. No attempt and no step is used up."""
    for row in rows:
        _reset(row)
        row.save(update_fields=_RESET_FIELDS)
        if row.step is not None:
            lifecycle.update_schedule(row.invoice, next_contact_at=row.scheduled_for)


def postpone(rows: Sequence[Communication], error: str, why: str) -> None:
    """Schedule a message again after a refusal of class `OURS`. No attempt and no step is used up."""
    if not rows:
        return
    refusals = max(row.refusals for row in rows) + 1
    for row in rows:
        _reset(row)
        row.error, row.waits_for, row.refusals = error[:300], why, refusals
        row.save(update_fields=[*_RESET_FIELDS, "error", "waits_for", "refusals"])
    moment = max(_allowed(row, _delay(RETRY_DELAYS, refusals)) for row in rows)
    for row in rows:
        row.scheduled_for = row.not_before = moment
        row.save(update_fields=["scheduled_for", "not_before"])
        if row.step is not None:
            lifecycle.update_schedule(row.invoice, next_contact_at=moment)
        if refusals == 1:
            zone = ladder.place(row.invoice, ladder.rules_of(row.account)).zone.key
            after = {"waits_for": why}
            params: dict[str, Any] = {"message": row.kind, "because": why, "moment": moment, "zone": zone}
            timeline.note(row.invoice, "postponed", CLOCK, after=after, reason=row.error, **params)
        ladder.advance(row.invoice)


def _reset(row: Communication) -> None:
    """Make a message that passed the gate as it was before."""
    row.status, row.sent_at, row.claimed_at = State.SCHEDULED, None, None
    row.amount = row.asked = None
    row.subject, row.body, row.html, row.provider_id = row.own_subject, row.own_body, "", ""
    row.has_copies = False
    row.follow_invoice()


def plan_next_attempt(rows: Sequence[Communication], refusal: Refusal) -> None:
    """Plan the next attempt for all rows of a message together, or give up. Only last steps are repeated."""
    attempts = [
        Attempt(row, step) for row in rows if (step := step_of(row)) and row.invoice.is_open and _is_last(row, step)
    ]
    if not attempts:
        return
    if refusal == Refusal.OURS:
        _retry(attempts, _delay(RETRY_DELAYS_AFTER_BOUNCE, max(row.refusals for row in rows) + 1))
        return
    refused = max(_refused_attempts(attempt) for attempt in attempts)
    if refusal == Refusal.MAILBOX and refused < MAX_DAYS:
        _retry(attempts)
        return
    for attempt in attempts if refusal == Refusal.MAILBOX else ():
        attempt.row.closes_channel = True
        attempt.row.save(update_fields=["closes_channel"])
    channels = _next_channels(attempts)
    if refusal != Refusal.MAILBOX:
        _switch_channel(attempts, channels, refusal, dt.timedelta())
    elif any(channels) or refused > MAX_DAYS:
        _switch_channel(attempts, channels, refusal, None)
    else:
        for attempt in attempts:
            attempt.row.closes_channel = False
            attempt.row.save(update_fields=["closes_channel"])
        _retry(attempts)


def _retry(attempts: Sequence[Attempt], delay: dt.timedelta | None = None) -> None:
    """Plan another attempt on the same channel: after the delay, or on the debtor's next working day."""
    moment = max(_retry_at(attempt, delay) for attempt in attempts)
    for attempt in attempts:
        planned = _plan(attempt, Chosen(attempt.row.channel, attempt.row.recipient), moment)
        if planned and delay is not None:
            planned.refusals, planned.waits_for = attempt.row.refusals + 1, "refused"
            planned.save(update_fields=["refusals", "waits_for"])


def _switch_channel(
    attempts: Sequence[Attempt], channels: Sequence[Chosen | None], refusal: Refusal, delay: dt.timedelta | None
) -> None:
    """Plan an attempt of each row on the channel chosen for it. Give up rows without one."""
    going = [attempt for attempt, chosen in zip(attempts, channels, strict=True) if chosen]
    moment = max((_retry_at(attempt, delay) for attempt in going), default=None)
    for attempt, chosen in zip(attempts, channels, strict=True):
        if chosen and moment:
            _plan(attempt, chosen, moment)
        else:
            _give_up(attempt, refusal)


def _next_channels(attempts: Sequence[Attempt]) -> list[Chosen | None]:
    """Choose the next channel of each row: the same for all rows if their addresses allow it.

    The step of the first row determines the order of preference. Channels of the other steps follow.
    """
    left: list[str] = []
    for attempt in attempts:
        left += [channel for channel in ladder.channels_left(attempt.invoice, attempt.step) if channel not in left]
    preferred = (addresses.choose(each.invoice, left, kind=each.row.kind) for each in attempts)
    common = next((chosen.channel for chosen in preferred if not chosen.missing), "")
    found: list[Chosen | None] = []
    for attempt in attempts:
        own = [channel for channel in ladder.channels_left(attempt.invoice, attempt.step) if channel != common]
        chosen = addresses.choose(attempt.invoice, [common, *own] if common else own, kind=attempt.row.kind)
        found.append(None if chosen.missing else chosen)
    return found


def _give_up(attempt: Attempt, refusal: Refusal) -> None:
    if attempt.row.status == State.FAILED:
        ladder.done(attempt.invoice, attempt.step)
    if refusal != Refusal.OPTED_OUT:
        reason = Reason.NO_CONTACT if refusal == Refusal.ADDRESS else Reason.DELIVERY_FAILED
        escalations.open_case(attempt.invoice, reason, notes=attempt.row.error)


def _plan(each: Attempt, chosen: Chosen, moment: dt.datetime) -> Communication | None:
    if not _rewind_to(each.row, each.step):
        return None
    planned = ladder.plan_message(each.invoice, each.step, moment, not_before=moment, chosen=chosen)
    contact_at = ladder.reschedule(ladder.facts_of(each.invoice), each.invoice, planned)
    lifecycle.update_schedule(each.invoice, next_contact_at=contact_at)
    timeline.note(each.invoice, "planned", CLOCK, number=planned.try_number, moment=planned.scheduled_for)
    return planned


def _refused_attempts(attempt: Attempt) -> int:
    """Count the attempts on this channel that the mailbox refused, including this one."""
    tries = ladder.tries_of(attempt.invoice, attempt.step).filter(channel=attempt.row.channel)
    return tries.filter(refusal=Refusal.MAILBOX).count()


def _is_last(row: Communication, step: Step) -> bool:
    """Return True if no later step was done. A bounced message completed its step, a failed one did not."""
    last = row.invoice.last_step
    return (last is None or last < step.offset_days) if row.status == State.FAILED else last == step.offset_days


def _rewind_to(row: Communication, step: Step) -> bool:
    """Reset the invoice to the point before a step. Return False if a later message is being sent."""
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
    lifecycle.update_schedule(invoice, last_step=step.offset_days - 1)
    return True


def _retry_at(attempt: Attempt, delay: dt.timedelta | None) -> dt.datetime:
    """Return the time of the next attempt: after the delay, or on the debtor's next working day."""
    if delay is not None:
        return _allowed(attempt.row, delay)
    place = ladder.place(attempt.invoice, ladder.rules_of(attempt.invoice.account))
    now = attempt.invoice.account.now()
    day = workdays.after(now.astimezone(place.zone).date(), 1, place.days)
    beginning = dt.datetime.combine(day, dt.time.min, place.zone).astimezone(dt.UTC)
    return _allowed(attempt.row, max(beginning - now, dt.timedelta(minutes=15)))


def _allowed(row: Communication, delay: dt.timedelta) -> dt.datetime:
    """Return the first time after the delay at which this message may be sent."""
    moment = row.account.now() + delay
    if row.step is None:  # one-off messages are exempt from the limits
        return ladder.place(row.invoice, ladder.rules_of(row.account)).next_opening(moment)
    return ladder.allowed_from(row.invoice, moment)


def _delay(delays: Sequence[dt.timedelta], refusals: int) -> dt.timedelta:
    return delays[min(refusals, len(delays)) - 1]
