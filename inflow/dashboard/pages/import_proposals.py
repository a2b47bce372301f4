"""Proposals of an import for open invoices. A person decides; the import does not change them."""

from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from inflow.accounts.models import User
from inflow.accounts.roles import Role
from invoices import money
from invoices.imports.invoice_rows import CANCEL, RECORD_PAYMENT, WRITE_OFF
from invoices.models import Invoice, Status
from invoices.models.imports import Import, Outcome

MOST_SHOWN = 100
_NEEDS = {RECORD_PAYMENT: Role.AGENT, CANCEL: Role.MANAGER, WRITE_OFF: Role.MANAGER}


def of(file: Import, user: User) -> list[dict[str, Any]]:
    """Return the first proposals of the file, each with the link to its form. Those carried out since are marked."""
    rows = list(file.rows.filter(outcome=Outcome.PROPOSED).order_by("line")[:MOST_SHOWN])
    numbers = {row.said.get("invoice_number", "") for row in rows}
    found = Invoice.objects.for_account(file.account).filter(invoice_number__in=numbers)
    ordered = sorted(found, key=lambda invoice: invoice.status != Status.CANCELLED)
    invoices = {invoice.invoice_number: invoice for invoice in ordered}
    return [
        _proposal(row.line, row.reason, row.changes, invoices[row.said["invoice_number"]], user)
        for row in rows
        if row.said.get("invoice_number") in invoices
    ]


def _proposal(line: int, reason: str, changes: dict[str, Any], invoice: Invoice, user: User) -> dict[str, Any]:
    verb = next((name for name in _NEEDS if name in changes), RECORD_PAYMENT)
    is_done, amount = _progress(verb, changes.get(verb, ["0", "0"]), invoice)
    url = reverse(f"admin:invoices_invoice_{verb}", args=[invoice.pk])
    if amount:
        url += f"?amount={amount:f}"
    labels = {
        RECORD_PAYMENT: _("Record payment of %(amount)s") % {"amount": money.display(amount, invoice.currency)},
        CANCEL: _("Cancel invoice"),
        WRITE_OFF: _("Write off"),
    }
    return {
        "line": line,
        "invoice": invoice,
        "invoice_url": reverse("admin:invoices_invoice_change", args=[invoice.pk]),
        "reason": reason,
        "is_done": is_done,
        "url": url if user.may(_NEEDS[verb]) and not is_done else "",
        "label": labels[verb],
    }


def _progress(verb: str, change: list[str], invoice: Invoice) -> tuple[bool, Decimal]:
    """Return whether the proposal has been carried out, and the amount that remains to be recorded."""
    if verb != RECORD_PAYMENT:
        return not invoice.is_open, Decimal(0)
    left = max(invoice.balance - Decimal(change[1]), Decimal(0)) if invoice.is_open else Decimal(0)
    return left == 0, left
