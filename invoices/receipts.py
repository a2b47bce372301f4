"""Rows of the ledger: receipts, their allocations and their reversals, and the allocations of credit notes.

The caller holds the transaction and the locks of the debtor and the invoice. `invoices.writing` updates the invoice;
`invoices.ledger` has the operations.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, Sum, Value, When
from django.utils.translation import gettext as _

from inflow.accounts.models import Account
from invoices import money
from invoices.errors import Refused
from invoices.models import (
    Allocation,
    AllocationKind,
    Credit,
    CreditNote,
    CreditNoteStatus,
    Invoice,
    Payment,
    Receipt,
    ReceiptStatus,
    Reversal,
    ReversalKind,
)

# Where an allocation comes from.
Source = Receipt | CreditNote
# The method of a payment from before the invoice was registered.
OPENING = "opening"
UNDONE_AS = {ReversalKind.VOID: ReceiptStatus.VOIDED, ReversalKind.REVERSE: ReceiptStatus.REVERSED}


def receive(
    invoice: Invoice,
    amount: Decimal,
    allocated: Decimal,
    *,
    paid_at: dt.date,
    method: str,
    reference: str = "",
    key: uuid.UUID | None = None,
) -> Receipt:
    """Insert a receipt recorded on `invoice`, and allocate `allocated` of its amount to the invoice."""
    check_reference(invoice, amount, paid_at, reference)
    receipt = insert(
        Receipt(
            id=key or uuid.uuid4(),
            account_id=invoice.account_id,
            debtor_id=invoice.debtor_id,
            posted_on=invoice,
            amount=amount,
            currency=invoice.currency,
            paid_at=paid_at,
            method=method,
            reference=reference,
            unallocated=amount - allocated,
            recorded_at=invoice.account.now(),
        )
    )
    if allocated:
        allocate(receipt, invoice, allocated, AllocationKind.PAYMENT, posting=receipt.pk)
    return receipt


def insert(receipt: Receipt) -> Receipt:
    """Insert a receipt. Raise `Refused` if its id, its bank id or its reference is used."""
    try:
        with transaction.atomic():
            receipt.save(force_insert=True)
    except IntegrityError as error:
        if "a_reference_stands_once_on_an_invoice" in str(error):
            raise _used_reference(receipt.reference) from error
        if "a_bank_id_is_recorded_once" in str(error):
            raise used_bank_id(receipt.bank_id) from error
        if "invoices_receipt_pkey" in str(error):
            raise used_key() from error
        raise
    return receipt


def allocate(
    source: Source, invoice: Invoice, amount: Decimal, kind: AllocationKind, *, posting: uuid.UUID
) -> Allocation:
    """Insert an allocation of a receipt or credit note; a negative amount takes it back. The caller updates
    `source.unallocated`."""
    name = "credit_note" if isinstance(source, CreditNote) else "receipt"
    line: Allocation = Allocation.objects.create(
        account_id=invoice.account_id,
        **{name: source},
        invoice=invoice,
        amount=amount,
        kind=kind,
        posting=posting,
        recorded_at=invoice.account.now(),
    )
    return line


def check_reference(invoice: Invoice, amount: Decimal, paid_at: dt.date, reference: str) -> None:
    """Raise `Refused` if the payment is already recorded: on this invoice, or as a receipt of its debtor."""
    check_reference_on(invoice, reference)
    check_duplicate(invoice.account_id, invoice.debtor_id, amount, invoice.currency, paid_at, reference)


def check_reference_on(invoice: Invoice, reference: str) -> None:
    """Raise `Refused` if a standing receipt with the reference was recorded on the invoice or pays it."""
    if not reference:
        return
    standing = _standing(invoice.account_id, reference)
    for receipt in standing.filter(Q(posted_on=invoice) | Q(allocations__invoice=invoice)).distinct():
        if receipt.posted_on_id == invoice.pk or invoice.pk in shares([receipt.pk]).get(receipt.pk, {}):
            message = _("A payment with the reference %(reference)s is already recorded on invoice %(number)s.")
            raise Refused(
                "reference", "duplicate", message % {"reference": reference, "number": invoice.invoice_number}
            )


def check_duplicate(
    account_id: uuid.UUID, debtor_id: uuid.UUID, amount: Decimal, currency: str, paid_at: dt.date, reference: str
) -> None:
    """Raise `Refused` if the debtor has a standing receipt with the same reference, amount and day."""
    if not reference:
        return
    same = _standing(account_id, reference).filter(debtor=debtor_id, currency=currency, amount=amount, paid_at=paid_at)
    if receipt := same.select_related("posted_on").first():
        on = receipt.posted_on
        message = _(
            "%(amount)s with the reference %(reference)s of %(day)s is already recorded on invoice %(number)s."
            " If one transfer paid several invoices, record it once, with all of them."
        ) % {
            "amount": money.display(amount, currency),
            "reference": reference,
            "day": paid_at.isoformat(),
            "number": on.invoice_number if on else "–",
        }
        raise Refused("reference", "duplicate", message)


def _standing(account_id: uuid.UUID, reference: str) -> QuerySet[Receipt]:
    rows: QuerySet[Receipt] = Receipt.objects.filter(
        account=account_id, reference=reference, status=ReceiptStatus.STANDING
    )
    return rows


def undo(receipt: Receipt, account: Account, how: ReversalKind, *, key: uuid.UUID | None = None) -> Reversal:
    """Insert the reversal of a standing receipt and set the receipt's status. The caller undoes its allocations."""
    reversal = Reversal(
        id=key or uuid.uuid4(),
        account_id=receipt.account_id,
        receipt=receipt,
        how=how,
        undone_on=account.today(),
        recorded_at=account.now(),
    )
    try:
        with transaction.atomic():
            reversal.save(force_insert=True)
    except IntegrityError as error:
        if key and "invoices_reversal_pkey" in str(error):
            raise used_key() from error
        raise
    receipt.status, receipt.unallocated = UNDONE_AS[how], Decimal(0)
    receipt.save(update_fields=["status", "unallocated"])
    return reversal


def shares(receipt_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[uuid.UUID, Decimal]]:
    """Return, by receipt and invoice, the amount that the receipt pays of the invoice."""
    lines = Allocation.objects.filter(receipt__in=receipt_ids).order_by()
    return _net(lines.values_list("receipt_id", "invoice_id"))


def shares_of_notes(note_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[uuid.UUID, Decimal]]:
    """Return, by credit note and invoice, the amount that the credit note covers of the invoice."""
    lines = Allocation.objects.filter(credit_note__in=note_ids).order_by()
    return _net(lines.values_list("credit_note_id", "invoice_id"))


def _net(lines: QuerySet[Allocation, Any]) -> dict[uuid.UUID, dict[uuid.UUID, Decimal]]:
    found: dict[uuid.UUID, dict[uuid.UUID, Decimal]] = {}
    for source, invoice, total in lines.annotate(total=Sum("amount")):
        if total:
            found.setdefault(source, {})[invoice] = total
    return found


def covering(invoice: Invoice) -> list[tuple[Source, Decimal, bool]]:
    """Lock and return the standing receipts and credit notes that cover the invoice, in the order in which they were
    recorded: each with its share, and True if it is a receipt that was recorded for this invoice alone and pays no
    other."""
    lines = Allocation.objects.filter(invoice=invoice).order_by()
    net = lines.values("receipt").annotate(total=Sum("amount")).filter(total__gt=0).values("receipt")
    locked = Receipt.objects.filter(pk__in=net, status=ReceiptStatus.STANDING).select_for_update(no_key=True)
    receipts = list(locked.order_by("created_at", "id"))
    paid = shares(receipt.pk for receipt in receipts)
    recorded_for_others = set(
        Allocation.objects.filter(receipt__in=receipts, posting=F("receipt"))
        .exclude(invoice=invoice)
        .values_list("receipt_id", flat=True)
    )
    found: list[tuple[Source, Decimal, bool]] = [
        (
            receipt,
            paid[receipt.pk][invoice.pk],
            receipt.posted_on_id == invoice.pk and len(paid[receipt.pk]) == 1 and receipt.pk not in recorded_for_others,
        )
        for receipt in receipts
    ]
    if not invoice.amount_credited:
        return found
    net = lines.values("credit_note").annotate(total=Sum("amount")).filter(total__gt=0).values("credit_note")
    notes = list(CreditNote.objects.filter(pk__in=net).select_for_update(no_key=True).order_by("created_at", "id"))
    credited = shares_of_notes(note.pk for note in notes)
    return [*found, *((note, credited[note.pk][invoice.pk], False) for note in notes)]


def reopened(account_id: uuid.UUID, covered: Mapping[uuid.UUID, Decimal]) -> list[tuple[Invoice, Decimal]]:
    """Return the invoices whose balance grows if what covers them is undone, oldest first, each with the amount."""
    invoices = (
        Invoice.objects.filter(account=account_id, pk__in=covered, written_off_at=None, cancelled_at=None)
        .select_related("account")
        .order_by("due_date", "issue_date", "invoice_number")
    )
    return [(invoice, covered[invoice.pk]) for invoice in invoices]


def payers(invoice_id: uuid.UUID) -> set[uuid.UUID]:
    """Return the debtors whose receipts and credit notes have covered a part of the invoice."""
    lines = Allocation.objects.filter(invoice=invoice_id).order_by()
    ids = lines.values_list("receipt__debtor_id", "credit_note__debtor_id").distinct()
    return {debtor for pair in ids for debtor in pair if debtor}


def credit(debtor_id: uuid.UUID, currency: str) -> Decimal:
    """Return the debtor's unapplied credit in the currency."""
    rows = Credit.objects.filter(debtor=debtor_id, currency=currency).order_by()
    total: Decimal | None = rows.aggregate(total=Sum("unallocated"))["total"]
    return total or Decimal(0)


# Allocations that count: those of standing receipts and credit notes.
STANDING = Q(receipt__status=ReceiptStatus.STANDING) | Q(credit_note__status=CreditNoteStatus.STANDING)


def covered_since(invoice: Invoice, moment: dt.datetime) -> Decimal:
    """Return the amount of the invoice that receipts and credit notes have covered since `moment` in real time."""
    since = Allocation.objects.filter(STANDING, invoice=invoice, created_at__gt=moment).order_by()
    total: Decimal | None = since.aggregate(total=Sum("amount"))["total"]
    return total or Decimal(0)


# --- Payments of the API -----------------------------------------------------------------------------------------


def lines_of(invoice_id: uuid.UUID) -> QuerySet[Payment]:
    """Return the payments and reversals of an invoice. `allocated` is the amount that each pays of it now."""
    allocations = Allocation.objects.filter(invoice=invoice_id).exclude(receipt=None).order_by()
    paid: dict[uuid.UUID, Decimal] = dict(allocations.values_list("receipt_id").annotate(total=Sum("amount")))
    posted = Receipt.objects.filter(posted_on=invoice_id).values_list("pk", flat=True)
    lines: QuerySet[Payment] = Payment.objects.filter(receipt__in={*paid, *posted})
    standing = (When(pk=receipt, then=Value(total)) for receipt, total in paid.items() if total)
    return lines.annotate(allocated=Case(*standing, default=Value(Decimal(0))))


_SHARED_FIELDS = (
    *("account_id", "debtor_id", "amount", "currency", "paid_at", "method", "reference", "status", "unallocated"),
    *("recorded_at", "created_at"),
)


def line(receipt: Receipt, reversal: Reversal | None = None, *, allocated: Decimal = Decimal(0)) -> Payment:
    """Return the `Payment` row of a receipt or of its reversal, without a query."""
    shared = {name: getattr(receipt, name) for name in _SHARED_FIELDS}
    shown = Payment(id=receipt.pk, receipt=receipt, invoice_id=receipt.posted_on_id, **shared)
    if reversal:
        shown.id, shown.reversal_of_id = reversal.pk, receipt.pk
        shown.amount, shown.paid_at, shown.reference = -receipt.amount, reversal.undone_on, ""
        shown.unallocated, shown.recorded_at, shown.created_at = Decimal(0), reversal.recorded_at, reversal.created_at
    shown.allocated = allocated  # type: ignore[attr-defined]
    return shown


def used_key() -> Refused:
    message = _(
        "This form was already submitted with other values. Check the recorded payment, then open the form again."
    )
    return Refused("key", "used", message)


def in_the_future() -> Refused:
    return Refused("paid_at", "in_the_future", _("paid_at must not be in the future."))


def used_bank_id(bank_id: str) -> Refused:
    message = _("A payment with the bank_id %(bank_id)s is already recorded with other values.")
    return Refused("bank_id", "duplicate", message % {"bank_id": bank_id})


def _used_reference(reference: str) -> Refused:
    message = _("A payment with the reference %(reference)s is already recorded on this invoice.")
    return Refused("reference", "duplicate", message % {"reference": reference})
