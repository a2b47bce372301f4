"""Cells that show an invoice."""

from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.dashboard.core.markup import amount, badge
from invoices.derivation import days_overdue
from invoices.models import Invoice, PaymentStatus, Status

STATUS_BADGES = {
    Status.NEW: "info",
    Status.OVERDUE: "danger",
    Status.ON_HOLD: "warning",
    Status.DISPUTED: "warning",
    Status.PAID: "success",
}
PAYMENT_BADGES = {PaymentStatus.PARTIALLY_PAID: "warning", PaymentStatus.PAID: "success"}


@display(description=_lazy("Amount"), ordering="amount")
def invoice_amount(invoice: Invoice) -> str:
    return amount(invoice.amount, invoice.currency)


@display(description=_lazy("Balance"))
def invoice_balance(invoice: Invoice) -> str:
    return amount(invoice.balance, invoice.currency) if invoice.balance else "–"


@display(description=_lazy("Status"), ordering="status")
def status_badge(invoice: Invoice) -> str:
    return badge(invoice.get_status_display(), STATUS_BADGES.get(Status(invoice.status), ""))


def payment_badge(invoice: Invoice) -> str:
    status = PaymentStatus(invoice.payment_status)
    return badge(invoice.get_payment_status_display(), PAYMENT_BADGES.get(status, ""))


def days_late(invoice: Invoice) -> int:
    return days_overdue(invoice.status, invoice.due_date, invoice.account.today())
