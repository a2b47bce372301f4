"""Rows of the ledger: receipts, their allocations and their reversals.

The caller holds the transaction and the locks of the debtor and the invoice. `invoices.writing` updates the invoice;
`invoices.ledger` has the operations.
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Case, Q, QuerySet, Sum, Value, When
from django.utils.translation import gettext as _

from inflow.accounts.models import Account
from invoices import money
from invoices.errors import Refused
from invoices.models import (
    Allocation,
    AllocationKind,
    Invoice,
    Payment,
    Receipt,
    ReceiptStatus,
    Reversal,
    ReversalKind,
)

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
    receipt = Receipt(
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
    try:
        with transaction.atomic():
            receipt.save(force_insert=True)
    except IntegrityError as error:
        if "a_reference_stands_once_on_an_invoice" in str(error):
            raise _used_reference(reference) from error
        if key and "invoices_receipt_pkey" in str(error):
            raise used_key() from error
        raise
    if allocated:
        allocate(receipt, invoice, allocated, AllocationKind.PAYMENT, posting=receipt.pk)
    return receipt


def allocate(
    receipt: Receipt, invoice: Invoice, amount: Decimal, kind: AllocationKind, *, posting: uuid.UUID
) -> Allocation:
    """Insert an allocation; a negative amount takes money back. The caller updates `receipt.unallocated`."""
    line: Allocation = Allocation.objects.create(
        account_id=invoice.account_id,
        receipt=receipt,
        invoice=invoice,
        amount=amount,
        kind=kind,
        posting=posting,
        recorded_at=invoice.account.now(),
    )
    return line


def check_reference(invoice: Invoice, amount: Decimal, paid_at: dt.date, reference: str) -> None:
    """Raise `Refused` if the payment is already recorded: a standing receipt of this invoice has the same reference,
    or one of the debtor has the same reference, amount, currency and day."""
    if not reference:
        return
    standing = Receipt.objects.filter(
        account=invoice.account_id, reference=reference, status=ReceiptStatus.STANDING
    ).select_related("posted_on")
    same = Q(debtor=invoice.debtor_id, currency=invoice.currency, amount=amount, paid_at=paid_at)
    for receipt in standing.filter(Q(posted_on=invoice) | same | Q(allocations__invoice=invoice)).distinct():
        on = receipt.posted_on
        if on == invoice or invoice.pk in shares([receipt.pk]).get(receipt.pk, {}):
            raise _used_reference(reference)
        found = receipt.debtor_id, receipt.currency, receipt.amount, receipt.paid_at
        if found == (invoice.debtor_id, invoice.currency, amount, paid_at):
            message = _(
                "%(amount)s with the reference %(reference)s of %(day)s is already recorded on invoice %(number)s."
                " If one transfer paid several invoices, record all of it on one of them and apply the credit to"
                " the others."
            ) % {
                "amount": money.display(amount, invoice.currency),
                "reference": reference,
                "day": paid_at.isoformat(),
                "number": on.invoice_number if on else "–",
            }
            raise Refused("reference", "duplicate", message)


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
    found: dict[uuid.UUID, dict[uuid.UUID, Decimal]] = {}
    for receipt, invoice, total in lines.values_list("receipt_id", "invoice_id").annotate(total=Sum("amount")):
        if total:
            found.setdefault(receipt, {})[invoice] = total
    return found


def paying(invoice: Invoice) -> list[Receipt]:
    """Lock and return the standing receipts that pay the invoice, in the order in which they were recorded."""
    lines = Allocation.objects.filter(invoice=invoice).order_by()
    net = lines.values("receipt").annotate(total=Sum("amount")).filter(total__gt=0).values("receipt")
    receipts = Receipt.objects.filter(pk__in=net, status=ReceiptStatus.STANDING)
    return list(receipts.select_for_update(no_key=True).order_by("created_at", "id"))


def credit(debtor_id: uuid.UUID, currency: str) -> Decimal:
    """Return the debtor's unapplied credit in the currency."""
    standing = Receipt.objects.filter(debtor=debtor_id, currency=currency, unallocated__gt=0).order_by()
    total: Decimal | None = standing.aggregate(total=Sum("unallocated"))["total"]
    return total or Decimal(0)


def paid_since(invoice: Invoice, moment: dt.datetime) -> Decimal:
    """Return the amount of the invoice that standing receipts have paid since `moment` in real time."""
    standing = Allocation.objects.filter(receipt__status=ReceiptStatus.STANDING).order_by()
    since = standing.filter(invoice=invoice, created_at__gt=moment)
    total: Decimal | None = since.aggregate(total=Sum("amount"))["total"]
    return total or Decimal(0)


# --- Payments of the API -----------------------------------------------------------------------------------------


def lines_of(invoice_id: uuid.UUID) -> QuerySet[Payment]:
    """Return the payments and reversals of an invoice. `allocated` is the amount that each pays of it now."""
    allocations = Allocation.objects.filter(invoice=invoice_id).order_by()
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


def _used_reference(reference: str) -> Refused:
    message = _("A payment with the reference %(reference)s is already recorded on this invoice.")
    return Refused("reference", "duplicate", message % {"reference": reference})
