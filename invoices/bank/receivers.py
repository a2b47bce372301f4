"""Receivers of signals."""

from typing import Any

from django.dispatch import receiver

from invoices.bank import posting
from invoices.models import Payment, ReceiptStatus
from invoices.signals import payment_recorded


@receiver(payment_recorded)
def reopen_line(sender: object, payment: Payment, **kwargs: Any) -> None:
    """Put the bank line of a voided payment back on the list of what is to do."""
    if payment.reversal_of_id and payment.status == ReceiptStatus.VOIDED:
        posting.release(payment.receipt_id)
