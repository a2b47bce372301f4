"""Receivers that write webhook events in the transaction of the change."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.dispatch import receiver

from communications.api import representation as communications_representation
from communications.models import Communication
from communications.signals import communication_failed, communication_sent
from inflow.accounts.models import Account
from invoices.api import receipt_representation, representation
from invoices.models import Dispute, Escalation, Invoice, Payment, Promise
from invoices.signals import (
    dispute_opened,
    dispute_resolved,
    escalation_created,
    invoice_amended,
    invoice_changed,
    invoices_created,
    payment_recorded,
    promise_broken,
)
from webhooks import outbox
from webhooks.models import EventType


@receiver(invoices_created)
def on_invoices_created(sender: object, invoices: Sequence[Invoice], **_: Any) -> None:
    shown = representation.of_invoices(invoices)
    outbox.put_all(invoices[0].account, EventType.INVOICE_CREATED, shown)


@receiver(invoice_amended)
def on_invoice_amended(sender: object, invoice: Invoice, changes: Mapping[str, Any], **_: Any) -> None:
    shown = representation.of_invoice(invoice)
    compared = {name: [before, shown.get(name)] for name, before in changes.items()}
    outbox.put(invoice.account, EventType.INVOICE_AMENDED, shown | {"changes": compared})


@receiver(invoice_changed)
def on_invoice_changed(
    sender: object, invoice: Invoice, previous_status: str, previous_payment_status: str, **_: Any
) -> None:
    before = {"previous_status": previous_status, "previous_payment_status": previous_payment_status}
    outbox.put(invoice.account, EventType.INVOICE_STATUS_CHANGED, representation.of_invoice(invoice) | before)


@receiver(payment_recorded)
def on_payment_recorded(sender: object, account: Account, invoice: Invoice | None, payment: Payment, **_: Any) -> None:
    about = {"invoice": representation.of_invoice(invoice) if invoice else None}
    recorded = representation.of_payment(payment) | receipt_representation.of_recorded(payment)
    outbox.put(account, EventType.PAYMENT_RECORDED, recorded | about)
    if payment.reversal_of_id:
        outbox.put(account, EventType.PAYMENT_REVERSED, receipt_representation.of_reversed(payment) | about)


@receiver(escalation_created)
def on_escalation_created(sender: object, escalation: Escalation, **_: Any) -> None:
    invoice = escalation.invoice
    data = representation.of_escalation(escalation) | {"invoice": representation.of_invoice(invoice)}
    outbox.put(invoice.account, EventType.ESCALATION_CREATED, data)


@receiver(promise_broken)
def on_promise_broken(sender: object, promise: Promise, **_: Any) -> None:
    invoice = promise.invoice
    data = representation.of_promise(promise) | {"invoice": representation.of_invoice(invoice)}
    outbox.put(invoice.account, EventType.PROMISE_BROKEN, data)


@receiver(dispute_opened)
def on_dispute_opened(sender: object, dispute: Dispute, **_: Any) -> None:
    _announce_dispute(EventType.DISPUTE_OPENED, dispute)


@receiver(dispute_resolved)
def on_dispute_resolved(sender: object, dispute: Dispute, **_: Any) -> None:
    _announce_dispute(EventType.DISPUTE_RESOLVED, dispute)


def _announce_dispute(type: EventType, dispute: Dispute) -> None:
    invoice = dispute.invoice
    data = representation.of_dispute(dispute) | {"invoice": representation.of_invoice(invoice)}
    outbox.put(invoice.account, type, data)


@receiver(communication_sent)
def on_communication_sent(sender: object, communication: Communication, **_: Any) -> None:
    _announce_communication(EventType.COMMUNICATION_SENT, communication)


@receiver(communication_failed)
def on_communication_failed(sender: object, communication: Communication, **_: Any) -> None:
    _announce_communication(EventType.COMMUNICATION_FAILED, communication)


def _announce_communication(type: EventType, communication: Communication) -> None:
    outbox.put(communication.account, type, communications_representation.of_communication(communication))
