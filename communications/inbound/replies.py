"""Replies of debtors: each is stored, classified, and handled by staff.

The complete text is stored, and the debtor's messages are held, in a separate transaction before the text is
classified. If classification fails, the reply is `other`. Only an unmistakable request to stop takes effect without
staff.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from communications.contacts import addresses, consent
from communications.delivery import status_updates
from communications.inbound import inbox, quoting, texts
from communications.inbound.inbox import Mail
from communications.inbound.triage import classification
from communications.models import LEFT_US, Communication, Copy, Medium, Reply, ReplyStatus, State, Triage
from communications.schedule import ordering
from communications.signals import reply_received
from inflow import masking
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account
from inflow.languages import english
from invoices import lifecycle
from invoices.debtors import aliases, debtor_parties, debtors
from invoices.models import OPEN, Debtor, Invoice, Receipt, Status
from invoices.writing import Refused

log = structlog.get_logger(__name__)

# Maximum length of the excerpt in the timeline.
_TIMELINE_CHARACTERS = 2_000


def receive(
    account: Account, channel: str, address: str, text: str, provider_id: str, *, answered: Mail | None = None
) -> Reply | None:
    """Store and classify a reply. Return None if it was received before.

    `address` is the sender's. `answered` is the message that the reply refers to; the reply counts for its recipient
    even if it was sent from another mailbox. `text` may be HTML if the mail has no text part.
    """
    reply = _store(account, channel, address, text, provider_id, answered)
    if reply is None:
        return None
    try:
        _apply(reply, _read(reply))
    except Exception:
        log.exception("reply_not_read", reply=str(reply.pk))
        _apply(reply, _Reading(texts.shown(reply.text), classification.Reading(Triage.OTHER)))
    return reply


def _store(
    account: Account, channel: str, address: str, text: str, provider_id: str, answered: Mail | None
) -> Reply | None:
    """Store the text and hold messages. Return None if the reply was received and classified before."""
    now, address = account.now(), addresses.normal(channel, texts.storable(address)[:254])
    with transaction.atomic():
        answered = answered or _message_to(account, channel, address)
        message = answered.row if answered else None
        debtor = message.debtor if message else _debtor_at(account, channel, address)
        concerned = inbox.affected_debtors(account, channel, address, debtor.pk if debtor else None)
        _lock(concerned)
        if debtor:
            debtor = aliases.lock(account, debtor.pk)  # it may have been merged into another one meanwhile
        values: dict[str, Any] = {
            "debtor": debtor,
            "communication": message,
            "invoice_id": message.invoice_id if message else None,
            "address": address,
            "recipient": answered.copy.recipient if answered and answered.copy else "",
            "text": texts.storable(text),
            "received_at": now,
        }
        reply, is_new = _get_or_create(account, channel, _short_id(provider_id), values)
        if not is_new and reply.whole_text != values["text"]:  # some mail programs reuse ids
            digest = hashlib.sha256(values["text"].encode()).hexdigest()
            reply, is_new = _get_or_create(account, channel, _short_id(f"{reply.provider_id} {digest}"), values)
        if not is_new:
            return reply if reply.read_at is None else None
        if answered:
            status_updates.record_reply(answered.row, answered.copy)
        if channel == Medium.WHATSAPP:
            addresses.record_inbound(account, address, now)
        for pk in concerned:
            debtors.pause_for_reply(account, pk, _writer(reply), now)
        reply_received.send(Reply, reply=reply)
    return reply


def _lock(debtor_ids: Sequence[uuid.UUID]) -> None:
    """Lock the debtors as the gate does, so that a message about to be sent waits and sees the reply."""
    list(Debtor.objects.select_for_update(no_key=True).filter(pk__in=debtor_ids).order_by("pk"))


def _get_or_create(account: Account, channel: str, provider_id: str, values: dict[str, Any]) -> tuple[Reply, bool]:
    rows = Reply.objects.select_related("account", "debtor", "communication")
    reply, is_new = rows.get_or_create(account=account, channel=channel, provider_id=provider_id, defaults=values)
    return reply, is_new


@dataclass(frozen=True, slots=True)
class _Reading:
    """The debtor's own text, safe for display, and its classification."""

    text: str
    reading: classification.Reading


def _read(reply: Reply) -> _Reading:
    written = texts.shown(reply.text)
    if reply.channel == Medium.EMAIL:
        written = texts.shown(quoting.without_quote(reply.text, quoting.sent_as(_answered(reply))))
    return _Reading(written, classification.read(written, reply.account.today()))


def _answered(reply: Reply) -> Communication | None:
    """Return the message that a reply answers, as its recipient got it."""
    message = reply.communication
    if message is None or not message.has_copies:
        return message
    copy = Copy.objects.filter(message_id=message.message_id, recipient=reply.recipient).first()
    return copy.as_message(message) if copy else message


def _apply(reply: Reply, read: _Reading) -> None:
    """Store the classification, once, and opt out if the text is unmistakable."""
    account, now, found = reply.account, reply.account.now(), read.reading
    text = masking.mask_links(read.text)  # quoted text may contain the debtor's link
    original = "" if text == reply.text else reply.text
    stops = found.triage == Triage.STOP and found.is_unmistakable
    values = {
        "text": text,
        "original": original,
        "triage": found.triage,
        "promised_on": found.promised_on,
        "paid_on": found.paid_on,
        "reference": texts.storable(found.reference)[:100],
        "amount": found.amount,
        "asks_to_stop": found.asks_to_stop,
        "read_at": now,
        **({"status": ReplyStatus.CONFIRMED, "handled_at": now, "took_effect": True} if stops else {}),
    }
    with transaction.atomic():
        concerned = inbox.affected_debtors(account, reply.channel, reply.address, reply.debtor_id)
        _lock(concerned)
        if not Reply.objects.filter(pk=reply.pk, read_at=None).update(**values):
            return
        if stops:
            opted_out_as = opted_out_address(reply)
            addresses.opt_out(account, reply.channel, opted_out_as, now, text=text, actor=_writer(reply))
        excerpt = text[:_TIMELINE_CHARACTERS]
        for pk in concerned:
            if stops:
                inbox.update_hold(account, pk, _writer(reply), excerpt)
            else:
                debtors.log_reply(account, pk, _writer(reply), text=excerpt)
    for name, value in values.items():
        setattr(reply, name, value)


def other_debtors(reply: Reply) -> list[Debtor]:
    """Return the other debtors with the same number, who may have sent a text message."""
    ids = inbox.affected_debtors(reply.account, reply.channel, reply.address, reply.debtor_id)
    return list(Debtor.objects.filter(pk__in=ids).exclude(pk=reply.debtor_id).order_by("created_at", "pk"))


def opted_out_address(reply: Reply) -> str:
    """Return the address that an opt-out by this reply concerns: the recipient of the mail, else the sender."""
    if reply.channel == Medium.EMAIL and reply.communication:
        return reply.recipient or reply.communication.recipient
    return reply.address


def _writer(reply: Reply) -> Actor:
    return Actor(reply.address, Channel.REPLY)


def _short_id(provider_id: str) -> str:
    provider_id = texts.storable(provider_id)
    return provider_id if len(provider_id) <= 255 else hashlib.sha256(provider_id.encode()).hexdigest()


def _message_to(account: Account, channel: str, address: str) -> Mail | None:
    """Return the last message or copy to an address."""
    left = (*LEFT_US, State.SENDING, State.UNKNOWN)
    sent = Communication.objects.for_account(account).filter(channel=channel, status__in=left)
    alone = sent.filter(recipient=address, has_copies=False).order_by("-sent_at", *ordering.SEND_ORDER)
    row = alone.select_related("debtor").first()
    copies = Copy.objects.for_account(account).filter(recipient=address, channel=channel, status__in=left)
    copy = copies.order_by("-sent_at").first()
    if copy and not (row and copy.sent_at and row.sent_at and row.sent_at > copy.sent_at):
        of_copy = sent.filter(message_id=copy.message_id).order_by(*ordering.SEND_ORDER)
        if first := of_copy.select_related("debtor").first():
            return Mail(first, copy)
    return Mail(row) if row else None


def _debtor_at(account: Account, channel: str, address: str) -> Debtor | None:
    """Return the debtor with this address, or None if there are several or none."""
    found = consent.debtors_at(account, channel, address)
    return found[0] if len(found) == 1 else None


# --- Handling by staff -------------------------------------------------------------------------------------------


def open_invoices(reply: Reply) -> "QuerySet[Invoice]":
    """Return the open invoices that a reply may be about: those of the message's party."""
    found = Invoice.objects.filter(account=reply.account_id, debtor=reply.debtor_id, status__in=OPEN)
    if reply.invoice:
        found = found.filter(party__in=debtor_parties.keys_like(reply.invoice))
    return found.order_by("due_date", "issue_date", "invoice_number")


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
    """Confirm a payment and record it in the ledger. Raise `Refused` as the ledger does."""
    if key and Receipt.objects.filter(pk=key, account=reply.account_id).exists():  # the form was submitted before
        return
    with _handle(reply, actor):
        lifecycle.record_payment(
            reply.account, invoice_id, actor, amount=amount, paid_at=paid_at, reference=reference, key=key
        )


def confirm_promise(reply: Reply, actor: Actor, invoice_ids: Iterable[uuid.UUID], promised_on: dt.date) -> None:
    with _handle(reply, actor):
        for invoice_id in invoice_ids:
            lifecycle.promise(reply.account, invoice_id, actor, promised_on, reason=reply.text)


def confirm_dispute(reply: Reply, actor: Actor, invoice_ids: Iterable[uuid.UUID], reason: str) -> None:
    with _handle(reply, actor):
        for invoice_id in invoice_ids:
            lifecycle.change(reply.account, invoice_id, actor, status=Status.DISPUTED, reason=reason)


def confirm_hold(reply: Reply, actor: Actor, invoice_ids: Iterable[uuid.UUID], hold_until: dt.date) -> None:
    with _handle(reply, actor):
        for invoice_id in invoice_ids:
            lifecycle.change(
                reply.account, invoice_id, actor, status=Status.ON_HOLD, hold_until=hold_until, reason=reply.text
            )


def confirm_wrong_person(reply: Reply, actor: Actor) -> None:
    """Mark the address as invalid because it belongs to somebody else."""
    with _handle(reply, actor):
        because = f"wrong person, {actor.name}"
        addresses.mark_invalid(reply.account, reply.channel, reply.address, reply.account.now(), because)


def confirm_stop(reply: Reply, actor: Actor) -> None:
    """Opt the sender's address out of the channel."""
    with _handle(reply, actor):
        address, now = opted_out_address(reply), reply.account.now()
        addresses.opt_out(reply.account, reply.channel, address, now, text=reply.text, actor=actor)


def undo_opt_out(reply: Reply, actor: Actor, reason: str) -> None:
    """Reverse an opt-out. Raise `Refused` without a reason, or if the address is not opted out."""
    account, address = reply.account, opted_out_address(reply)
    with transaction.atomic():
        contact = addresses.record_of(account, reply.channel, address)
        if contact is None:
            raise Refused("contact", "not_opted_out", _("%(contact)s is not opted out.") % {"contact": address})
        contact.account = account
        consent.restore_address(contact, actor, reason)
        handled = {"status": ReplyStatus.DISMISSED, "handled_by": actor.name, "handled_at": account.now()}
        Reply.objects.filter(pk=reply.pk).update(**handled)
    reply.refresh_from_db()


def is_opted_out(reply: Reply) -> bool:
    """Return True if the sender's address is opted out of the channel."""
    contact = addresses.record_of(reply.account, reply.channel, opted_out_address(reply))
    return contact is not None and contact.opted_out_at is not None


def dismiss(reply: Reply, actor: Actor) -> None:
    """Mark a reply as handled without any effect."""
    with _handle(reply, actor, ReplyStatus.DISMISSED):
        pass


@contextmanager
def _handle(reply: Reply, actor: Actor, status: ReplyStatus = ReplyStatus.CONFIRMED) -> Iterator[None]:
    """Mark a reply as handled, in the transaction of its effects. Raise `Refused` if it was handled already.

    Messages resume when all of the debtor's replies are handled.
    """
    account = reply.account
    with transaction.atomic():
        concerned = inbox.affected_debtors(account, reply.channel, reply.address, reply.debtor_id)
        _lock(concerned)
        proposed = Reply.objects.filter(pk=reply.pk, status=ReplyStatus.PROPOSED)
        if not proposed.update(status=status, handled_by=actor.name, handled_at=account.now()):
            raise Refused("status", "already_handled", _("This reply has already been handled."))
        yield
        summary = f"{english(status.label)}: {english(Triage(reply.triage).label).lower()}."
        for pk in concerned:
            inbox.update_hold(account, pk, actor, summary)
    reply.refresh_from_db()
