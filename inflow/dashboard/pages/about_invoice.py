"""Base class of the lists whose rows belong to an invoice, and their export columns."""

from decimal import Decimal
from typing import Any, ClassVar

from django.urls import reverse
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.dashboard.core.filters import ValuesFilter
from inflow.dashboard.core.markup import amount, link, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from invoices import money

# Export columns.
NUMBER, CURRENCY = ("invoice_number", "invoice__invoice_number"), ("currency", "invoice__currency")
DEBTOR, COMPANY = ("debtor_name", "invoice__debtor_name"), ("debtor_company", "invoice__debtor_company")


def _amount(row: Any) -> Decimal | None:
    return None if row.amount is None else money.quantize(row.amount, row.invoice.currency)


AMOUNT = ("amount", _amount)


def invoice_link(row: Any) -> str:
    return link(reverse("admin:invoices_invoice_change", args=[row.invoice_id]), row.invoice)


class AboutInvoice(OwnRowsAdmin):
    """Rows that belong to an invoice, with a link to it."""

    list_select_related: ClassVar[tuple[str, ...]] = ("invoice",)
    search_fields: ClassVar[tuple[str, ...]] = (
        "invoice__invoice_number",
        "invoice__debtor_name",
        "invoice__debtor_company",
    )
    search_help_text = _lazy("Invoice number, name or company")

    @display(description=_lazy("Invoice"), ordering="invoice__invoice_number")
    def invoice_link(self, row: Any) -> str:
        return invoice_link(row)

    @display(description=_lazy("Debtor"), ordering="invoice__debtor_name")
    def debtor_shown(self, row: Any) -> str:
        return two_lines(row.invoice.debtor_name, row.invoice.debtor_company)

    @display(description=_lazy("Amount"), ordering="amount")
    def amount_shown(self, row: Any) -> str:
        return amount(row.amount, row.invoice.currency)

    @display(description=_lazy("Balance"))
    def balance_shown(self, row: Any) -> str:
        return amount(row.invoice.balance, row.invoice.currency)


class CurrencyFilter(ValuesFilter):
    title, parameter_name, path = _lazy("currency"), "currency", "invoice__currency"
