"""Columns of imported files: their English and Arabic headings, and the mapping of headings to fields."""

import dataclasses
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
    """A field and its headings, separated by "|".

    `fallback_names` are headings that are used only if no other column fits. A second column of an `is_financial` field
    must not be ignored silently, because it is about money or its status.
    """

    field: str
    label: Any
    help: Any
    names: str
    is_required: bool = False
    fallback_names: str = ""
    is_financial: bool = False


# The total in the currency of the books, in exports of programs with several currencies. It only checks `amount`.
BOOKS_AMOUNT = "books_amount"

_NUMBER = Column(
    "invoice_number",
    _("Invoice number"),
    _("Unique in your account. A row with a known number updates that invoice."),
    "invoice no|invoice|inv no|inv number|invoice num|inv num|number|no|num|document number|document no|doc no"
    "|doc number|bill number|bill no|voucher no|voucher number|vch no|invoice reference|invoice ref|tax invoice no"
    "|tax invoice number|invoice id|رقم الفاتورة|الفاتورة|رقم|الرقم|رقم المستند|رقم السند|رقم الفاتوره الضريبية"
    "|رقم القيد",
    is_required=True,
    fallback_names="ref no|ref|reference|reference no|reference number|document|المرجع|رقم المرجع",
)
_PAID = dataclasses.replace(_NUMBER, help=_("The number of the paid invoice."), fallback_names="")
_CURRENCY = (
    "currency code|ccy|cur|curr|currency name|invoice currency|transaction currency|document currency|curr code|fx"
    "|cur code|ccy code|currency iso|iso currency|العملة|عملة|رمز العملة|عملة الفاتورة|نوع العملة|اسم العملة"
)
COLUMNS: dict[str, tuple[Column, ...]] = {
    Kind.INVOICES: (
        _NUMBER,
        Column(
            "debtor_name",
            _("Debtor"),
            _("The debtor's name, as used in messages."),
            "debtor|customer|customer name|client|client name|contact|contact name|name|bill to|bill to name|party"
            "|party name|party s name|account name|buyer|sold to|customer full name|customer project|partner"
            "|اسم العميل|العميل|اسم المدين|المدين|الاسم|اسم الزبون|الزبون|اسم الطرف|الطرف|اسم الحساب",
            is_required=True,
        ),
        Column(
            "debtor_company",
            _("Company"),
            _("The debtor's company."),
            "company|company name|customer company|organisation|organization|business name|client company"
            "|الشركة|اسم الشركة|شركة المدين|المنشأة|المؤسسة",
        ),
        Column(
            "debtor_email",
            _("Email"),
            _("The address to which reminders are sent."),
            "email|e mail|mail|email address|customer email|contact email|email id|client email|bill email"
            "|billing email"
            "|البريد الإلكتروني|البريد الالكتروني|البريد|الإيميل|بريد المدين",
        ),
        Column(
            "debtor_phone",
            _("Phone"),
            _("With its country code: +971501234567."),
            "phone|mobile|phone number|mobile number|tel|telephone|customer phone|cell"
            "|الهاتف|رقم الهاتف|الجوال|رقم الجوال|الموبايل|هاتف المدين|المتحرك",
        ),
        Column(
            "amount",
            _("Amount"),
            _("The total, not the balance: 25000.00. Not needed if there is a balance."),
            f"{products.TOTALS}|amt|invoice amt|value|invoice value|original amount|المبلغ|القيمة",
            is_required=True,
            is_financial=True,
        ),
        Column("currency", _("Currency"), _("ISO 4217, such as AED."), _CURRENCY, is_financial=True),
        Column(
            "issue_date",
            _("Issued"),
            _("YYYY-MM-DD. Empty: today, or the due date if that is earlier."),
            "issued|invoice date|date|date issued|document date|posting date"
            "|تاريخ الفاتورة|تاريخ الإصدار|تاريخ الاصدار|التاريخ",
        ),
        Column(
            "due_date",
            _("Due"),
            _("YYYY-MM-DD."),
            "due on|payment due date|date due|net due date|maturity date|invoice due date|due by|pay by|payment due by"
            "|تاريخ الاستحقاق|الاستحقاق|تاريخ السداد|موعد الاستحقاق|يستحق في|موعد السداد",
            is_required=True,
            fallback_names="due|payment due",
        ),
        Column(
            "language",
            _("Language"),
            _("en or ar. Empty: the account's."),
            "lang|debtor language|اللغة|لغة",
        ),
        Column(
            "amount_paid",
            _("Already paid"),
            _("The amount paid before the import. Import later payments from a payments file."),
            "paid|paid amount|already paid|amount received|received|invoice amount paid|total paid|paid to date"
            "|amount paid to date|payments|payments received|received amount|settled amount|amount settled|collected"
            "|amount collected|المدفوع|المبلغ المدفوع|المسدد|المبلغ المسدد|المحصل|المبلغ المحصل|المقبوض|إجمالي المدفوع"
            "|المدفوعات",
            is_financial=True,
        ),
        Column(
            "balance",
            _("Balance"),
            _("The outstanding balance. Its difference to the amount was paid before the import."),
            "balance due|open balance|amount due|invoice amount due|due amount|outstanding|outstanding amount"
            "|amount outstanding|outstanding balance|remaining|remaining amount|remaining balance|amount remaining"
            "|residual|residual amount|amount residual|amount due signed|residual signed|pending amount|pending|unpaid"
            "|unpaid amount|amount owed|amount owing|total due|open amount|amount open|balance amount|o s amount|left"
            "|bal|balance outstanding|invoice balance|to pay|still due|receivable|remaining due"
            "|المتبقي|المبلغ المتبقي|الرصيد|رصيد الفاتورة|المبلغ المستحق|المستحق|الباقي|المبلغ الباقي|غير المسدد"
            "|غير المدفوع|الرصيد المتبقي|الرصيد المستحق|الرصيد المفتوح|المتبقي للدفع|المستحق الدفع|المبلغ غير المدفوع",
            fallback_names="due|payment due",
            is_financial=True,
        ),
        Column(
            "amount_credited",
            _("Credited"),
            _("Credit notes applied to the invoice. They reduce the balance."),
            "credited|credits applied|credit applied|amount credited|credit notes|credit note amount|applied credits"
            "|إشعارات دائنة|المبلغ الدائن المطبق",
            is_financial=True,
        ),
        Column(
            "status",
            _("Status"),
            _("Status in the other system. Paid and void invoices are not registered; drafts are refused."),
            "state|invoice status|invoice state|document status|doc status|inv status"
            "|الحالة|حالة الفاتورة|حالة المستند|الوضع",
            is_financial=True,
        ),
        Column(
            "payment_status",
            _("Payment status"),
            _("A second status column that some programs export."),
            "payment state|paid status|حالة الدفع|حالة السداد",
            is_financial=True,
        ),
        Column(
            "document_type",
            _("Document type"),
            _("Invoices are imported; credit notes, payments and bills are refused."),
            "transaction type|doc type|voucher type|vch type|invoice type|type|نوع المستند|نوع الحركة|نوع السند|النوع",
        ),
        Column("notes", _("Notes"), _("For you; debtors don't see them."), "note|memo|comment|comments|ملاحظات|ملاحظة"),
    ),
    Kind.PAYMENTS: (
        _PAID,
        Column(
            "reference",
            _("Reference"),
            _("The bank's or the cheque's number. The same reference again is the same payment."),
            "payment reference|ref|ref no|reference number|transaction|transaction id|transaction reference"
            "|bank reference|cheque number|check number|cheque no|receipt|receipt number"
            "|المرجع|رقم المرجع|مرجع الدفعة|رقم العملية|رقم الحوالة|رقم الشيك|رقم الإيصال",
            is_required=True,
        ),
        Column(
            "amount",
            _("Amount"),
            _("The amount received, in the invoice's currency."),
            "paid|paid amount|amount paid|payment|payment amount|received|amount received|credit|amt|amount applied"
            "|المبلغ|المبلغ المدفوع|المدفوع|قيمة الدفعة|القيمة",
            is_required=True,
            is_financial=True,
        ),
        Column("currency", _("Currency"), _("Optional: the invoice's currency."), _CURRENCY, is_financial=True),
        Column(
            "paid_at",
            _("Payment date"),
            _("YYYY-MM-DD. Empty: today."),
            "date|paid|paid on|payment date|date paid|value date|received on|transaction date"
            "|التاريخ|تاريخ الدفع|تاريخ السداد|تاريخ القيمة|تاريخ التحصيل",
        ),
        Column(
            "method",
            _("Method"),
            _("Such as bank_transfer, cheque, card, cash."),
            "payment method|type|payment type|mode|payment mode|deposit to|طريقة الدفع|وسيلة الدفع",
        ),
        Column(
            "status",
            _("Status"),
            _("Status of the payment. Only received payments are recorded."),
            "state|payment status|payment state|الحالة|حالة الدفعة|حالة الدفع",
            is_financial=True,
        ),
    ),
}
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
        _fill(found, _of_product(product), free, by_preference=True)
        unneeded |= _unused(product)
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
    return {
        name for column in financial for name in (folded(column.field), folded(str(column.label)), *names(column.names))
    }


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
        {column.field: (folded(str(column.label)), *names(column.names)) for column in COLUMNS[kind]},
        {column.field: names(column.fallback_names) for column in COLUMNS[kind] if column.fallback_names},
    ]


@functools.cache
def _of_product(product: Product) -> dict[str, tuple[str, ...]]:
    return {name: names(text) for name, text in product.headings.items()}


@functools.cache
def _unused(product: Product) -> frozenset[str]:
    return frozenset(names(product.unused))
