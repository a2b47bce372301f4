"""What an import reads of the ledger: payments that stand. One that was voided or reversed is as if it never came."""

import uuid
from collections.abc import Collection, Iterable
from decimal import Decimal

from inflow.accounts.models import Account
from invoices.models import Invoice, Payment


def opening_payments(invoices: Iterable[Invoice]) -> dict[uuid.UUID, Decimal]:
    """By invoice the opening payment that stands."""
    standing = Payment.objects.filter(invoice__in=list(invoices), method="opening", reversal_of=None, reversal=None)
    return dict(standing.values_list("invoice_id", "amount"))


def standing_payments(account: Account, references: Collection[str]) -> dict[tuple[uuid.UUID, str], Payment]:
    """By invoice and reference the payment that stands."""
    found = Payment.objects.for_account(account).filter(reference__in=references, reversal_of=None, reversal=None)
    return {(payment.invoice_id, payment.reference): payment for payment in found.select_related("invoice")}
