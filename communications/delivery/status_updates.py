"""What became of a message: what the worker that sent it saw, what the provider tells of it later, and what follows.

The provider may tell early, twice, out of order or never. A state only moves forward, whoever comes first.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max, Q

from communications.channels import Refusal, mail_id
from communications.delivery import retries
from communications.models import CONTACTED, Communication, PolicyStep, State
from communications.schedule import holding, ladder, limits, replanning
from communications.signals import communication_failed, communication_sent
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from invoices import lifecycle, timeline
from invoices.models import Debtor, Invoice

_ONWARD = {
    State.UNKNOWN: (State.SENT, State.DELIVERED, State.READ, State.BOUNCED),
    State.SENT: (State.DELIVERED, State.READ, State.BOUNCED),
    State.DELIVERED: (State.READ,),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of handing a message over: `sent`, `failed` with the class of the refusal, or `unknown`. `why` a message
    waits that was refused for reasons of ours is a code of `gate.WORDS`."""

    status: State
    error: str = ""
    refusal: Refusal | None = None
    provider_id: str = ""
    why: str = "refused"


@dataclass(frozen=True, slots=True)
class News:
    """What a provider tells of a message. `message_id` is ours, as the callback's address names it."""

    provider_id: str
    state: State
    message_id: uuid.UUID | None = None
    error: str = ""
    refusal: Refusal = Refusal.MAILBOX


def record(message_id: uuid.UUID, outcome: Outcome) -> None:
    """What the worker saw: the message's steps are done, or tried again. Whoever comes second changes nothing."""
    with transaction.atomic():
        rows = _locked(Q(message_id=message_id, status=State.SENDING))
        for row in rows:
            row.provider_id = _unused(row, outcome.provider_id)
        _end_sending(rows, outcome)
        _reschedule_others(rows)


def conclude(rows: Sequence[Communication]) -> None:
    """Of a message that stays here: sent, in the transaction of its gate, which has it locked."""
    _end_sending(rows, Outcome(State.SENT))


def hear(account: Account, channel: str, news: News) -> bool:
    """What the provider tells. False where it names no message of this account on this channel.

    A message that is still `sending`, or `unknown`, does not carry the provider's id yet: it is known by ours.
    """
    ours = Q(message_id=news.message_id, provider_id="", status__in=(State.SENDING, State.UNKNOWN))
    theirs = Q(provider_id=news.provider_id)
    with transaction.atomic():
        rows = _locked(Q(account=account, channel=channel) & (theirs | ours if news.message_id else theirs))
        for row in rows:
            row.provider_id = row.provider_id or _unused(row, news.provider_id)
        _move(rows, news)
        _reschedule_others(rows)
    return bool(rows)


def _reschedule_others(rows: Sequence[Communication]) -> None:
    """A message that was refused, waits or came back was no contact: what else is planned for the debtor may go
    earlier."""
    no_contact = (State.SCHEDULED, State.FAILED, State.BOUNCED)
    lost = [row for row in rows if row.status in no_contact and row.kind not in limits.UNCOUNTED]
    if lost:
        about = {row.invoice_id for row in lost if row.step is not None}
        replanning.contacts_changed(lost[0].account, lost[0].invoice.debtor, but=about)


def _locked(wanted: Q) -> list[Communication]:
    """The rows of one message, locked in the gate's order: debtor, invoices, messages. The first one leads: the highest
    step, then the oldest invoice."""
    debtors = Communication.objects.filter(wanted).order_by().values_list("debtor_id", flat=True)
    locked = Debtor.objects.select_for_update(no_key=True, of=("self",)).select_related("account__collection")
    debtor = locked.filter(pk=debtors.first()).first()
    if debtor is None:
        return []
    rows = Communication.objects.filter(wanted, debtor=debtor)
    about = Invoice.objects.filter(pk__in=rows.order_by().values("invoice_id"))
    invoices = {invoice.pk: invoice for invoice in about.select_for_update(no_key=True).order_by("id")}
    found = list(rows.select_for_update(of=("self",)).order_by(*holding.GOES_FIRST))
    for row in found:
        row.invoice, row.account = invoices[row.invoice_id], debtor.account
        row.invoice.account, row.invoice.debtor = debtor.account, debtor
    return found


def _unused(row: Communication, provider_id: str) -> str:
    """A provider that gives one id to two messages is not believed to name this one."""
    if provider_id == mail_id(row.message_id):
        return provider_id
    known = Communication.objects.filter(account_id=row.account_id, provider_id=provider_id)
    return "" if provider_id and known.exclude(message_id=row.message_id).exists() else provider_id


def _end_sending(rows: Sequence[Communication], outcome: Outcome) -> None:
    """Record the result for all rows of a message."""
    if outcome.refusal == Refusal.OURS:
        retries.wait(rows, outcome.error, outcome.why)
        return
    for row in rows:
        row.status, row.error, row.refusal = outcome.status, outcome.error[:300], outcome.refusal or ""
        row.save(update_fields=["status", "error", "provider_id", "refusal"])
    if outcome.refusal:
        for row in rows:
            timeline.note(row.invoice, "failed", CLOCK, reason=row.error, address=row.recipient)
            communication_failed.send(Communication, communication=row)
        retries.mark(rows, outcome.refusal)
        retries.plan(rows, outcome.refusal)
    else:
        for row in rows:
            _step_is_done(row)
    for row in rows:
        ladder.advance(row.invoice)


def _step_is_done(row: Communication) -> None:
    """The message left, or may have."""
    invoice = row.invoice
    lifecycle.stand(invoice, last_contacted_at=row.sent_at)
    if row.status == State.SENT:
        timeline.note(invoice, "sent", CLOCK, message=row.kind, address=row.recipient, medium=row.channel)
        communication_sent.send(Communication, communication=row)
    else:
        timeline.note(invoice, "unknown", CLOCK, reason=row.error, address=row.recipient)
        communication_failed.send(Communication, communication=row)
    assert row.sent_at is not None
    if row.round == invoice.round and row.step is not None and (invoice.last_step or -1_000) < row.step:
        on = row.sent_at.astimezone(invoice.account.zone).date()
        ladder.done(invoice, retries.step_of(row) or PolicyStep(offset_days=row.step, kind=row.kind), on)


def _move(rows: Sequence[Communication], news: News) -> None:
    sending = [row for row in rows if row.status == State.SENDING]  # the provider was faster than its own answer
    if sending and news.state == State.BOUNCED:
        _end_sending(sending, Outcome(State.FAILED, news.error, news.refusal))
    elif sending:
        _end_sending(sending, Outcome(State.SENT))
    moving = [row for row in rows if news.state in _ONWARD.get(State(row.status), ())]
    for row in moving:
        was_unknown = row.status == State.UNKNOWN
        row.status, row.error = news.state, news.error[:300]
        if news.state in (State.DELIVERED, State.READ):
            row.delivered_at = row.delivered_at or row.account.now()
        if news.state == State.BOUNCED:
            row.refusal = news.refusal
        row.save(update_fields=["status", "error", "delivered_at", "provider_id", "refusal"])
        if news.state == State.BOUNCED:
            timeline.note(row.invoice, "bounced", CLOCK, reason=row.error, message=row.kind, address=row.recipient)
            communication_failed.send(Communication, communication=row)
            continue
        if was_unknown:
            communication_sent.send(Communication, communication=row)
        timeline.note(row.invoice, row.status, CLOCK, message=row.kind, address=row.recipient)
    if moving and news.state == State.BOUNCED:
        _come_back(moving, news.refusal)


def _come_back(rows: Sequence[Communication], refusal: Refusal) -> None:
    """Take back what a message that did not arrive had done."""
    retries.mark(rows, refusal)
    for row in rows:
        reached = Communication.objects.filter(invoice=row.invoice, status__in=CONTACTED).aggregate(at=Max("sent_at"))
        lifecycle.stand(row.invoice, last_contacted_at=reached["at"])
    retries.plan(rows, refusal)
    for row in rows:
        ladder.advance(row.invoice)
