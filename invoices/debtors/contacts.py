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
from invoices.debtors import debtor_parties, phone_regions
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
    return _normalised_phone(text, "ZZ" if text.startswith("+") else country)


@functools.lru_cache(maxsize=2_000)
def _normalised_phone(text: str, country: str) -> str:
    try:
        number = phone_regions.parsed(text, country)
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

Corrections = Mapping[tuple[str, str, str], str]
"""The new address by party, kind and old address. See `debtor_parties.is_of_party` for the party."""
Replacements = Mapping[tuple[str, str], str]
"""The new address by kind and old address, for one party."""


def address_of(invoice: Invoice, kind: str, corrections: Corrections | None = None) -> str:
    """Return the invoice's contact, or the one with which staff replaced it.

    `corrections` are the debtor's, if the caller has read them.
    """
    address = invoice.debtor_email if kind == ContactKind.EMAIL else invoice.debtor_phone
    return corrected(kind, address, replacements_for(invoice, corrections))


def replacements_for(invoice: Invoice, corrections: Corrections | None = None) -> Replacements:
    """Return the corrections that apply to the invoice's party."""
    corrections = corrections_of(invoice.debtor) if corrections is None else corrections
    applying = {party for party in {party for party, _, _ in corrections} if debtor_parties.is_of_party(invoice, party)}
    # The debtor's own corrections come last, because they are newer than those of a merged debtor.
    rows = sorted(corrections.items(), reverse=True)
    return {(kind, old): new for (party, kind, old), new in rows if party in applying}


def corrected(kind: str, address: str, replacements: Replacements) -> str:
    """Return `address` after corrections by staff."""
    address = normalise(kind, address)
    for _ in range(len(replacements)):  # the greatest length of a chain
        if (kind, address) not in replacements:
            break
        address = replacements[kind, address]
    return address


def by_party(corrections: Corrections) -> list[Replacements]:
    """Return the corrections of each party."""
    found: dict[str, dict[tuple[str, str], str]] = {}
    for (party, kind, old), new in corrections.items():
        found.setdefault(party, {})[kind, old] = new
    return list(found.values())


def corrections_of(debtor: Debtor) -> Corrections:
    return {(row["party"], row["kind"], row["old"]): row["new"] for row in _corrections(debtor=debtor.pk)}


@compiled
def _corrections(*, debtor: uuid.UUID) -> QuerySet[ContactCorrection, dict[str, str]]:
    return ContactCorrection.objects.filter(debtor=debtor).values("party", "kind", "old", "new")
