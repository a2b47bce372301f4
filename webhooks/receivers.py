"""Turns what the other rooms announce into events, in their transaction."""

from typing import Any

from django.dispatch import receiver

from communications import representation as communications_representation
from communications.models import Communication
from communications.signals import communication_failed, communication_sent
from invoices import representation
from invoices.models import Invoice, Payment
from invoices.signals import invoice_changed, invoice_created, payment_recorded
from webhooks import outbox
from webhooks.models import EventType


@receiver(invoice_created)
def tell_created(sender: object, invoice: Invoice, **_: Any) -> None:
    outbox.put(invoice.account, EventType.INVOICE_CREATED, representation.of_invoice(invoice))


@receiver(invoice_changed)
def tell_changed(
    sender: object, invoice: Invoice, previous_status: str, previous_payment_status: str, **_: Any
) -> None:
    outbox.put(
        invoice.account,
        EventType.INVOICE_STATUS_CHANGED,
        representation.of_invoice(invoice)
        | {"previous_status": previous_status, "previous_payment_status": previous_payment_status},
    )


@receiver(payment_recorded)
def tell_payment(sender: object, invoice: Invoice, payment: Payment, **_: Any) -> None:
    data = representation.of_payment(payment) | {"invoice": representation.of_invoice(invoice)}
    outbox.put(invoice.account, EventType.PAYMENT_RECORDED, data)


@receiver(communication_sent)
def tell_sent(sender: object, communication: Communication, **_: Any) -> None:
    _tell_communication(EventType.COMMUNICATION_SENT, communication)


@receiver(communication_failed)
def tell_failed(sender: object, communication: Communication, **_: Any) -> None:
    _tell_communication(EventType.COMMUNICATION_FAILED, communication)


def _tell_communication(type: EventType, communication: Communication) -> None:
    outbox.put(communication.account, type, communications_representation.of_communication(communication))
