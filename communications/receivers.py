"""What the ladder does when an invoice changes, in the transaction of the change."""

from typing import Any

from django.dispatch import receiver

from communications import planner
from invoices.models import Invoice
from invoices.signals import invoice_changed


@receiver(invoice_changed)
def follow(sender: object, invoice: Invoice, **_: Any) -> None:
    if invoice.is_open:
        planner.plan(invoice)
    else:
        planner.drop(invoice)
