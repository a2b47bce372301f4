"""The address that an invoice's message goes to: the contact that the invoice was given.

Staff may replace it, explicitly (`invoices.debtors.contacts`). If it bounced, another address that invoices of the same
party and debtor were given takes its place. It is never the address of another debtor or party.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from django.db.models import QuerySet

from communications import channels
from communications.contacts import consent
from communications.models import Communication, Contact, Medium, Source, State
from inflow.accounts.actors import DEBTOR, Actor
from inflow.accounts.models import Account
from inflow.sql import compiled
from invoices.debtors import contacts as invoice_contacts
from invoices.debtors import debtor_parties
from invoices.models import Debtor, Invoice
from invoices.models.identities import ContactKind

# WhatsApp lets us answer freely for so long after the debtor's last message; after it, it asks for their agreement.
CONVERSATION = dt.timedelta(hours=24)
NOT_AGREED = "the debtor has not agreed to WhatsApp messages"


class Chosen(NamedTuple):
    """`missing` says why there is no address: no_contact, invalid_contact, opted_out or no_channel; `because` more."""

    channel: str
    address: str = ""
    missing: str = ""
    because: str = ""


Contacts = Mapping[tuple[str, str], Contact]


def contacts_of(account: Account) -> Contacts:
    """What is known of the account's addresses, by channel and address, for many choices at once."""
    return {(contact.channel, contact.address): contact for contact in Contact.objects.filter(account=account)}


def choose(invoice: Invoice, preferred: Iterable[str], contacts: Contacts | None = None) -> Chosen:
    """The first channel of the step that is configured and whose address is known, good and willing."""
    account = invoice.account
    wanted, first, missing, because = "", "", "no_contact", ""
    for channel in preferred:
        wanted = wanted or channel
        if not channels.is_configured(account, channel):
            continue
        first = first or channel
        for place, address in enumerate(_candidates(invoice, channel)):
            contact = _find(account, channel, address) if contacts is None else contacts.get((channel, address))
            if contact and contact.opted_out_at:
                if place == 0:
                    missing = "opted_out"
                    break  # their wish, and no reason to look for another way to them
                continue
            if contact and contact.invalid_at:
                missing = "invalid_contact" if missing == "no_contact" else missing
                continue
            if channel == Medium.WHATSAPP and not (has_agreed(contact) or in_conversation(contact, account.now())):
                because = NOT_AGREED
                break
            return Chosen(channel, address)
    if not first:
        return Chosen(wanted or Medium.EMAIL, missing="no_channel")
    return Chosen(first, missing=missing, because=because)


def follow_corrections(debtor: Debtor) -> None:
    """Let planned messages show the address that staff now gave. The gate chooses anew in any case."""
    if not invoice_contacts.corrections_of(debtor):
        return
    planned = Communication.objects.filter(debtor=debtor, status=State.SCHEDULED).select_related("invoice")
    for row in planned.order_by("id"):
        row.invoice.account, row.invoice.debtor = debtor.account, debtor
        chosen = choose(row.invoice, [row.channel])
        if chosen.address and chosen.address != row.recipient:
            row.recipient = chosen.address
            row.save(update_fields=["recipient"])


def has_agreed(contact: Contact | None) -> bool:
    return contact is not None and contact.opted_in_at is not None


def in_conversation(contact: Contact | None, now: dt.datetime) -> bool:
    """Whether they wrote to us so lately that WhatsApp lets us answer as we like."""
    return bool(contact and contact.heard_at and now < contact.heard_at + CONVERSATION)


def note_heard(account: Account, address: str, at: dt.datetime) -> None:
    """They wrote to us on WhatsApp."""
    Contact.objects.update_or_create(
        account=account,
        channel=Medium.WHATSAPP,
        address=normal(Medium.WHATSAPP, address),
        defaults={"heard_at": at},
    )


def mark_invalid(account: Account, channel: str, address: str, at: dt.datetime, because: str) -> None:
    """A hard bounce: nothing is sent there again."""
    Contact.objects.update_or_create(
        account=account,
        channel=channel,
        address=normal(channel, address),
        defaults={"invalid_at": at, "invalid_because": because[:300]},
    )


def opt_out(
    account: Account,
    channel: str,
    address: str,
    at: dt.datetime,
    *,
    source: str = "",
    text: str = "",
    actor: Actor = DEBTOR,
) -> bool:
    """Nothing is sent to this address on this channel again; a later import changes nothing about it. `source` is the
    channel itself, or the provider's word, unless said otherwise. Whether it is news."""
    source = source or (channel if channel in Source.values else Source.PROVIDER)
    return consent.leave_address(account, channel, normal(channel, address), at, source=source, text=text, actor=actor)


def kind_of(channel: str) -> str:
    return ContactKind.EMAIL if channel == Medium.EMAIL else ContactKind.PHONE


def given(invoice: Invoice, channel: str) -> str:
    """Return the address on this channel that the invoice was given, or what staff replaced it by."""
    return invoice_contacts.given(invoice, kind_of(channel))


def _candidates(invoice: Invoice, channel: str) -> Iterator[str]:
    """Yield the invoice's own address, then, to whoever asks on because it bounced, those of the same party."""
    own = given(invoice, channel)
    if not own:
        return
    yield own
    kind = kind_of(channel)
    column = f"debtor_{kind}"
    keys = debtor_parties.keys_like(invoice)
    others = Invoice.objects.filter(debtor=invoice.debtor_id, party__in=keys).exclude(**{column: ""})
    seen = {own}
    for address in others.order_by("-created_at", "-invoice_number").values_list(column, flat=True):
        address = invoice_contacts.replaced(invoice.debtor, kind, address)
        if address and address not in seen:
            seen.add(address)
            yield address


def known(account: Account, channel: str, address: str) -> Contact | None:
    """What is known of an address as it is written to."""
    return _find(account, channel, normal(channel, address))


def _find(account: Account, channel: str, address: str) -> Contact | None:
    return next(iter(_contacts(account=account.id, channel=channel, address=address)), None)


@compiled
def _contacts(*, account: uuid.UUID, channel: str, address: str) -> QuerySet[Contact]:
    return Contact.objects.filter(account=account, channel=channel, address=address)


def normal(channel: str, address: str) -> str:
    """Return an address as it is stored and compared."""
    return invoice_contacts.normalise(kind_of(channel), address)
