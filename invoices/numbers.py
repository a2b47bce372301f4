"""Stored invoice numbers that are not in their canonical spelling (`inflow.canonical`), or that look alike."""

import unicodedata
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.db.models import QuerySet

from inflow.canonical import canonical

# Printable ASCII without spaces at the ends, which `canonical` never changes.
_PLAIN = "^[!-~]([ -~]*[!-~])?$"


class Equal(NamedTuple):
    """Invoices of one account whose numbers differ only in spelling."""

    account_id: uuid.UUID
    number: str
    invoices: list[tuple[str, uuid.UUID]]

    def __str__(self) -> str:
        shown = ", ".join(f"{stored.encode('unicode_escape').decode()} ({pk})" for stored, pk in self.invoices)
        return f"account {self.account_id}: {shown}"


_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")


def look_alike(text: str) -> str:
    """Return the number as it looks: dashes as hyphens, full-width and raised characters as plain ones, all digits as
    0 to 9. Numbers that look alike are still different; `check_numbers` lists them."""
    plain = unicodedata.normalize("NFKC", canonical(text)).translate(_DASHES)
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in plain)


def equal_numbers(invoices: QuerySet[Any], spelling: Callable[[str], str] = canonical) -> Iterator[Equal]:
    """Yield the invoices of each account that have the same number in this spelling."""
    for account_id, number, stored in _respelt(invoices, spelling):
        found = invoices.filter(account=account_id, invoice_number__in={number, *stored})
        rows = list(found.order_by("created_at", "id").values_list("invoice_number", "pk"))
        if len(rows) > 1:
            yield Equal(account_id, number, rows)


def respell(invoices: QuerySet[Any]) -> list[Equal]:
    """Store each number in its canonical spelling, unless another invoice of the account has the same.

    Return the invoices that were left unchanged. A person must decide if they are two invoices or a duplicate.
    """
    equal = list(equal_numbers(invoices))
    conflicting = {(each.account_id, each.number) for each in equal}
    for account_id, number, stored in list(_respelt(invoices)):
        if number and (account_id, number) not in conflicting:
            invoices.filter(account=account_id, invoice_number__in=stored).update(invoice_number=number)
    return equal


def _respelt(
    invoices: QuerySet[Any], spelling: Callable[[str], str] = canonical
) -> Iterator[tuple[uuid.UUID, str, set[str]]]:
    """Yield each account and canonical number, with the other spellings under which it is stored."""
    found: dict[tuple[uuid.UUID, str], set[str]] = {}
    odd = invoices.exclude(invoice_number__regex=_PLAIN).order_by("account", "id")
    for account_id, stored in odd.values_list("account", "invoice_number").iterator(2_000):
        number = spelling(stored)
        if number != stored:
            found.setdefault((account_id, number), set()).add(stored)
    for (account_id, number), spellings in found.items():
        yield account_id, number, spellings
