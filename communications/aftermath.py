"""What became of a message: what the worker that sent it saw, what the provider tells of it later, and what follows.

The provider may tell early, twice, out of order or never. A state only moves forward, whoever comes first.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max, Q

from communications import addresses, ladder, policies
from communications.channels import Bounced, OptedOut, Refused, Rejected, mail_id
from communications.models import CONTACTED, PENDING, Communication, PolicyStep, State
from communications.signals import communication_failed, communication_sent
from inflow import statements
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from invoices import escalations, lifecycle, timeline
from invoices.models import Debtor, Invoice, Reason

# How long after a refusal the next try is, three at most on each channel.
RETRY_AFTER = (dt.timedelta(minutes=15), dt.timedelta(hours=2), dt.timedelta(hours=24))
_AT_ONCE = dt.timedelta()
_ONWARD = {
    State.UNKNOWN: (State.SENT, State.DELIVERED, State.READ, State.BOUNCED),
    State.SENT: (State.DELIVERED, State.READ, State.BOUNCED),
    State.DELIVERED: (State.READ,),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of handing a message over: `sent`, `failed` (and how it was refused) or `unknown`."""

    status: State
    error: str = ""
    ending: type[Refused] = Refused
    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """What a provider tells of a message. `message_id` is ours, as the callback's address names it."""

    provider_id: str
    state: State
    message_id: uuid.UUID | None = None
    error: str = ""
    ending: type[Refused] = Rejected


def record(message_id: uuid.UUID, outcome: Outcome) -> None:
    """What the worker saw: the message's steps are done, or tried again. Whoever comes second changes nothing."""
    with statements.transaction():
        for row in _locked(Q(message_id=message_id, status=State.SENDING)):
            row.provider_id = _unused(row, outcome.provider_id)
            _end_sending(row, outcome)


def conclude(rows: Sequence[Communication]) -> None:
    """Of a message that stays here: sent, in the transaction of its gate, which has it locked."""
    for row in rows:
        _end_sending(row, Outcome(State.SENT))


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
            _move(row, news)
    return bool(rows)


def _locked(wanted: Q) -> list[Communication]:
    """The rows of one message, locked in the gate's order: debtor, invoices, messages."""
    debtors = Communication.objects.filter(wanted).order_by().values_list("debtor_id", flat=True)
    locked = Debtor.objects.select_for_update(no_key=True, of=("self",)).select_related("account__collection")
    debtor = locked.filter(pk=debtors.first()).first()
    if debtor is None:
        return []
    rows = Communication.objects.filter(wanted, debtor=debtor)
    about = Invoice.objects.filter(pk__in=rows.order_by().values("invoice_id"))
    invoices = {invoice.pk: invoice for invoice in about.select_for_update(no_key=True).order_by("id")}
    found = list(rows.select_for_update().order_by("-step", "id"))
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


def _end_sending(row: Communication, outcome: Outcome) -> None:
    invoice, to = row.invoice, row.recipient
    row.status, row.error = outcome.status, outcome.error[:300]
    statements.update(row, ("status", "error", "provider_id"))
    step = _step_of(row)
    if row.status == State.FAILED:
        timeline.note(invoice, "failed", CLOCK, reason=row.error, address=to)
        communication_failed.send(Communication, communication=row)
        _mark(row, outcome.ending)
        if step and invoice.is_open:
            _try_again(row, step, outcome.ending)
    else:
        lifecycle.stand(invoice, last_contacted_at=row.sent_at)
        if row.status == State.SENT:
            timeline.note(invoice, "sent", CLOCK, message=row.kind, address=to, medium=row.channel)
            communication_sent.send(Communication, communication=row)
        else:
            timeline.note(invoice, "unknown", CLOCK, reason=row.error, address=to)
            communication_failed.send(Communication, communication=row)
        assert row.sent_at is not None
        if row.round == invoice.round and row.step is not None and (invoice.last_step or -1_000) < row.step:
            on = row.sent_at.astimezone(invoice.account.zone).date()
            ladder.done(invoice, step or PolicyStep(offset_days=row.step, kind=row.kind), on)
    ladder.advance(invoice)


def _move(row: Communication, news: News) -> None:
    if row.status == State.SENDING:  # the provider was faster than its own answer
        if news.state == State.BOUNCED:
            _end_sending(row, Outcome(State.FAILED, news.error, news.ending))
            return
        _end_sending(row, Outcome(State.SENT))
    if news.state not in _ONWARD.get(State(row.status), ()):
        return
    was_unknown = row.status == State.UNKNOWN
    row.status, row.error = news.state, news.error[:300]
    if news.state in (State.DELIVERED, State.READ):
        row.delivered_at = row.delivered_at or row.account.now()
    row.save(update_fields=["status", "error", "delivered_at", "provider_id"])
    if news.state == State.BOUNCED:
        _come_back(row, news.ending)
        return
    if was_unknown:
        communication_sent.send(Communication, communication=row)
    timeline.note(row.invoice, row.status, CLOCK, message=row.kind, address=row.recipient)


def _come_back(row: Communication, ending: type[Refused]) -> None:
    """A message that was sent did not arrive: its step is taken anew on the next channel, if it was the last one."""
    invoice = row.invoice
    timeline.note(invoice, "bounced", CLOCK, reason=row.error, message=row.kind, address=row.recipient)
    communication_failed.send(Communication, communication=row)
    _mark(row, ending)
    reached = Communication.objects.filter(invoice=invoice, status__in=CONTACTED).aggregate(at=Max("sent_at"))
    lifecycle.stand(invoice, last_contacted_at=reached["at"])
    step = _step_of(row)
    if step and invoice.is_open and invoice.last_step == step.offset_days:
        _try_again(row, step, ending)
    ladder.advance(invoice)


def _step_of(row: Communication) -> PolicyStep | None:
    return next((step for step in policies.steps_of(row.invoice) if ladder.is_for(row, row.invoice, step)), None)


def _mark(row: Communication, ending: type[Refused]) -> None:
    now = row.account.now()
    if ending is Bounced:
        addresses.mark_invalid(row.account, row.channel, row.recipient, now, row.error)
    elif ending is OptedOut:
        addresses.opt_out(row.account, row.channel, row.recipient, now)


def _try_again(row: Communication, step: PolicyStep, ending: type[Refused]) -> None:
    """Another channel at once where this one is done for; the same one later where it was busy, or where it is the
    only one; a person when nothing is left."""
    invoice = row.invoice
    failed = ladder.tries_of(invoice, step).filter(channel=row.channel, status=State.FAILED).count()
    may_wait = row.status == State.FAILED and ending in (Refused, Rejected) and failed <= len(RETRY_AFTER)
    if not (may_wait and ending is Refused):
        if ending in (Refused, Rejected):
            row.closes_channel = True
            row.save(update_fields=["closes_channel"])
        left = ladder.channels_left(invoice, step)
        if left and not addresses.choose(invoice, left).missing:
            if _stands_at(invoice, step):
                _plan(invoice, step)
            return
    if may_wait:
        row.closes_channel = False
        row.save(update_fields=["closes_channel"])
        _plan(invoice, step, RETRY_AFTER[failed - 1])
        return
    if row.status == State.FAILED:
        ladder.done(invoice, step)
    if ending is not OptedOut:
        reason = Reason.NO_CONTACT if ending is Bounced else Reason.DELIVERY_FAILED
        escalations.open_case(invoice, reason, notes=row.error)


def _stands_at(invoice: Invoice, step: PolicyStep) -> bool:
    """Bring the ladder back to a step that it took, unless something is on its way that comes after it."""
    if invoice.last_step != step.offset_days:
        return True
    if step.offset_days < 0 and invoice.account.today() >= invoice.due_date:
        return False  # steps before the due date die on it
    pending = Communication.objects.filter(invoice=invoice, status__in=PENDING, step__isnull=False)
    if pending.exclude(status=State.SCHEDULED).exists():
        return False
    for other in pending:
        ladder.cancel(other, "earlier_step")
    lifecycle.stand(invoice, last_step=step.offset_days - 1)
    return True


def _plan(invoice: Invoice, step: PolicyStep, wait: dt.timedelta = _AT_ONCE) -> None:
    moment = ladder.allowed_from(invoice, invoice.account.now() + wait)
    planned = ladder.plan_message(invoice, step, moment)
    timeline.note(invoice, "planned", CLOCK, number=planned.try_number, moment=planned.scheduled_for)
