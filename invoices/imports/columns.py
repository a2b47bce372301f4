"""The columns of a file: what they are called, in English and Arabic, and which are needed."""

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
    """`names` are headings that mean it besides its own. `weak` are headings that mean it if no other column does.

    `is_financial` says that a second column of this kind must not be passed over: it is about money or its state.
    """

    field: str
    label: Any
    help: Any
    names: str
    is_required: bool = False
    weak: str = ""
    is_financial: bool = False


# A column that only checks another: exports of programs that keep several currencies have it.
BOOKS_AMOUNT = "books_amount"

_NUMBER = Column(
    "invoice_number",
    _("Invoice number"),
    _("Unique in your account: the same number again is the same invoice."),
    "invoice no|invoice|inv no|inv number|invoice num|inv num|number|no|num|document number|document no|doc no"
    "|doc number|bill number|bill no|voucher no|voucher number|vch no|invoice reference|invoice ref|tax invoice no"
    "|tax invoice number|invoice id|رقم الفاتورة|الفاتورة|رقم|الرقم|رقم المستند|رقم السند|رقم الفاتوره الضريبية"
    "|رقم القيد",
    is_required=True,
    weak="ref no|ref|reference|reference no|reference number|document|المرجع|رقم المرجع",
)
_PAID = dataclasses.replace(_NUMBER, help=_("Which invoice was paid."), weak="")
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
            _("Who is written to."),
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
            _("Where reminders go."),
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
            weak="due|payment due",
        ),
        Column(
            "language",
            _("Language"),
            _("en or ar. Empty: the account's."),
            "lang|debtor language|اللغة|لغة",
        ),
        Column(
            "amount_paid",
            _("Paid already"),
            _("What came in before InFlow knew the invoice. Later payments are imported as payments."),
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
            weak="due|payment due",
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
            _("What came in, in the invoice's currency."),
            "paid|paid amount|amount paid|payment|payment amount|received|amount received|credit|amt|amount applied"
            "|المبلغ|المبلغ المدفوع|المدفوع|قيمة الدفعة|القيمة",
            is_required=True,
            is_financial=True,
        ),
        Column("currency", _("Currency"), _("If given, it must be the invoice's."), _CURRENCY, is_financial=True),
        Column(
            "paid_at",
            _("Day the money came"),
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
# What an invoice or a payment is known by.
KEYS: dict[str, str] = {Kind.INVOICES: "invoice_number", Kind.PAYMENTS: "reference"}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The meaning of each column: by field its position, the positions that are known and not needed, and the rest."""

    product: str
    columns: dict[str, int]
    unused: list[int]
    unknown: list[int]


def map_columns(kind: str, headings: Sequence[str], chosen: Mapping[str, str] | None = None) -> ColumnMapping:
    """`chosen` holds what a person decided: by `keys` of the headings a field, or nothing to ignore the column."""
    chosen = chosen or {}
    known_as = {key: position for position, key in enumerate(keys(headings))}
    fields = {column.field for column in COLUMNS[kind]}
    decided = {position: chosen[key] for key, position in known_as.items() if key in chosen}
    found = {name: position for position, name in decided.items() if name in fields}
    texts = [folded(heading) for heading in headings]
    product = recognised(kind, texts)
    free = {position: text for position, text in enumerate(texts) if position not in decided}
    if product:
        _fill_by_preference(found, product, free)
    unneeded = {*_unused(product), *names(products.COMMON_UNUSED)} if product else set(names(products.COMMON_UNUSED))
    free = {position: text for position, text in free.items() if text not in unneeded}
    for tier, fields_of in _tiers(kind, translation.get_language() or ""):
        _fill(found, tier, fields_of, free)
    if is_total(kind, headings, found):
        unneeded |= set(names(products.PARTS_OF_A_TOTAL))
    taken = set(found.values())
    left = [position for position in range(len(headings)) if position not in taken]
    unused = [position for position in left if position in decided or texts[position] in unneeded]
    unknown = [position for position in left if position not in decided and texts[position] not in unneeded]
    return ColumnMapping(product.name if product else "", found, unused, unknown)


def guess(kind: str, headings: Sequence[str]) -> dict[str, int]:
    """Map each field to the position of its column: an exact name before a common one, the first of several."""
    return map_columns(kind, headings).columns


def keys(headings: Sequence[str]) -> list[str]:
    """A name for each column by which a person's choice is found again, also if two headings are the same."""
    seen: dict[str, int] = {}
    found = []
    for position, heading in enumerate(headings, 1):
        text = folded(heading) or f"column {position}"
        seen[text] = seen.get(text, 0) + 1
        found.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
    return found


def recognised(kind: str, texts: Sequence[str]) -> Product | None:
    """The program whose export has such headings."""
    if kind != Kind.INVOICES:
        return None
    given = set(texts)
    return next((each for each in products.PRODUCTS if any(given.issuperset(names(sign)) for sign in each.signs)), None)


def is_whole(kind: str, headings: Sequence[str], understood: ColumnMapping) -> bool:
    """Tell whether the amount on each row is the whole invoice's, and not perhaps one line's."""
    position = understood.columns.get("amount")
    if kind != Kind.INVOICES or position is None:
        return kind == Kind.INVOICES and "balance" in understood.columns
    text = folded(headings[position])
    if text in names(products.WHOLE_INVOICE):
        return True
    has_lines = any(folded(heading) in names(products.OF_LINES) for heading in headings)
    return text in names(products.EITHER) and (bool(understood.product) or not has_lines)


def is_total(kind: str, headings: Sequence[str], found: Mapping[str, int]) -> bool:
    """Tell whether the amount is with its taxes, so that they are not needed."""
    position = found.get("amount")
    return kind == Kind.INVOICES and position is not None and folded(headings[position]) in names(products.TOTALS)


def in_company_currency(headings: Sequence[str], found: Mapping[str, int]) -> list[str]:
    """The fields whose columns are in the currency of the books, not in the invoice's."""
    own = names(products.IN_COMPANY_CURRENCY)
    return [name for name in ("amount", "balance") if name in found and folded(headings[found[name]]) in own]


def missing(kind: str, found: Mapping[str, int]) -> list[Column]:
    """The needed columns that were not found. A balance alone makes up for a missing amount."""
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
    """Headings of money, status and currency."""
    delicate = [column for column in COLUMNS[kind] if column.is_financial]
    return {
        name for column in delicate for name in (folded(column.field), folded(str(column.label)), *names(column.names))
    }


_Tier = Mapping[str, Sequence[str]]


def _fill(found: dict[str, int], tier: _Tier, fields_of: Mapping[str, Sequence[str]], free: Mapping[int, str]) -> None:
    """Give each field that has no column yet the first free column that the tier names."""
    positions = _candidates(found, fields_of, free)
    taken: set[int] = set()
    for name in tier:
        position = next((each for each in positions.get(name, ()) if each not in taken), None)
        if position is not None:
            found[name] = position
            taken.add(position)


def _fill_by_preference(found: dict[str, int], product: Product, free: Mapping[int, str]) -> None:
    """The same where the order of the names counts, not that of the columns."""
    tier = _of_product(product)
    positions = _candidates(found, _fields_of_product(product), free)
    taken: set[int] = set()
    for name, wanted in tier.items():
        left = [position for position in positions.get(name, ()) if position not in taken]
        if left:
            found[name] = min(left, key=lambda position: wanted.index(free[position]))
            taken.add(found[name])


def _candidates(
    found: Mapping[str, int], fields_of: Mapping[str, Sequence[str]], free: Mapping[int, str]
) -> dict[str, list[int]]:
    """Map each field to the free columns that could hold it."""
    taken = set(found.values())
    positions: dict[str, list[int]] = {}
    for position, text in free.items():
        if position not in taken:
            for name in fields_of.get(text, ()):
                if name not in found:
                    positions.setdefault(name, []).append(position)
    return positions


def _turned(tier: _Tier) -> dict[str, list[str]]:
    """Map each heading to the fields that it can mean."""
    fields: dict[str, list[str]] = {}
    for name, wanted in tier.items():
        for text in wanted:
            fields.setdefault(text, []).append(name)
    return fields


@functools.lru_cache(maxsize=64)
def _tiers(kind: str, language: str) -> list[tuple[_Tier, dict[str, list[str]]]]:
    """Our own names, the common ones with the labels in the reader's language, and the weak ones."""
    own = {column.field: (folded(column.field),) for column in COLUMNS[kind]}
    common = {column.field: (folded(str(column.label)), *names(column.names)) for column in COLUMNS[kind]}
    weak = {column.field: names(column.weak) for column in COLUMNS[kind] if column.weak}
    return [(tier, _turned(tier)) for tier in (own, common, weak)]


@functools.cache
def _of_product(product: Product) -> dict[str, tuple[str, ...]]:
    return {name: names(text) for name, text in product.headings.items()}


@functools.cache
def _unused(product: Product) -> frozenset[str]:
    return frozenset(names(product.unused))


@functools.cache
def _fields_of_product(product: Product) -> dict[str, list[str]]:
    return _turned(_of_product(product))
