"""Contacts of invoices and debtors: their one spelling, and which of them staff replaced."""

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
from invoices.models import Debtor, Invoice
from invoices.models.identities import ContactCorrection, ContactKind

# Signs that spreadsheets and right-to-left texts leave around an address.
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_HOSTS = Path(__file__).with_name("public_mail_hosts.txt")


# Longer ones are no addresses and no numbers (RFC 5321, E.164); they are stored and compared as they are.
_LONGEST_EMAIL, _LONGEST_PHONE = 320, 60


class BadPhone(ValueError):
    """Not a possible phone number."""


def normalise_email(text: str) -> str:
    """Return the address in lower case, with an ASCII domain and without invisible signs or a dot at its end.

    Plus-addresses and dots stay: they are mailboxes of their own.
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
    """Return a number in E.164, `+971501234567`. Without a country code it is one of `country` (ISO 3166)."""
    if len(text) > _LONGEST_PHONE:
        raise BadPhone(text[:_LONGEST_PHONE])
    return _normalised_phone(text, country)


@functools.lru_cache(maxsize=2_000)
def _normalised_phone(text: str, country: str) -> str:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as error:
        raise BadPhone(text) from error
    if not phonenumbers.is_possible_number(number):
        raise BadPhone(text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise(kind: str, address: str) -> str:
    """Return an address as it is stored and compared. A phone that can't be read stays as it is."""
    if kind == ContactKind.EMAIL:
        return normalise_email(address)
    try:
        return normalise_phone(address, "ZZ") if address else ""
    except BadPhone:
        return address.strip()


def domain_of(email: str) -> str:
    return email.rpartition("@")[2]


def own_domain_of(email: str) -> str:
    """Return the domain of a normalised address if it says whose address it is; "" for a public mail host."""
    domain = domain_of(email)
    return "" if is_public(domain) else domain


@functools.lru_cache(maxsize=2_000)
def is_public(domain: str) -> bool:
    """Say if everybody can have an address of this domain, or of the domain that it is a part of."""
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


# --- Corrections by staff ----------------------------------------------------------------------------------------

Corrections = Mapping[tuple[str, str], str]


def given(invoice: Invoice, kind: str, corrections: Corrections | None = None) -> str:
    """Return the invoice's email or phone, or what staff replaced it by. `corrections` are the debtor's, if read.

    Staff correct a debtor under its name. If it has several parties, the invoices of the others keep their contacts.
    """
    address = invoice.debtor_email if kind == ContactKind.EMAIL else invoice.debtor_phone
    corrections = corrections_of(invoice.debtor) if corrections is None else corrections
    if corrections and _is_named(invoice):
        return replaced(kind, address, corrections)
    return normalise(kind, address)


def replaced(kind: str, address: str, corrections: Corrections) -> str:
    """Return the address that staff replaced `address` by, or `address` itself."""
    address = normalise(kind, address)
    for _ in range(len(corrections)):  # a chain is no longer than that
        if (kind, address) not in corrections:
            break
        address = corrections[kind, address]
    return address


def _is_named(invoice: Invoice) -> bool:
    """Say if the invoice's party is the debtor's own, or its only one."""
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
