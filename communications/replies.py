"""What comes back: an answer finds its debtor and its message, is read by the rules, and waits for a person."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from communications import addresses, aftermath, consent, inbox, triage
from communications.aftermath import Outcome
from communications.models import LEFT_US, Communication, Medium, Reply, ReplyStatus, State, Triage
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account
from inflow.languages import english
from invoices import debtor_parties, debtors, lifecycle
from invoices.models import OPEN, Debtor, Invoice, Receipt, Status
from invoices.writing import Refused


def receive(
    account: Account,
    channel: str,
    address: str,
    text: str,
    provider_id: str,
    *,
    answered: Communication | None = None,
) -> Reply | None:
    """Take an answer in; None for one that was heard before. `address` is whose it is, as we write to it.

    `answered` is the message that it names: it speaks for whom that went to, also from another mailbox of theirs."""
    text, now, address = triage.safe(text), account.now(), addresses.normal(channel, address)
    reading = triage.read(text, account.today())
    with transaction.atomic():
        message = answered or _message_to(account, channel, address)
        debtor = message.debtor if message else _debtor_at(account, channel, address)
        if debtor:  # the gate's lock: what is about to leave waits, and sees what was said
            Debtor.objects.select_for_update(no_key=True).get(pk=debtor.pk)
        reply = Reply(
            account=account,
            debtor=debtor,
            communication=message,
            invoice_id=message.invoice_id if message else None,
            channel=channel,
            address=address,
            text=text,
            provider_id=provider_id,
            triage=reading.triage,
            promised_on=reading.promised_on,
            received_at=now,
        )
        if reading.triage == Triage.STOP:
            reply.status, reply.handled_at = ReplyStatus.CONFIRMED, now
        (kept,) = Reply.objects.bulk_create([reply], ignore_conflicts=True)
        if not Reply.objects.filter(pk=kept.pk).exists():
            return None
        if message:
            aftermath.record(message.message_id, Outcome(State.SENT))  # who answers before our record is made has it
            answered_ones = Communication.objects.filter(message_id=message.message_id, status__in=inbox.ANSWERABLE)
            answered_ones.update(status=State.REPLIED)
        if channel == Medium.WHATSAPP:
            addresses.note_heard(account, address, now)
        _act(account, reply, reading.triage, now, whose=answered.recipient if answered else address)
    return reply


def _act(account: Account, reply: Reply, what: Triage, now: dt.datetime, *, whose: str) -> None:
    who = Actor(reply.address, Channel.REPLY)
    if what == Triage.STOP:
        addresses.opt_out(account, reply.channel, whose, now, text=reply.text, actor=who)
    elif reply.debtor:
        debtors.note_answer(account, reply.debtor.pk, who, text=reply.text)


def _message_to(account: Account, channel: str, address: str) -> Communication | None:
    """The last message that went there."""
    sent = Communication.objects.for_account(account).filter(
        recipient=address,
        channel=channel,
        status__in=(*LEFT_US, State.SENDING, State.UNKNOWN),
    )
    found: Communication | None = sent.select_related("debtor").order_by("-sent_at", "-step").first()
    return found


def _debtor_at(account: Account, channel: str, address: str) -> Debtor | None:
    """The one debtor who has this address; who of several it is, a person has to say."""
    found = consent.debtors_at(account, channel, address)
    return found[0] if len(found) == 1 else None


# --- What a person makes of it -----------------------------------------------------------------------------------


def open_invoices(reply: Reply) -> "QuerySet[Invoice]":
    """What an answer may be about: open invoices of the party whose message it answers."""
    found = Invoice.objects.filter(account=reply.account_id, debtor=reply.debtor_id, status__in=OPEN)
    if reply.invoice:
        found = found.filter(party__in=debtor_parties.keys_like(reply.invoice))
    return found.order_by("due_date", "id")


def confirm_paid(
    reply: Reply,
    actor: Actor,
    invoice_id: uuid.UUID,
    *,
    amount: Decimal,
    paid_at: dt.date,
    reference: str,
    key: uuid.UUID | None = None,
) -> None:
    """The money is there. Raises `Refused` where the ledger does."""
    if key and Receipt.objects.filter(pk=key, account=reply.account_id).exists():  # the form was sent before
        return

    def do() -> None:
        lifecycle.record_payment(
            reply.account, invoice_id, actor, amount=amount, paid_at=paid_at, reference=reference, key=key
        )

    _settle(reply, actor, ReplyStatus.CONFIRMED, do)


def confirm_promise(reply: Reply, actor: Actor, invoice_ids: Iterable[uuid.UUID], promised_on: dt.date) -> None:
    def do() -> None:
        for invoice_id in invoice_ids:
            lifecycle.promise(reply.account, invoice_id, actor, promised_on, reason=reply.text)

    _settle(reply, actor, ReplyStatus.CONFIRMED, do)


def confirm_dispute(reply: Reply, actor: Actor, invoice_ids: Iterable[uuid.UUID], reason: str) -> None:
    def do() -> None:
        for invoice_id in invoice_ids:
            lifecycle.change(reply.account, invoice_id, actor, status=Status.DISPUTED, reason=reason)

    _settle(reply, actor, ReplyStatus.CONFIRMED, do)


def confirm_hold(reply: Reply, actor: Actor, invoice_ids: Iterable[uuid.UUID], hold_until: dt.date) -> None:
    """They need time, or a person needs to look into it."""

    def do() -> None:
        for invoice_id in invoice_ids:
            lifecycle.change(
                reply.account, invoice_id, actor, status=Status.ON_HOLD, hold_until=hold_until, reason=reply.text
            )

    _settle(reply, actor, ReplyStatus.CONFIRMED, do)


def confirm_wrong_person(reply: Reply, actor: Actor) -> None:
    """The address is somebody else's: it is not written to again."""

    def do() -> None:
        because = f"wrong person, {actor.name}"
        addresses.mark_invalid(reply.account, reply.channel, reply.address, reply.account.now(), because)

    _settle(reply, actor, ReplyStatus.CONFIRMED, do)


def dismiss(reply: Reply, actor: Actor) -> None:
    """Read, and nothing follows."""
    _settle(reply, actor, ReplyStatus.DISMISSED, lambda: None)


def _settle(reply: Reply, actor: Actor, status: ReplyStatus, do: Callable[[], None]) -> None:
    """Once, by whoever is first. Messages go on when the last of the debtor's answers is handled."""
    account = reply.account
    with transaction.atomic():
        if reply.debtor_id:
            Debtor.objects.select_for_update(no_key=True).get(pk=reply.debtor_id)
        proposed = Reply.objects.filter(pk=reply.pk, status=ReplyStatus.PROPOSED)
        if not proposed.update(status=status, handled_by=actor.name, handled_at=account.now()):
            raise Refused("status", "already_handled", _("Somebody has handled this reply already."))
        do()
        if reply.debtor_id:
            said = f"{english(status.label)}: {english(Triage(reply.triage).label).lower()}."
            inbox.settle(account, reply.debtor_id, actor, said)
    reply.refresh_from_db()
