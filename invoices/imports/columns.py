"""Columns of imported files: their English and Arabic headings, and the mapping of headings to fields."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _text
from django.utils.translation import gettext_lazy as _

from invoices.imports import products
from invoices.imports.headings import folded, names
from invoices.imports.products import Product
from invoices.models.imports import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a file. `headings.toml` lists its headings.

    A second column of an `is_financial` field must not be ignored silently, because it is about money or its status.
    """

    field: str
    label: Any
    help: Any
    is_required: bool = False
    is_financial: bool = False


# The total in the currency of the books, in exports of programs with several currencies. It only checks `amount`.
BOOKS_AMOUNT = "books_amount"

COLUMNS: dict[str, tuple[Column, ...]] = {
    Kind.INVOICES: (
        Column(
            "invoice_number",
            _("Invoice number"),
            _("Unique in your account. A row with a known number updates that invoice."),
            is_required=True,
        ),
        Column("debtor_name", _("Debtor"), _("The debtor's name, as used in messages."), is_required=True),
        Column("debtor_company", _("Company"), _("The debtor's company.")),
        Column("debtor_email", _("Email"), _("The address to which reminders are sent.")),
        Column("debtor_phone", _("Phone"), _("With its country code: +971501234567.")),
        Column(
            "amount",
            _("Amount"),
            _("The total, not the balance: 25000.00. Not needed if there is a balance."),
            is_required=True,
            is_financial=True,
        ),
        Column("currency", _("Currency"), _("ISO 4217, such as AED."), is_financial=True),
        Column("issue_date", _("Issued"), _("YYYY-MM-DD. Empty: today, or the due date if that is earlier.")),
        Column("due_date", _("Due"), _("YYYY-MM-DD."), is_required=True),
        Column("language", _("Language"), _("en or ar. Empty: the account's.")),
        Column(
            "amount_paid",
            _("Already paid"),
            _("The amount paid before the import. Import later payments from a payments file."),
            is_financial=True,
        ),
        Column(
            "balance",
            _("Balance"),
            _("The outstanding balance. Its difference to the amount was paid before the import."),
            is_financial=True,
        ),
        Column(
            "amount_credited",
            _("Credited"),
            _("Credit notes applied to the invoice. They reduce the balance."),
            is_financial=True,
        ),
        Column(
            "status",
            _("Status"),
            _("Status in the other system. Paid and void invoices are not registered; drafts are refused."),
            is_financial=True,
        ),
        Column(
            "payment_status",
            _("Payment status"),
            _("A second status column that some programs export."),
            is_financial=True,
        ),
        Column(
            "document_type",
            _("Document type"),
            _("Invoices are imported; credit notes, payments and bills are refused."),
        ),
        Column("notes", _("Notes"), _("For you; debtors don't see them.")),
        Column("purchase_order", _("Purchase order"), _("The number of the debtor's purchase order.")),
        Column("payment_url", _("Payment link"), _("An address that begins with https://, for paying this invoice.")),
        Column("tags", _("Tags"), _("Separated by commas.")),
        Column("external_id", _("External ID"), _("The invoice's id in your accounting system.")),
        Column(
            "debtor_external_id",
            _("Debtor's external ID"),
            _("The debtor's id in your accounting system. It decides to which debtor the invoice belongs."),
        ),
        Column(
            "source_updated_at",
            _("Changed in the source"),
            _("Date and time of the last change in your accounting system. An older row than the last one is refused."),
        ),
    ),
    Kind.PAYMENTS: (
        Column("invoice_number", _("Invoice number"), _("The number of the paid invoice."), is_required=True),
        Column(
            "reference",
            _("Reference"),
            _("The bank's or the cheque's number. The same reference again is the same payment."),
            is_required=True,
        ),
        Column(
            "amount",
            _("Amount"),
            _("The amount received, in the invoice's currency."),
            is_required=True,
            is_financial=True,
        ),
        Column("currency", _("Currency"), _("Optional: the invoice's currency."), is_financial=True),
        Column("paid_at", _("Payment date"), _("YYYY-MM-DD. Empty: today.")),
        Column("method", _("Method"), _("Such as bank_transfer, cheque, card, cash.")),
        Column(
            "status", _("Status"), _("Status of the payment. Only received payments are recorded."), is_financial=True
        ),
    ),
}
_NAMES: dict[str, dict[str, str]] = {kind: products.TABLE["common"] | products.TABLE[kind] for kind in COLUMNS}
_NAMES[Kind.INVOICES]["amount"] += f"|{products.TOTALS}"
# Fields that identify an invoice or a payment.
KEYS: dict[str, str] = {Kind.INVOICES: "invoice_number", Kind.PAYMENTS: "reference"}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Meaning of a file's columns: positions by field, positions of known but unused columns, and of unknown ones."""

    product: str
    columns: dict[str, int]
    unused: list[int]
    unknown: list[int]


def map_columns(kind: str, headings: Sequence[str], chosen: Mapping[str, str] | None = None) -> ColumnMapping:
    """Map headings to fields. `chosen` maps `keys` of headings to the fields that people chose, or "" to ignore."""
    chosen = chosen or {}
    fields = {column.field for column in COLUMNS[kind]}
    decided = {position: chosen[key] for position, key in enumerate(keys(headings)) if key in chosen}
    found = {name: position for position, name in decided.items() if name in fields}
    texts = [folded(heading) for heading in headings]
    product = recognise(kind, texts)
    unneeded = set(names(products.COMMON_UNUSED))
    free = {position: text for position, text in enumerate(texts) if position not in decided}
    if product:
        headings_of_product = {name: names(text) for name, text in product.headings.items()}
        _fill(found, headings_of_product, free, by_preference=True)
        unneeded |= set(names(product.unused))
    free = {position: text for position, text in free.items() if text not in unneeded}
    for tier in _tiers(kind, translation.get_language() or ""):
        _fill(found, tier, free)
    if is_total(kind, headings, found):
        unneeded |= set(names(products.PARTS_OF_A_TOTAL))
    taken = set(found.values())
    left = [position for position in range(len(headings)) if position not in taken]
    unused = [position for position in left if position in decided or texts[position] in unneeded]
    unknown = [position for position in left if position not in unused]
    return ColumnMapping(product.name if product else "", found, unused, unknown)


def keys(headings: Sequence[str]) -> list[str]:
    """Return a unique key for each column, by which a person's choice is found again."""
    seen: dict[str, int] = {}
    found = []
    for position, heading in enumerate(headings, 1):
        text = folded(heading) or f"column {position}"
        seen[text] = seen.get(text, 0) + 1
        found.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
    return found


def recognise(kind: str, texts: Sequence[str]) -> Product | None:
    """Return the program whose export has these folded headings."""
    if kind != Kind.INVOICES:
        return None
    present = set(texts)
    signs = ((each, names(sign)) for each in products.PRODUCTS for sign in each.signs)
    return next((product for product, sign in signs if present.issuperset(sign)), None)


def is_whole(kind: str, headings: Sequence[str], mapping: ColumnMapping) -> bool:
    """Return True if the amount on each row is certainly the whole invoice's, not that of one line."""
    position = mapping.columns.get("amount")
    if kind != Kind.INVOICES or position is None:
        return kind == Kind.INVOICES and "balance" in mapping.columns
    text = folded(headings[position])
    if text in names(products.WHOLE_INVOICE):
        return True
    has_lines = any(folded(heading) in names(products.OF_LINES) for heading in headings)
    return text in names(products.EITHER) and (bool(mapping.product) or not has_lines)


def is_total(kind: str, headings: Sequence[str], found: Mapping[str, int]) -> bool:
    """Return True if the amount includes taxes, so that the columns of taxes are not needed."""
    position = found.get("amount")
    return kind == Kind.INVOICES and position is not None and folded(headings[position]) in names(products.TOTALS)


def in_company_currency(headings: Sequence[str], found: Mapping[str, int]) -> list[str]:
    """Return the fields whose columns are in the currency of the books, not in the invoice's."""
    own = names(products.IN_COMPANY_CURRENCY)
    return [name for name in ("amount", "balance") if name in found and folded(headings[found[name]]) in own]


def missing(kind: str, found: Mapping[str, int]) -> list[Column]:
    """Return the required columns that were not found. A balance can replace the amount."""
    return [
        column
        for column in COLUMNS[kind]
        if column.is_required and column.field not in found and not (column.field == "amount" and "balance" in found)
    ]


def label(kind: str, field: str) -> str:
    if field == BOOKS_AMOUNT:
        return _text("Amount in the currency of your books")
    return next((str(column.label) for column in COLUMNS[kind] if column.field == field), field)


def financial_names(kind: str) -> set[str]:
    """Return the folded headings of money, status and currency."""
    financial = [column for column in COLUMNS[kind] if column.is_financial]
    return {name for column in financial for name in (folded(column.field), *_usual_names(kind, column))}


# Folded headings by field.
_Tier = Mapping[str, Sequence[str]]


def _fill(found: dict[str, int], tier: _Tier, free: Mapping[int, str], *, by_preference: bool = False) -> None:
    """Assign a free column to each field of the tier that has none.

    The first column that fits is used or, `by_preference`, the one whose heading comes first in the tier.
    """
    taken = set(found.values())
    positions: dict[str, list[int]] = {}
    for position, text in free.items():
        positions.setdefault(text, []).append(position)
    for name, texts in tier.items():
        fitting = [each for text in texts for each in positions.get(text, ()) if each not in taken]
        if fitting and name not in found:
            found[name] = fitting[0] if by_preference else min(fitting)
            taken.add(found[name])


@functools.lru_cache(maxsize=64)
def _tiers(kind: str, language: str) -> list[_Tier]:
    """Return the field names, the usual headings with the labels in `language`, and the fallback headings."""
    return [
        {column.field: (folded(column.field),) for column in COLUMNS[kind]},
        {column.field: _usual_names(kind, column) for column in COLUMNS[kind]},
        {field: names(text) for field, text in products.TABLE["fallback"].get(kind, {}).items()},
    ]


def _usual_names(kind: str, column: Column) -> tuple[str, ...]:
    """Return the folded label and headings of a column."""
    return (folded(str(column.label)), *names(_NAMES[kind][column.field]))
