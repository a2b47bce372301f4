"""Standing payments with which an import compares its rows. Voided and reversed payments are left out."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q

from inflow.accounts.models import Account
from invoices import receipts
from invoices.models import Invoice, Receipt, ReceiptStatus


@dataclass(frozen=True, slots=True)
class ExistingPayment:
    """A payment of an invoice. `share` is the part of it that pays the invoice."""

    amount: Decimal
    share: Decimal
    paid_at: dt.date
    currency: str


def opening_payments(invoices: Iterable[Invoice]) -> dict[uuid.UUID, Decimal]:
    """Return by invoice id the amount that was paid before the invoice was registered."""
    found = Receipt.objects.filter(posted_on__in=list(invoices), method=receipts.OPENING, status=ReceiptStatus.STANDING)
    return dict(found.values_list("posted_on_id", "amount"))


def standing_payments(
    account: Account, invoices: Collection[Invoice], references: Collection[str]
) -> Mapping[tuple[uuid.UUID, str], ExistingPayment]:
    """Return the payments by invoice id and reference, including those recorded on other invoices."""
    ids = [invoice.pk for invoice in invoices]
    theirs = Q(posted_on__in=ids) | Q(allocations__invoice__in=ids)
    rows = Receipt.objects.for_account(account).filter(status=ReceiptStatus.STANDING, reference__in=references)
    found = list(rows.filter(theirs).distinct())
    shares = receipts.shares([receipt.pk for receipt in found])
    standing = {}
    for receipt in found:
        paid = shares.get(receipt.pk, {})
        for invoice_id in {receipt.posted_on_id, *paid} - {None}:
            share = paid.get(invoice_id, Decimal(0))
            amount = receipt.amount if invoice_id == receipt.posted_on_id else share
            standing[invoice_id, receipt.reference] = ExistingPayment(amount, share, receipt.paid_at, receipt.currency)
    return standing
