"""Further contacts of an invoice: those that it was given besides its own email and phone, and those of its debtor.

Each may receive only some kinds of messages. A debtor's contacts belong to one party, usually that with its name, as
corrections by staff do. Those of another debtor are never used.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet

from inflow.sql import compiled
from invoices.debtors import contacts as invoice_contacts
from invoices.debtors import debtor_parties, parties
from invoices.debtors.contacts import Corrections
from invoices.models import Contact, Debtor, Invoice


class Recipient(NamedTuple):
    """An address of a message. The language is empty unless the contact has one of its own."""

    name: str
    address: str
    language: str


# A contact as it is stored on an invoice, or read from a row of `Contact`.
Entry = Mapping[str, Any]


def of_invoice(invoice: Invoice, kind: str, by: str, corrections: Corrections) -> dict[str, Recipient]:
    """Return the further contacts of the invoice itself that receive this kind of message, by address.

    `by` is email or phone. An empty `kind` stands for all kinds. The invoice's own address is left out.
    """
    if not invoice.contacts:
        return {}
    own = invoice_contacts.address_of(invoice, by, corrections)
    found = _by_address(_corrected(invoice, by, corrections), kind, by)
    found.pop(own, None)
    return found


def own_entry(invoice: Invoice, by: str, corrections: Corrections) -> Entry:
    """Return the invoice's contact with its own address, if it was given as a contact, else an empty one."""
    own = invoice_contacts.address_of(invoice, by, corrections) if invoice.contacts else ""
    return next((each for each in _corrected(invoice, by, corrections) if own and each[by] == own), {})


def receives(entry: Entry, kind: str) -> bool:
    """Return True if a contact receives this kind of message."""
    return not kind or not entry.get("receives") or kind in entry["receives"]


def of_debtor(invoice: Invoice, entries: Sequence[Entry], kind: str, by: str) -> dict[str, Recipient]:
    """Return the debtor's contacts who receive this kind of message about the invoice, by address.

    `entries` are the debtor's, from `of`.
    """
    theirs = {party for party in {each["party"] for each in entries} if debtor_parties.is_of_party(invoice, party)}
    return _by_address([each for each in entries if each["party"] in theirs], kind, by)


def of(debtor_id: uuid.UUID) -> Sequence[Entry]:
    """Return the contacts of a debtor, in order."""
    return _contacts(debtor=debtor_id)


@compiled
def _contacts(*, debtor: uuid.UUID) -> QuerySet[Contact, dict[str, Any]]:
    rows = Contact.objects.filter(debtor=debtor).order_by("position", "id")
    return rows.values("party", "name", "email", "phone", "language", "receives")


def of_party(debtor: Debtor, party: Collection[str] | None) -> Sequence[Entry]:
    """Return the contacts of a debtor, or those of its `party` only."""
    entries = of(debtor.pk)
    if not entries or party is None:
        return entries
    own = parties.of(debtor.name, debtor.company).key
    keys = [each["party"] or own for each in entries]
    groups = debtor_parties.groups(debtor.account, {*keys, *party})
    return [each for each, key in zip(entries, keys, strict=True) if groups[key] & set(party)]


def given(contacts: Sequence[Entry], by: str) -> set[str]:
    """Return the addresses of these contacts."""
    return set(_by_address(contacts, "", by))


def _corrected(invoice: Invoice, by: str, corrections: Corrections) -> Sequence[Entry]:
    """Return the invoice's contacts, with the addresses by which staff replaced theirs."""
    entries = [{**each, by: invoice_contacts.normalise(by, each.get(by) or "")} for each in invoice.contacts]
    if corrections and entries:
        replacements = invoice_contacts.replacements_for(invoice, corrections)
        entries = [{**each, by: invoice_contacts.corrected(by, each[by], replacements)} for each in entries]
    return entries


def _by_address(entries: Sequence[Entry], kind: str, by: str) -> dict[str, Recipient]:
    found: dict[str, Recipient] = {}
    for each in entries:
        address = invoice_contacts.normalise(by, each.get(by) or "")
        if address and address not in found and receives(each, kind):
            found[address] = Recipient(each.get("name") or "", address, each.get("language") or "")
    return found
