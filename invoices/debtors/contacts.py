"""Contacts of invoices and debtors: their normalised form, and corrections by staff."""

import contextlib
import functools
import re
import unicodedata
import uuid
from collections.abc import Mapping
from pathlib import Path

import phonenumbers
from django.db.models import QuerySet

from inflow.sql import compiled
from invoices.debtors import debtor_parties, parties
from invoices.errors import InvalidPhone
from invoices.models import Debtor, Invoice
from invoices.models.identities import ContactCorrection, ContactKind

# Invisible characters that spreadsheets and right-to-left texts leave around an address.
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_HOSTS = Path(__file__).with_name("public_mail_hosts.txt")


# Longer texts are not addresses or numbers (RFC 5321, E.164); they are stored and compared unchanged.
_LONGEST_EMAIL, _LONGEST_PHONE = 320, 60


def normalise_email(text: str) -> str:
    """Return the address in lower case, with an ASCII domain and without invisible characters or a final dot.

    Plus addresses and dots are kept, because they can be different mailboxes.
    """
    return _normalised_email(text) if len(text) <= _LONGEST_EMAIL else text.strip().lower()


@functools.lru_cache(maxsize=2_000)
def _normalised_email(text: str) -> str:
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).strip().lower()
    local, at, domain = text.rpartition("@")
    if not at:
        return text
    domain = domain.strip().rstrip(".")
    if not domain.isascii():
        with contextlib.suppress(UnicodeError):
            domain = domain.encode("idna").decode()
    return f"{local.strip()}@{domain}"


def normalise_phone(text: str, country: str) -> str:
    """Return the number in E.164, such as "+971501234567". Raise `InvalidPhone` if it is not possible.

    A number without a country code is one of `country` (ISO 3166).
    """
    if len(text) > _LONGEST_PHONE:
        raise InvalidPhone(text[:_LONGEST_PHONE])
    return _normalised_phone(text, country)


@functools.lru_cache(maxsize=2_000)
def _normalised_phone(text: str, country: str) -> str:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as error:
        raise InvalidPhone(text) from error
    if not phonenumbers.is_possible_number(number):
        raise InvalidPhone(text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise(kind: str, address: str) -> str:
    """Return a normalised email or phone. An invalid phone is returned unchanged."""
    if kind == ContactKind.EMAIL:
        return normalise_email(address)
    try:
        return normalise_phone(address, "ZZ") if address else ""
    except InvalidPhone:
        return address.strip()


def own_domain_of(email: str) -> str:
    """Return the domain of a normalised address, or "" if it is a public mail host."""
    domain = email.rpartition("@")[2]
    return "" if is_public(domain) else domain


@functools.lru_cache(maxsize=2_000)
def is_public(domain: str) -> bool:
    """Return True if the domain, or a parent of it, is a public mail host."""
    labels = domain.split(".")
    hosts = _hosts()
    if any(".".join(labels[start:]) in hosts for start in range(len(labels) - 1)):
        return True
    is_national = len(labels) == 3 and len(labels[1]) <= 3 and len(labels[2]) == 2
    return (len(labels) == 2 or is_national) and f"{labels[0]}.*" in hosts


@functools.cache
def _hosts() -> frozenset[str]:
    lines = (line.strip() for line in _HOSTS.read_text(encoding="utf-8").splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


# --- Corrections -------------------------------------------------------------------------------------------------

Corrections = Mapping[tuple[str, str], str]


def address_of(invoice: Invoice, kind: str, corrections: Corrections | None = None) -> str:
    """Return the invoice's contact, or the one with which staff replaced it.

    If the debtor has several parties, corrections apply to the party with the debtor's name only. `corrections` are the
    debtor's, if the caller has read them.
    """
    address = invoice.debtor_email if kind == ContactKind.EMAIL else invoice.debtor_phone
    corrections = corrections_of(invoice.debtor) if corrections is None else corrections
    if corrections and is_named(invoice):
        return corrected(kind, address, corrections)
    return normalise(kind, address)


def corrected(kind: str, address: str, corrections: Corrections) -> str:
    """Return `address` after corrections by staff."""
    address = normalise(kind, address)
    for _ in range(len(corrections)):  # the greatest length of a chain
        if (kind, address) not in corrections:
            break
        address = corrections[kind, address]
    return address


def is_named(invoice: Invoice) -> bool:
    """Return True if the invoice's party has the debtor's name, or is its only party."""
    debtor = invoice.debtor
    own = parties.of(debtor.name, debtor.company).key
    stored = Invoice.objects.filter(debtor=debtor.pk).order_by().values_list("party", flat=True).distinct()
    keys = {invoice.party, *stored}
    groups = debtor_parties.groups(invoice.account, {own, *keys})
    return len({groups[key] for key in keys}) == 1 or invoice.party in groups[own]


def corrections_of(debtor: Debtor) -> Corrections:
    """Return the new address by kind and old address."""
    return {(row["kind"], row["old"]): row["new"] for row in _corrections(debtor=debtor.pk)}


@compiled
def _corrections(*, debtor: uuid.UUID) -> QuerySet[ContactCorrection, dict[str, str]]:
    return ContactCorrection.objects.filter(debtor=debtor).values("kind", "old", "new")
