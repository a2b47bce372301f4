"""Words of accounting programs for the state of an invoice and for types of documents."""

import enum
import functools
from collections.abc import Mapping
from typing import TypeVar

from invoices.imports.headings import folded

_Kind = TypeVar("_Kind")


class State(enum.Enum):
    """The state of an invoice in the other system."""

    ISSUED = "issued"  # paid or unpaid
    OWED = "owed"  # wholly or partly
    UNPAID = "unpaid"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    VOID = "void"
    WRITTEN_OFF = "written_off"
    DRAFT = "draft"
    HELD = "held"  # disputed or on hold


class Document(enum.Enum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    PAYMENT = "payment"
    RECEIPT = "receipt"  # a sale paid immediately
    PAYABLE = "payable"  # the account owes it
    OFFER = "offer"
    OTHER = "other"


_STATES: Mapping[State, tuple[str, ...]] = {
    State.ISSUED: (
        "sent|issued|posted|approved|invoiced|viewed|emailed|printed|confirmed|final|finalised|finalized|new|active",
        "authorised|authorized",  # Xero's API
        "accepted|delivered|opened|not sent",
        "مرسلة|مرسل|معتمدة|معتمد|مرحلة|مرحل|صادرة|صادر|جديدة|جديد|مؤكدة|مؤكد|نشطة",
    ),
    State.OWED: (
        "overdue|open|due|outstanding|past due|late|pending payment|payment due|payable|due today|due tomorrow",
        "awaiting payment|waiting payment|waiting for payment",  # Xero
        "not due|not yet due|current|current due|partially overdue|receivable",
        "متأخرة|متأخر|متأخرة السداد|متأخر السداد|مستحقة|مستحق|مستحقة الدفع|مفتوحة|مفتوح|بانتظار الدفع|في انتظار الدفع",
        "بانتظار السداد|قيد السداد|معلقة السداد|قائمة",
    ),
    State.UNPAID: (
        "unpaid|not paid|none paid|not yet paid|zero paid",  # Odoo, Sage Business Cloud
        "غير مدفوعة|غير مدفوع|لم تدفع|غير مسددة|غير مسدد|لم تسدد|غير مدفوعه",
    ),
    State.PARTLY_PAID: (
        "partially paid|partial|part paid|partly paid|partpaid|partiallypaid|paid partially|partial payment"
        "|paid in part|paid partly|partially",
        "مدفوعة جزئياً|مدفوع جزئياً|مدفوعة جزئيا|مدفوع جزئيا|مسددة جزئياً|مسدد جزئياً|سداد جزئي|دفع جزئي|جزئي|جزئية",
    ),
    State.PAID: (
        "paid|fully paid|paid in full|settled|cleared|closed|received|complete paid|collected",
        "deposited|paid deposited|paid not deposited",  # QuickBooks Online
        "in payment",  # Odoo: paid, but not yet on a bank statement
        "مدفوعة|مدفوع|مدفوعة بالكامل|مدفوع بالكامل|مسددة|مسدد|مسددة بالكامل|مسدد بالكامل|مقفلة|مقفل|مغلقة|مغلق|محصلة",
        "محصل|تم الدفع|تم السداد|خالصة|قيد الدفع",
    ),
    State.VOID: (
        "void|voided|deleted|cancelled|canceled|cancel|nullified|annulled|reversed|reversal|removed|credited",
        "refunded|fully credited|terminated",
        "ملغاة|ملغي|ملغى|ملغية|لاغية|لاغي|باطلة|باطل|محذوفة|محذوف|معكوسة|معكوس|مرتجعة|مرتجع|مستردة",
    ),
    State.WRITTEN_OFF: (
        "written off|write off|writeoff|bad debt|uncollectible|uncollectable|irrecoverable",
        "مشطوبة|مشطوب|معدومة|معدوم|دين معدوم|ديون معدومة",
    ),
    State.DRAFT: (
        "draft|drafts|saved|unapproved|not approved|rejected|declined|on approval|unposted|proforma|pro forma|quote",
        "awaiting approval|submitted|submitted for approval|pending approval|waiting for approval|to be approved",
        "partially approved|analyzing|scheduled",
        "مسودة|مسوده|غير معتمدة|غير معتمد|بانتظار الاعتماد|بانتظار الموافقة|قيد الاعتماد|غير مرحلة|غير مرحل"
        "|مرفوضة|مبدئية",
    ),
    State.HELD: (
        "disputed|in dispute|on hold|hold|held|blocked|query|queried",
        "متنازع عليها|متنازع عليه|محل نزاع|معلقة|معلق|موقوفة|موقوف",
    ),
}

_DOCUMENTS: Mapping[Document, tuple[str, ...]] = {
    Document.INVOICE: (
        "invoice|invoices|sales invoice|sale invoice|tax invoice|customer invoice|sales|sale|inv"
        "|simplified tax invoice",
        "accrec|sales invoices",  # Xero's API
        "si",  # Sage 50
        "out invoice",  # Odoo
        "arinvoice|ri|ar invoice",  # Sage Intacct
        "statement charge|finance charge|opening balance|debit note",
        "فاتورة|فاتورة مبيعات|فاتورة ضريبية|فاتورة العميل|فاتورة عميل|مبيعات|فاتورة ضريبية مبسطة",
    ),
    Document.CREDIT_NOTE: (
        "credit note|credit memo|sales credit note|customer credit note|credit|sales credit|refund|sales return|return",
        "accreccredit|sc|out refund|aradjustment|cn|credit refund",
        "إشعار دائن|اشعار دائن|مرتجع|مرتجع مبيعات|مردودات مبيعات|إشعار دائن للعميل",
    ),
    Document.PAYMENT: (
        "payment|receive payment|received payment|customer payment|receipt payment|sr|sa|sp|deposit|overpayment",
        "prepayment|bank receipt|arpymt|advance|receipt",
        "دفعة|سند قبض|قبض|مقبوضات|دفعة من العميل",
    ),
    Document.RECEIPT: ("sales receipt|cash sale|cash invoice|out receipt|pos|إيصال مبيعات|مبيعات نقدية",),
    Document.PAYABLE: (
        "bill|bills|purchase|purchase invoice|vendor bill|supplier invoice|accpay|pi|in invoice|in refund|expense",
        "vendor credit|purchase credit|pc|pp|supplier credit note|purchases|فاتورة مشتريات|فاتورة مورد|مشتريات|مصروف",
    ),
    Document.OFFER: (
        "quote|quotation|estimate|proforma|pro forma|pro forma invoice|proforma invoice|sales order|order"
        "|delivery note",
        "عرض سعر|عرض أسعار|فاتورة مبدئية|أمر بيع|طلب بيع",
    ),
    Document.OTHER: ("journal|journal entry|general journal|sd|sd discount|entry|charge|قيد|قيد يومية",),
}

_YES, _NO = ("yes", "y", "true", "نعم", "صح"), ("no", "n", "false", "لا")


def _by_word(table: Mapping[_Kind, tuple[str, ...]]) -> dict[str, _Kind]:
    return {folded(word): kind for kind, groups in table.items() for group in groups for word in group.split("|")}


_STATE_OF, _DOCUMENT_OF = _by_word(_STATES), _by_word(_DOCUMENTS)
# Programs append days, dates and amounts: "Overdue by 5 days", "Paid on 3 Mar 2026", "Due in 3 days", "متأخرة 5 أيام".
_BEGINNINGS: tuple[tuple[str, State], ...] = tuple(
    (folded(beginning) + " ", state)
    for beginning, state in (
        ("partially paid", State.PARTLY_PAID),
        ("part paid", State.PARTLY_PAID),
        ("overdue", State.OWED),
        ("past due", State.OWED),
        ("due", State.OWED),
        ("open", State.OWED),
        ("paid on", State.PAID),
        ("voided on", State.VOID),
        ("متأخرة", State.OWED),
        ("متأخر", State.OWED),
        ("تستحق", State.OWED),
    )
)


_LATE_ENDINGS = (" days overdue", " day overdue", " days late", " day late")  # "12 days overdue"

_LETTERS = str.maketrans("أإآىة", "ااايه")  # as in `headings.folded`
_FIRST_WORDS = frozenset(
    word
    for words in (*_STATE_OF, *_DOCUMENT_OF, *(beginning for beginning, _state in _BEGINNINGS))
    for word in (words.split()[0], words.replace(" ", ""))
)


def may_be_word(text: str) -> bool:
    """Return False if the text is certainly not in these lists. It is a fast filter for millions of cells."""
    first = text[:40].casefold().translate(_LETTERS).split(None, 1)
    if first and first[0].isdigit():
        return text.casefold().endswith(_LATE_ENDINGS)
    return bool(first) and first[0].strip(".,:;-–()[]").split("-", 1)[0].split("_", 1)[0] in _FIRST_WORDS


def state_of(text: str) -> State | None:
    """Return the state that a cell names, or None if it is unknown."""
    return _state_of(text[:200])


@functools.lru_cache(maxsize=4_096)
def _state_of(text: str) -> State | None:
    words = folded(text)
    if words in _STATE_OF:
        return _STATE_OF[words]
    if words.endswith(_LATE_ENDINGS):
        return State.OWED
    return next((state for beginning, state in _BEGINNINGS if words.startswith(beginning)), None)


def document_of(text: str) -> Document | None:
    """Return the document type that a cell names, or None if it is unknown."""
    return _DOCUMENT_OF.get(folded(text[:200]))


def paid_flag(text: str) -> State | None:
    """Return the state for "Y" or "N" in a column "Paid", as in Sage 50, or None."""
    words = folded(text[:20])
    if words in _YES:
        return State.PAID
    return State.UNPAID if words in _NO else None
