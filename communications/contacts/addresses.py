"""Choice of channel and address for the messages about an invoice.

The address is the one on the invoice. Staff may replace it (`invoices.debtors.contacts`). If it bounced, an address
from invoices of the same debtor and party is used. Further contacts get a copy. An address of another debtor or party
is never used.
"""

import datetime as dt
import json
import uuid
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from django.db.models import QuerySet

from communications import channels
from communications.contacts import consent
from communications.contacts.further import Entry, Recipient, of, of_debtor, of_invoice, own_entry, receives
from communications.models import Address, Communication, Medium, Source, State
from communications.schedule import one_off
from inflow.accounts.actors import DEBTOR, Actor
from inflow.accounts.models import Account
from inflow.sql import Batch, compiled
from invoices.debtors import contacts as invoice_contacts
from invoices.debtors import debtor_parties
from invoices.models import Debtor, Invoice
from invoices.models.identities import ContactKind

# WhatsApp allows free-form messages for this long after the debtor's last message, and then requires an opt-in.
CONVERSATION_WINDOW = dt.timedelta(hours=24)
NO_OPT_IN = "the debtor has not agreed to WhatsApp messages"


class Chosen(NamedTuple):
    """A channel and address. Without an address, `missing` is no_contact, invalid_contact, opted_out or no_channel,
    and `because` may contain details.
    """

    channel: str
    address: str = ""
    missing: str = ""
    because: str = ""


Addresses = Mapping[tuple[str, str], Address]


def choose(
    invoice: Invoice,
    preferred: Iterable[str],
    contacts: Addresses | None = None,
    corrections: invoice_contacts.Corrections | None = None,
    *,
    kind: str = "",
    further: Sequence[Entry] | None = None,
) -> Chosen:
    """Return the first channel that is configured and has a valid address that has not opted out.

    The address is that of the first recipient of messages of this `kind`; see `recipients`. `contacts` are the rows of
    the addresses by channel and address, `corrections` and `further` the corrections and contacts of the debtor, if
    the caller has read them.
    """
    if corrections is None:
        corrections = invoice_contacts.corrections_of(invoice.debtor)
    wanted, first, missing, because = "", "", "no_contact", ""
    for channel in preferred:
        wanted = wanted or channel
        if not channels.is_configured(invoice.account, channel):
            continue
        first = first or channel
        checked = check(invoice, channel, kind, corrections, contacts=contacts, further=further)
        for place, (recipient, problem) in enumerate(checked):
            if not problem:
                return Chosen(channel, recipient.address)
            if problem == NO_OPT_IN:
                because = NO_OPT_IN
            elif missing == "no_contact" or (problem == "opted_out" and place == 0):
                missing = problem
    if not first:
        return Chosen(wanted or Medium.EMAIL, missing="no_channel")
    return Chosen(first, missing=missing, because=because)


def check(
    invoice: Invoice,
    channel: str,
    kind: str,
    corrections: invoice_contacts.Corrections,
    *,
    contacts: Addresses | None = None,
    further: Sequence[Entry] | None = None,
) -> Iterator[tuple[Recipient, str]]:
    """Yield the recipients of messages of this kind, each once, and why it can't be written to, or an empty string.

    The invoice's own contact comes first. If its address bounced, it is followed by the addresses that replace it, up
    to the first valid one. Then come the further contacts of the invoice, then those of its debtor.
    """
    account, by = invoice.account, kind_of(channel)

    def problem_of(address: str) -> str:
        record = _find(account, channel, address) if contacts is None else contacts.get((channel, address))
        if record and record.opted_out_at:
            return "opted_out"
        if record and record.invalid_at:
            return "invalid_contact"
        if channel == Medium.WHATSAPP and not (has_opted_in(record) or in_conversation(record, account.now())):
            return NO_OPT_IN
        return ""

    own, seen = own_entry(invoice, by, corrections), set[str]()
    for place, address in enumerate(_candidates(invoice, channel, corrections) if receives(own, kind) else ()):
        problem = problem_of(address)
        seen.add(address)
        if place and problem == "opted_out":
            continue
        yield Recipient(own.get("name") or invoice.debtor_name, address, own.get("language") or ""), problem
        if problem != "invalid_contact":  # respect an opt-out: do not look for another address
            break
    seen.add(invoice_address(invoice, channel, corrections))
    for address, recipient in of_invoice(invoice, kind, by, corrections).items():
        if address not in seen:
            seen.add(address)
            yield recipient, problem_of(address)
    entries = of(invoice.debtor_id) if further is None else further
    for address, recipient in of_debtor(invoice, entries, kind, by).items():
        if address not in seen:
            yield recipient, problem_of(address)


def apply_corrections(debtor: Debtor) -> None:
    """Update the recipient of planned messages after a correction. The gate chooses again in any case."""
    corrections = invoice_contacts.corrections_of(debtor)
    if not corrections:
        return
    planned = Communication.objects.filter(debtor=debtor, status=State.SCHEDULED).select_related("invoice")
    known, entries, batch = dict[Hashable, Chosen](), of(debtor.pk), Batch()
    for row in planned.order_by("id"):
        invoice = row.invoice
        invoice.account, invoice.debtor = debtor.account, debtor
        alike = row.channel, row.kind, *same_recipients(invoice)
        if alike not in known:
            known[alike] = choose(invoice, [row.channel], corrections=corrections, kind=row.kind, further=entries)
        address = known[alike].address
        if address and address != row.recipient:
            row.recipient = address
            batch.update(row, "recipient")
    batch.flush()


def same_recipients(invoice: Invoice) -> tuple[Hashable, ...]:
    """Return values that are equal only for invoices of a debtor that have the same recipients."""
    return invoice.party, invoice.debtor_email, invoice.debtor_phone, json.dumps(invoice.contacts)


def update_planned(invoice: Invoice) -> None:
    """Update the recipient and the language of planned messages after an amendment. The gate chooses again.

    A message that a user sends keeps the language in which it was written.
    """
    for row in Communication.objects.filter(invoice=invoice, status__in=(State.SCHEDULED, State.HELD)).order_by("id"):
        row.recipient = choose(invoice, [row.channel]).address
        if not one_off.is_by_person(row):
            row.language = invoice.debtor.language or invoice.language
        row.save(update_fields=["recipient", "language"])


def has_opted_in(record: Address | None) -> bool:
    return record is not None and record.opted_in_at is not None


def in_conversation(record: Address | None, now: dt.datetime) -> bool:
    """Return True if WhatsApp allows free-form messages because the debtor wrote recently."""
    return bool(record and record.heard_at and now < record.heard_at + CONVERSATION_WINDOW)


def record_inbound(account: Account, address: str, at: dt.datetime) -> None:
    """Record that a WhatsApp message arrived from an address."""
    Address.objects.update_or_create(
        account=account, channel=Medium.WHATSAPP, address=normal(Medium.WHATSAPP, address), defaults={"heard_at": at}
    )


def mark_invalid(account: Account, channel: str, address: str, at: dt.datetime, because: str) -> None:
    """Mark an address as invalid after a hard bounce. Nothing is sent to it any more."""
    Address.objects.update_or_create(
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
    """Opt an address out of a channel. Return False if it was opted out already.

    Later imports do not change this. `source` defaults to the channel, or to the provider.
    """
    source = source or (channel if channel in Source.values else Source.PROVIDER)
    return consent.opt_out_address(
        account, channel, normal(channel, address), at, source=source, text=text, actor=actor
    )


def kind_of(channel: str) -> str:
    return ContactKind.EMAIL if channel == Medium.EMAIL else ContactKind.PHONE


def invoice_address(invoice: Invoice, channel: str, corrections: invoice_contacts.Corrections | None = None) -> str:
    """Return the address of an invoice on this channel, after corrections by staff, or an empty string."""
    return invoice_contacts.address_of(invoice, kind_of(channel), corrections)


def _candidates(invoice: Invoice, channel: str, corrections: invoice_contacts.Corrections) -> Iterator[str]:
    """Yield the invoice's own address, then the addresses of other invoices of the same party."""
    own = invoice_address(invoice, channel, corrections)
    if not own:
        return
    yield own
    kind = kind_of(channel)
    column = f"debtor_{kind}"
    keys, replacements = debtor_parties.keys_like(invoice), invoice_contacts.replacements_for(invoice, corrections)
    others = Invoice.objects.filter(debtor=invoice.debtor_id, party__in=keys).exclude(**{column: ""})
    seen = {own}
    for address in others.order_by("-created_at", "-invoice_number").values_list(column, flat=True):
        address = invoice_contacts.corrected(kind, address, replacements)
        if address and address not in seen:
            seen.add(address)
            yield address


def record_of(account: Account, channel: str, address: str) -> Address | None:
    """Return the record of an address, or None."""
    return _find(account, channel, normal(channel, address))


def _find(account: Account, channel: str, address: str) -> Address | None:
    return next(iter(_addresses(account=account.id, channel=channel, address=address)), None)


@compiled
def _addresses(*, account: uuid.UUID, channel: str, address: str) -> QuerySet[Address]:
    return Address.objects.filter(account=account, channel=channel, address=address)


def normal(channel: str, address: str) -> str:
    """Return an address in normal form, as it is stored and compared."""
    return invoice_contacts.normalise(kind_of(channel), address)
