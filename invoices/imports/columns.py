"""The columns of a file: what they are called, in English and Arabic, and which are needed."""

import dataclasses
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from invoices.imports.models import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """`names` are headings that mean it besides its own, as `_folded` writes them."""

    field: str
    label: Any
    help: Any
    names: str
    is_needed: bool = False


_NUMBER = Column(
    "invoice_number",
    _("Invoice number"),
    _("Unique in your account: the same number again is the same invoice."),
    "invoice no|invoice|invoice #|inv no|inv number|number|no|document number|document no|doc no|bill number"
    "|رقم الفاتورة|الفاتورة|رقم|رقم المستند",
    is_needed=True,
)
_PAID = dataclasses.replace(_NUMBER, help=_("Which invoice was paid."))
_CURRENCY = "currency code|ccy|cur|العملة|عملة|رمز العملة"
COLUMNS: dict[str, tuple[Column, ...]] = {
    Kind.INVOICES: (
        _NUMBER,
        Column(
            "debtor_name",
            _("Debtor"),
            _("Who is written to."),
            "debtor|customer|customer name|client|client name|contact|contact name|name|bill to"
            "|اسم العميل|العميل|اسم المدين|المدين|الاسم|اسم الزبون|الزبون",
            is_needed=True,
        ),
        Column(
            "debtor_company",
            _("Company"),
            _("The debtor's company."),
            "company|company name|customer company|organisation|organization|business name"
            "|الشركة|اسم الشركة|شركة المدين|المنشأة|المؤسسة",
        ),
        Column(
            "debtor_email",
            _("Email"),
            _("Where reminders go."),
            "email|e mail|mail|email address|customer email|contact email"
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
            _("In all, not what is left: 25000.00."),
            "total|invoice amount|invoice total|total amount|gross|gross amount|grand total|amount total"
            "|المبلغ|الإجمالي|الاجمالي|مبلغ الفاتورة|المبلغ الإجمالي|القيمة|المجموع",
            is_needed=True,
        ),
        Column("currency", _("Currency"), _("ISO 4217, such as AED."), _CURRENCY),
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
            "due|due on|payment due|payment due date|date due|net due date|maturity date"
            "|تاريخ الاستحقاق|الاستحقاق|تاريخ السداد|موعد الاستحقاق",
            is_needed=True,
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
            "paid|paid amount|already paid|amount received|received|المدفوع|المبلغ المدفوع|المسدد",
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
            is_needed=True,
        ),
        Column(
            "amount",
            _("Amount"),
            _("What came in, in the invoice's currency."),
            "paid|paid amount|amount paid|payment|payment amount|received|amount received|credit"
            "|المبلغ|المبلغ المدفوع|المدفوع|قيمة الدفعة|القيمة",
            is_needed=True,
        ),
        Column("currency", _("Currency"), _("If given, it must be the invoice's."), _CURRENCY),
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
            "payment method|type|payment type|طريقة الدفع|وسيلة الدفع",
        ),
    ),
}
# What an invoice or a payment is known by.
KEYS: dict[str, str] = {Kind.INVOICES: "invoice_number", Kind.PAYMENTS: "reference"}


def guess(kind: str, headings: Sequence[str]) -> dict[str, int]:
    """Of each field that is found, the place of its column: an exact name before a common one, the first of several."""
    folded = [_folded(heading) for heading in headings]
    found: dict[str, int] = {}
    for names in (_own, _common):
        for column in COLUMNS[kind]:
            for place, heading in enumerate(folded):
                if column.field not in found and place not in found.values() and heading in names(column):
                    found[column.field] = place
    return found


def missing(kind: str, found: dict[str, int]) -> list[Column]:
    return [column for column in COLUMNS[kind] if column.is_needed and column.field not in found]


def label(kind: str, field: str) -> str:
    return next((str(column.label) for column in COLUMNS[kind] if column.field == field), field)


def _own(column: Column) -> set[str]:
    return {_folded(column.field)}


def _common(column: Column) -> set[str]:
    return {_folded(str(column.label)), *map(_folded, column.names.split("|"))}


def _folded(heading: str) -> str:
    """Without case, vowel signs, tatweel and punctuation; the forms of alef, ya and ta marbuta as one."""
    text = unicodedata.normalize("NFKC", heading).casefold()
    text = re.sub(r"[\u064b-\u0652\u0640]", "", text)
    text = re.sub("[أإآ]", "ا", text).replace("ى", "ي").replace("ة", "ه")
    return " ".join(re.sub(r"[\W_]+", " ", text).split())
