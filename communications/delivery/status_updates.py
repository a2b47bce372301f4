"""Delivery status of messages: the worker's result, the provider's later updates, and their consequences.

Updates may arrive early, twice, out of order or never. A status only moves forward, whichever comes first.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max, Q

from communications.channels import Refusal, mail_id
from communications.delivery import retries
from communications.models import CONTACTED, Communication, Copy, State
from communications.schedule import ladder, limits, ordering, replanning
from communications.schedule.policies import Step
from communications.signals import communication_failed, communication_sent
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.sql import Batch
from invoices import lifecycle, timeline
from invoices.models import Debtor, Invoice

_TRANSITIONS = {
    State.UNKNOWN: (State.SENT, State.DELIVERED, State.READ, State.BOUNCED),
    State.SENT: (State.DELIVERED, State.READ, State.BOUNCED),
    State.DELIVERED: (State.READ,),
}
# States from which a message can become `replied`.
ANSWERABLE = (State.SENT, State.DELIVERED, State.READ, State.UNKNOWN)
# States of copies that their recipients have, as far as is known.
_ACCEPTED = {State.SENT, State.DELIVERED, State.READ, State.REPLIED}
_MAY_HAVE_LEFT = _ACCEPTED | {State.SENDING, State.UNKNOWN}
# If all copies were refused, the class that leaves the most to be tried decides.
_DECISIVE = (Refusal.OURS, Refusal.MAILBOX, Refusal.ADDRESS, Refusal.OPTED_OUT)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a delivery: `sent`, `failed` with the class of the refusal, or `unknown`.

    `reason` is a key of `holding.REASONS`, for messages that are postponed after a refusal of class `OURS`.
    """

    status: State
    error: str = ""
    refusal: Refusal | None = None
    provider_id: str = ""
    reason: str = "refused"


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """A provider's report about a message. `message_id` is our own id, from the URL of the webhook."""

    provider_id: str
    state: State
    message_id: uuid.UUID | None = None
    error: str = ""
    refusal: Refusal = Refusal.MAILBOX


def record(message_id: uuid.UUID, outcome: Outcome) -> None:
    """Record the worker's result: the steps are done or retried. A message is recorded only once.

    Of a message with copies, it is the result of all copies that have none yet, unless it says `sent`.
    """
    with transaction.atomic():
        rows = _lock_rows(Q(message_id=message_id, status=State.SENDING))
        for row in rows:
            row.provider_id = _unique_provider_id(row, outcome.provider_id)
        if rows and rows[0].has_copies and outcome.status != State.SENT:
            _end_copies(rows, outcome.status, outcome.error)
        _finish_sending(rows, outcome)
        _reschedule_others(rows)


def record_captured(rows: Sequence[Communication]) -> None:
    """Record a captured message as sent, in the transaction of its gate, which holds the locks."""
    if rows and rows[0].has_copies:
        _end_copies(rows, State.SENT)
    _finish_sending(rows, Outcome(State.SENT))


def apply(account: Account, channel: str, update: StatusUpdate) -> bool:
    """Apply a provider's update. Return False if it matches no message of this account on this channel.

    A message that is still `sending` or `unknown` has no provider id yet, so it is matched by our own id.
    """
    if _apply_to_copy(account, channel, update):
        return True
    by_message_id = Q(message_id=update.message_id, provider_id="", status__in=(State.SENDING, State.UNKNOWN))
    by_provider_id = Q(provider_id=update.provider_id)
    with transaction.atomic():
        matching = by_provider_id | by_message_id if update.message_id else by_provider_id
        rows = _lock_rows(Q(account=account, channel=channel, has_copies=False) & matching)
        for row in rows:
            row.provider_id = row.provider_id or _unique_provider_id(row, update.provider_id)
        _advance_status(rows, update)
        _reschedule_others(rows)
    return bool(rows)


def _reschedule_others(rows: Sequence[Communication]) -> None:
    """Reschedule the debtor's other messages: a refused, postponed or bounced message no longer counts as a contact."""
    no_contact = (State.SCHEDULED, State.FAILED, State.BOUNCED)
    lost = [row for row in rows if row.status in no_contact and row.kind not in limits.UNCOUNTED]
    if lost:
        invoice_ids = {row.invoice_id for row in lost if row.step is not None}
        replanning.contacts_changed(lost[0].account, lost[0].invoice.debtor, exclude=invoice_ids)


def _lock_rows(condition: Q) -> list[Communication]:
    """Lock and return the rows of one message, in the gate's order: debtors, invoices, messages.

    The rows are sorted by `ordering.SEND_ORDER`: the highest step first, then the oldest invoice. An invoice that has
    moved to another debtor since has its new debtor, for whom further attempts are planned.
    """
    known = Communication.objects.filter(condition).order_by()
    theirs = Q(pk__in=known.values("debtor_id")) | Q(pk__in=known.values("invoice__debtor_id"))
    locked = Debtor.objects.select_for_update(no_key=True, of=("self",)).select_related("account__collection")
    debtors = {debtor.pk: debtor for debtor in locked.filter(theirs).order_by("id")}
    rows = Communication.objects.filter(condition, debtor__in=debtors)
    concerned = Invoice.objects.filter(pk__in=rows.order_by().values("invoice_id"), debtor__in=debtors)
    invoices = {invoice.pk: invoice for invoice in concerned.select_for_update(no_key=True).order_by("id")}
    found = list(rows.select_for_update(of=("self",)).order_by(*ordering.SEND_ORDER))
    is_missed = any(row.invoice_id not in invoices for row in found) if found else known.exists()
    if is_missed:
        return _lock_rows(condition)  # while it waited, the debtor was merged into another one, or an invoice moved
    for row in found:
        row.invoice = invoices[row.invoice_id]
        debtor = debtors[row.invoice.debtor_id]
        row.account = row.invoice.account = debtor.account
        row.invoice.debtor = debtor
    return found


def _unique_provider_id(row: Communication, provider_id: str) -> str:
    """Return the provider's id, or an empty string if another message has it already."""
    if provider_id == mail_id(row.message_id):
        return provider_id
    known = Communication.objects.filter(account_id=row.account_id, provider_id=provider_id)
    return "" if provider_id and known.exclude(message_id=row.message_id).exists() else provider_id


def _finish_sending(rows: Sequence[Communication], outcome: Outcome) -> None:
    """Record the result on all rows of a message."""
    if outcome.refusal == Refusal.OURS:
        retries.postpone(rows, outcome.error, outcome.reason)
        return
    batch = Batch()
    for row in rows:
        row.status, row.error, row.refusal = outcome.status, outcome.error[:300], outcome.refusal or ""
        batch.update(row, "status", "error", "provider_id", "refusal")
    if outcome.refusal:
        batch.flush()
        for row in rows:
            if not row.has_copies:
                timeline.note(row.invoice, "failed", CLOCK, reason=row.error, address=row.recipient)
            communication_failed.send(Communication, communication=row)
        retries.mark_address(rows, outcome.refusal)
        retries.plan_next_attempt(rows, outcome.refusal)
    else:
        for row in rows:
            _complete_step(row, batch)
    for row in rows:
        ladder.advance(row.invoice)


def _complete_step(row: Communication, batch: Batch) -> None:
    """Mark the step as done: the message was sent, or may have been."""
    invoice = row.invoice
    lifecycle.update_schedule(invoice, batch=batch, last_contacted_at=row.sent_at)
    if row.status == State.SENT:
        if not row.has_copies:
            to: dict[str, Any] = {"message": row.kind, "address": row.recipient, "medium": row.channel}
            timeline.note(invoice, "sent", CLOCK, batch=batch, **to)
        batch.flush()
        communication_sent.send(Communication, communication=row)
    else:
        if not row.has_copies:
            timeline.note(invoice, "unknown", CLOCK, batch=batch, reason=row.error, address=row.recipient)
        batch.flush()
        communication_failed.send(Communication, communication=row)
    assert row.sent_at is not None
    if row.round == invoice.round and row.step is not None and (invoice.last_step or -1_000) < row.step:
        on = row.sent_at.astimezone(invoice.account.zone).date()
        ladder.done(invoice, retries.step_of(row) or Step(row.step, row.kind), on)


def _advance_status(rows: Sequence[Communication], update: StatusUpdate) -> None:
    sending = [row for row in rows if row.status == State.SENDING]  # the webhook arrived before the response
    if sending and update.state == State.BOUNCED:
        _finish_sending(sending, Outcome(State.FAILED, update.error, update.refusal))
    elif sending:
        _finish_sending(sending, Outcome(State.SENT))
    moving = [row for row in rows if update.state in _TRANSITIONS.get(State(row.status), ())]
    for row in moving:
        was_unknown = row.status == State.UNKNOWN
        row.status, row.error = update.state, update.error[:300]
        if update.state in (State.DELIVERED, State.READ):
            row.delivered_at = row.delivered_at or row.account.now()
        if update.state == State.BOUNCED:
            row.refusal = update.refusal
        row.save(update_fields=["status", "error", "delivered_at", "provider_id", "refusal"])
        if update.state == State.BOUNCED:
            if not row.has_copies:
                timeline.note(row.invoice, "bounced", CLOCK, reason=row.error, message=row.kind, address=row.recipient)
            communication_failed.send(Communication, communication=row)
            continue
        if was_unknown:
            communication_sent.send(Communication, communication=row)
        if not row.has_copies:
            timeline.note(row.invoice, row.status, CLOCK, message=row.kind, address=row.recipient)
    if moving and update.state == State.BOUNCED:
        _revert_sent(moving, update.refusal)


def _revert_sent(rows: Sequence[Communication], refusal: Refusal) -> None:
    """Undo the effects of a message that bounced, and plan the next attempt."""
    retries.mark_address(rows, refusal)
    for row in rows:
        reached = Communication.objects.filter(invoice=row.invoice, status__in=CONTACTED).aggregate(at=Max("sent_at"))
        lifecycle.update_schedule(row.invoice, last_contacted_at=reached["at"])
    retries.plan_next_attempt(rows, refusal)
    for row in rows:
        ladder.advance(row.invoice)


# --- Copies ------------------------------------------------------------------------------------------------------


def record_copy(copy_id: uuid.UUID, outcome: Outcome) -> None:
    """Record the worker's result for one copy, once, and what follows from it for the message."""
    with transaction.atomic():
        rows, copy = lock_copy(copy_id)
        if copy and copy.status == State.SENDING:
            _finish_copy(rows, copy, outcome)
            _settle(rows, outcome.reason)


def record_reply(message: Communication, copy: Copy | None) -> None:
    """Record that a message, or one copy of it, was answered. The reply may arrive before the result of the delivery.

    The caller has locked the debtor.
    """
    if copy:
        record_copy(copy.pk, Outcome(State.SENT))
        Copy.objects.filter(pk=copy.pk, status__in=ANSWERABLE).update(status=State.REPLIED)
    else:
        record(message.message_id, Outcome(State.SENT))
    Communication.objects.filter(message_id=message.message_id, status__in=ANSWERABLE).update(status=State.REPLIED)


def lock_copy(copy_id: uuid.UUID) -> tuple[list[Communication], Copy | None]:
    """Lock and return the rows of a copy's message, in the gate's order, and the copy."""
    messages = Copy.objects.filter(pk=copy_id).values("message_id")
    rows = _lock_rows(Q(message_id__in=messages, has_copies=True))
    return rows, Copy.objects.select_for_update(of=("self",)).filter(pk=copy_id).first() if rows else None


def give_up_copies(rows: Sequence[Communication], copies: Iterable[Copy], why: str) -> None:
    """Cancel copies that were not sent, because the facts have changed. `why` is a key of `reasons.LABELS`.

    If no copy may have been sent, the message returns to its gate. The caller has locked the rows.
    """
    for copy in copies:
        copy.status, copy.error, copy.sent_at, copy.claimed_at = State.CANCELLED, why, None, None
        copy.save(update_fields=["status", "error", "sent_at", "claimed_at"])
    _settle(rows)


def put_off_copy(copy_id: uuid.UUID, status: State, wait: dt.timedelta = dt.timedelta(0)) -> None:
    """Schedule a copy again that was not sent because nothing could be. `status` is the one that it is known to have.

    If no copy may have been sent, the message returns to its gate.
    """
    with transaction.atomic():
        rows, copy = lock_copy(copy_id)
        if copy is None or copy.status != status:
            return
        others = Copy.objects.filter(message_id=copy.message_id).exclude(pk=copy.pk)
        if rows[0].status == State.SENDING and not others.filter(status__in=_MAY_HAVE_LEFT).exists():
            waiting = others.filter(status=State.SCHEDULED)
            give_up_copies(rows, [copy, *waiting], "away")
            return
        copy.status, copy.sent_at, copy.claimed_at = State.SCHEDULED, None, None
        copy.scheduled_for = rows[0].account.now() + wait
        copy.refusals += 1  # the message does not wait for it
        copy.save(update_fields=["status", "sent_at", "claimed_at", "scheduled_for", "refusals"])
        _settle(rows)


def _apply_to_copy(account: Account, channel: str, update: StatusUpdate) -> bool:
    known = Q(provider_id=update.provider_id) & ~Q(provider_id="")
    if update.message_id:
        known |= Q(pk=update.message_id, provider_id="", status__in=(State.SENDING, State.UNKNOWN))
    copy_id = Copy.objects.filter(known, account=account, channel=channel).values_list("pk", flat=True).first()
    if copy_id is None:
        return False
    with transaction.atomic():
        rows, copy = lock_copy(copy_id)
        if copy is None:  # the message returned to its gate
            return False
        copy.provider_id = copy.provider_id or _unique_id_of_copy(copy, update.provider_id)
        if copy.status == State.SENDING:  # the webhook arrived before the response
            is_refused = update.state == State.BOUNCED
            outcome = Outcome(State.FAILED, update.error, update.refusal) if is_refused else Outcome(State.SENT)
            _finish_copy(rows, copy, outcome)
        if update.state in _TRANSITIONS.get(State(copy.status), ()):
            copy.status, copy.error = update.state, update.error[:300]
            if update.state in (State.DELIVERED, State.READ):
                copy.delivered_at = copy.delivered_at or account.now()
            if update.state == State.BOUNCED:
                copy.refusal = update.refusal
                retries.mark(rows[0].account, channel, copy.recipient, update.refusal, copy.error)
            copy.save()
            _note_copy(rows, copy)
        else:
            copy.save(update_fields=["provider_id"])
        _settle(rows)
        if copy.status in (State.DELIVERED, State.READ):
            _advance_status(rows, update)
    return True


def _finish_copy(rows: Sequence[Communication], copy: Copy, outcome: Outcome) -> None:
    account = rows[0].account
    copy.error = outcome.error[:300]
    if outcome.refusal == Refusal.OURS:
        copy.status, copy.sent_at, copy.claimed_at, copy.provider_id = State.SCHEDULED, None, None, ""
        copy.refusals += 1
        copy.scheduled_for = account.now() + retries.delay(copy.refusals)
    else:
        copy.status, copy.refusal = outcome.status, outcome.refusal or ""
        copy.provider_id = copy.provider_id or _unique_id_of_copy(copy, outcome.provider_id)
    copy.save()
    if copy.status != State.SCHEDULED:
        _note_copy(rows, copy)
    if outcome.refusal:
        retries.mark(account, copy.channel, copy.recipient, outcome.refusal, copy.error)


def _end_copies(rows: Sequence[Communication], status: State, error: str = "") -> None:
    """Give this status to all copies that have no result yet."""
    for copy in Copy.objects.filter(message_id=rows[0].message_id, status__in=(State.SCHEDULED, State.SENDING)):
        copy.status, copy.error = status, error[:300]
        copy.sent_at = copy.sent_at or rows[0].sent_at
        copy.save(update_fields=["status", "error", "sent_at"])
        _note_copy(rows, copy)


def _settle(rows: Sequence[Communication], why: str = "refused") -> None:
    """Bring a message in line with its copies: sent if one of them was accepted, bounced if all have bounced.

    While no copy may have been sent, a message that cannot be sent now returns to its gate as a whole.
    """
    copies = list(Copy.objects.filter(message_id=rows[0].message_id).order_by("position"))
    states, is_sending = {copy.status for copy in copies}, rows[0].status == State.SENDING
    if states & _ACCEPTED:
        if is_sending:
            _finish_sending(rows, Outcome(State.SENT))
        else:
            _advance_status(rows, StatusUpdate("", State.SENT))  # if it was unknown
        return
    if State.SENDING in states or any(copy.status == State.SCHEDULED and not copy.refusals for copy in copies):
        return
    if State.UNKNOWN in states:
        if is_sending:
            unknown = next(copy for copy in copies if copy.status == State.UNKNOWN)
            _finish_sending(rows, Outcome(State.UNKNOWN, unknown.error))
        return
    refused = max((copy for copy in copies if copy.refusals), key=lambda copy: copy.scheduled_for, default=None)
    if is_sending and states & {State.SCHEDULED, State.CANCELLED}:
        Copy.objects.filter(message_id=rows[0].message_id).delete()
        if refused:
            retries.postpone(rows, refused.error, why)
        else:
            retries.return_to_gate(rows)
    elif State.SCHEDULED not in states:
        last = min((copy for copy in copies if copy.refusal), key=lambda copy: _DECISIVE.index(copy.refusal))
        refusal = Refusal(last.refusal)
        if is_sending:
            _finish_sending(rows, Outcome(State.FAILED, last.error, refusal))
        else:
            _advance_status(rows, StatusUpdate("", State.BOUNCED, error=last.error, refusal=refusal))
    _reschedule_others(rows)


def _note_copy(rows: Sequence[Communication], copy: Copy) -> None:
    """Note on the timeline what became of one copy."""
    for row in rows:
        to: dict[str, Any] = {"message": row.kind, "address": copy.recipient, "medium": copy.channel}
        timeline.note(row.invoice, copy.status, CLOCK, reason=copy.error, **to)


def _unique_id_of_copy(copy: Copy, provider_id: str) -> str:
    """Return the provider's id, or an empty string if another message or copy has it already."""
    if not provider_id or provider_id == mail_id(copy.pk):
        return provider_id
    copies = Copy.objects.filter(account=copy.account_id, provider_id=provider_id).exclude(pk=copy.pk)
    messages = Communication.objects.filter(account=copy.account_id, provider_id=provider_id)
    return "" if copies.exists() or messages.exists() else provider_id
