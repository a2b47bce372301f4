"""Invoices, debtors, payments, promises, cases, imports and the timeline."""

from invoices.models.bank import BankFile, BankLine, BankStatement, BankStatementLine
from invoices.models.base import AccountQuerySet
from invoices.models.calendars import MAX_HOLIDAY_DAYS, CalendarRule, RuleKind
from invoices.models.cases import CaseStatus, Escalation, Reason, Resolution
from invoices.models.choices import OPEN, PaymentStatus, Status
from invoices.models.credit_notes import CreditNote, CreditNoteStatus
from invoices.models.credits import Credit
from invoices.models.debtors import Contact, Debtor, DebtorExternalId
from invoices.models.disputes import Dispute, DisputeFile, DisputeOutcome, DisputeReason, DisputeStatus
from invoices.models.documents import Document, DocumentFile, DocumentKind
from invoices.models.files import FileKind, StaffFile, StaffFileData
from invoices.models.identities import ContactCorrection, ContactKind, DebtorIdentity
from invoices.models.imports import Import, ImportRow
from invoices.models.invoices import MAX_NUMBER, Invoice, InvoiceQuerySet
from invoices.models.merges import DebtorMerge, DuplicateSearch, Likeness, PossibleDuplicate
from invoices.models.notes import Note
from invoices.models.open_items import (
    Difference,
    DifferenceKind,
    DifferenceStatus,
    OpenItemsList,
    OpenItemsSource,
)
from invoices.models.payment_hooks import HookKind, PaymentHook, PaymentReport, ReportKind, ReportStatus
from invoices.models.payments import Allocation, AllocationKind, Payment, Receipt, ReceiptStatus, Reversal, ReversalKind
from invoices.models.promises import Promise, PromiseStatus
from invoices.models.settings import PaymentSettings
from invoices.models.tasks import Task
from invoices.models.timeline import TimelineEntry

__all__ = [
    "MAX_HOLIDAY_DAYS",
    "MAX_NUMBER",
    "OPEN",
    "AccountQuerySet",
    "Allocation",
    "AllocationKind",
    "BankFile",
    "BankLine",
    "BankStatement",
    "BankStatementLine",
    "CalendarRule",
    "CaseStatus",
    "Contact",
    "ContactCorrection",
    "ContactKind",
    "Credit",
    "CreditNote",
    "CreditNoteStatus",
    "Debtor",
    "DebtorExternalId",
    "DebtorIdentity",
    "DebtorMerge",
    "Difference",
    "DifferenceKind",
    "DifferenceStatus",
    "Dispute",
    "DisputeFile",
    "DisputeOutcome",
    "DisputeReason",
    "DisputeStatus",
    "Document",
    "DocumentFile",
    "DocumentKind",
    "DuplicateSearch",
    "Escalation",
    "FileKind",
    "HookKind",
    "Import",
    "ImportRow",
    "Invoice",
    "InvoiceQuerySet",
    "Likeness",
    "Note",
    "OpenItemsList",
    "OpenItemsSource",
    "Payment",
    "PaymentHook",
    "PaymentReport",
    "PaymentSettings",
    "PaymentStatus",
    "PossibleDuplicate",
    "Promise",
    "PromiseStatus",
    "Reason",
    "Receipt",
    "ReceiptStatus",
    "ReportKind",
    "ReportStatus",
    "Resolution",
    "Reversal",
    "ReversalKind",
    "RuleKind",
    "StaffFile",
    "StaffFileData",
    "Status",
    "Task",
    "TimelineEntry",
]
