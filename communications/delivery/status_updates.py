"""Delivery status of messages: the worker's result, the provider's later updates, and their consequences.

Updates may arrive early, twice, out of order or never. A status only moves forward, whichever comes first.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max, Q

from communications.channels import Refusal, mail_id
from communications.delivery import retries
from communications.models import CONTACTED, Communication, State
from communications.schedule import holding, ladder, limits, replanning
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
    """Record the worker's result: the steps are done or retried. A message is recorded only once."""
    with transaction.atomic():
        rows = _lock_rows(Q(message_id=message_id, status=State.SENDING))
        for row in rows:
            row.provider_id = _unique_provider_id(row, outcome.provider_id)
        _finish_sending(rows, outcome)
        _reschedule_others(rows)


def record_captured(rows: Sequence[Communication]) -> None:
    """Record a captured message as sent, in the transaction of its gate, which holds the locks."""
    _finish_sending(rows, Outcome(State.SENT))


def apply(account: Account, channel: str, update: StatusUpdate) -> bool:
    """Apply a provider's update. Return False if it matches no message of this account on this channel.

    A message that is still `sending` or `unknown` has no provider id yet, so it is matched by our own id.
    """
    by_message_id = Q(message_id=update.message_id, provider_id="", status__in=(State.SENDING, State.UNKNOWN))
    by_provider_id = Q(provider_id=update.provider_id)
    with transaction.atomic():
        matching = by_provider_id | by_message_id if update.message_id else by_provider_id
        rows = _lock_rows(Q(account=account, channel=channel) & matching)
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
    """Lock and return the rows of one message, in the gate's order: debtor, invoices, messages.

    The rows are sorted by `holding.SEND_ORDER`: the highest step first, then the oldest invoice.
    """
    debtors = Communication.objects.filter(condition).order_by().values("debtor_id")
    locked = Debtor.objects.select_for_update(no_key=True, of=("self",)).select_related("account__collection")
    debtor = locked.filter(pk__in=debtors).first()
    if debtor is None:
        return []
    rows = Communication.objects.filter(condition, debtor=debtor)
    concerned = Invoice.objects.filter(pk__in=rows.order_by().values("invoice_id"))
    invoices = {invoice.pk: invoice for invoice in concerned.select_for_update(no_key=True).order_by("id")}
    found = list(rows.select_for_update(of=("self",)).order_by(*holding.SEND_ORDER))
    if not found and Communication.objects.filter(condition).exists():
        return _lock_rows(condition)  # while it waited, the debtor was merged into another one
    for row in found:
        row.invoice, row.account = invoices[row.invoice_id], debtor.account
        row.invoice.account, row.invoice.debtor = debtor.account, debtor
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
        timeline.note(invoice, "sent", CLOCK, batch=batch, message=row.kind, address=row.recipient, medium=row.channel)
        batch.flush()
        communication_sent.send(Communication, communication=row)
    else:
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
            timeline.note(row.invoice, "bounced", CLOCK, reason=row.error, message=row.kind, address=row.recipient)
            communication_failed.send(Communication, communication=row)
            continue
        if was_unknown:
            communication_sent.send(Communication, communication=row)
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
