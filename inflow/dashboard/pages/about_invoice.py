"""Base class of the lists whose rows belong to an invoice, and their export columns."""

from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter
from typing import Any, ClassVar

from django.urls import reverse
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.dashboard.core.filters import ValuesFilter
from inflow.dashboard.core.markup import amount, isolated, link, text_column
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from invoices import money
from invoices.models import Invoice


def exact(name: str, path: str = "", currency: str = "currency") -> tuple[str, Callable[[Any], Decimal | None]]:
    """Return the export column of the amount at `path`, with the decimals of the currency at another path."""
    amount_of, currency_of = attrgetter(path or name), attrgetter(currency)
    return name, lambda row: None if amount_of(row) is None else money.quantize(amount_of(row), currency_of(row))


# Export columns.
NUMBER, CURRENCY = ("invoice_number", "invoice__invoice_number"), ("currency", "invoice__currency")
DEBTOR, COMPANY = ("debtor_name", "invoice__debtor_name"), ("debtor_company", "invoice__debtor_company")
AMOUNT = exact("amount", currency="invoice.currency")
BALANCE = exact("balance", "invoice.balance", "invoice.currency")


def describe(invoice: Invoice) -> str:
    """Return number, debtor, balance and status of an invoice, each isolated from the direction of the text."""
    debtor = ", ".join(filter(None, (invoice.debtor_name, invoice.debtor_company)))
    balance = money.display(invoice.balance, invoice.currency)
    texts = (invoice.invoice_number, debtor, balance, invoice.get_status_display())
    return " · ".join(isolated(str(text)) for text in texts)


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

    def about(self, row: Any) -> str:
        return describe(row.invoice) if row.invoice_id else ""

    @display(description=_lazy("Invoice"), ordering="invoice__invoice_number")
    def invoice_link(self, row: Any) -> str:
        return invoice_link(row)

    debtor_shown = text_column(_lazy("Debtor"), "invoice__debtor_name", "invoice__debtor_company")

    @display(description=_lazy("Amount"), ordering="amount")
    def amount_shown(self, row: Any) -> str:
        return amount(row.amount, row.invoice.currency)

    @display(description=_lazy("Balance"))
    def balance_shown(self, row: Any) -> str:
        return amount(row.invoice.balance, row.invoice.currency)


class CurrencyFilter(ValuesFilter):
    title, parameter_name, path = _lazy("currency"), "currency", "invoice__currency"
