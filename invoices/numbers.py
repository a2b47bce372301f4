"""Invoice numbers that look alike."""

import unicodedata
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models import QuerySet

from inflow.canonical import canonical

# Nothing else is changed by `look_alike`: printable ASCII without spaces at the ends.
_PLAIN = "^[!-~]([ -~]*[!-~])?$"


class Equal(NamedTuple):
    """Invoices of one account whose numbers differ only in how they are spelt."""

    account_id: uuid.UUID
    number: str
    invoices: list[tuple[str, uuid.UUID]]

    def __str__(self) -> str:
        shown = ", ".join(f"{stored.encode('unicode_escape').decode()} ({pk})" for stored, pk in self.invoices)
        return f"account {self.account_id}: {shown}"


_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")


def look_alike(text: str) -> str:
    """Return what a person reads: any dash as a hyphen, full-width and raised signs as plain ones, digits of any script
    as 0 to 9. Such numbers are different ones; `check_numbers` lists them."""
    plain = unicodedata.normalize("NFKC", canonical(text)).translate(_DASHES)
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in plain)


def equal_numbers(invoices: QuerySet[Any]) -> Iterator[Equal]:
    """Yield the invoices of an account whose numbers look alike: two invoices, or one debt that is chased twice."""
    found: dict[tuple[uuid.UUID, str], set[str]] = {}
    odd = invoices.exclude(invoice_number__regex=_PLAIN).order_by("account", "id")
    for account_id, stored in odd.values_list("account", "invoice_number").iterator(2_000):
        number = look_alike(stored)
        if number != stored:
            found.setdefault((account_id, number), set()).add(stored)
    for (account_id, number), spellings in found.items():
        alike = invoices.filter(account=account_id, invoice_number__in={number, *spellings})
        rows = list(alike.order_by("created_at", "id").values_list("invoice_number", "pk"))
        if len(rows) > 1:
            yield Equal(account_id, number, rows)
