"""Shared parts of the lists whose rows belong to an invoice."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from inflow.dashboard.core.markup import bdi, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from invoices import money


class AboutInvoice(OwnRowsAdmin):
    """Rows that belong to an invoice: each list leads to its case file."""

    list_select_related: ClassVar[tuple[str, ...]] = ("invoice",)
    search_fields: ClassVar[tuple[str, ...]] = (
        "invoice__invoice_number",
        "invoice__debtor_name",
        "invoice__debtor_company",
    )
    search_help_text = _lazy("Invoice number, name or company")

    @display(description=_lazy("Invoice"), ordering="invoice__invoice_number")
    def invoice_link(self, row: Any) -> str:
        url = reverse("admin:invoices_invoice_change", args=[row.invoice_id])
        return format_html('<a class="text-link" href="{}"><bdi>{}</bdi></a>', url, row.invoice)

    @display(description=_lazy("Debtor"), ordering="invoice__debtor_name")
    def debtor_shown(self, row: Any) -> str:
        return two_lines(row.invoice.debtor_name, row.invoice.debtor_company)

    @display(description=_lazy("Amount"), ordering="amount")
    def amount_shown(self, row: Any) -> str:
        return bdi(money.display(row.amount, row.invoice.currency))


class CurrencyFilter(DropdownFilter):
    """By the currency of the row's invoice."""

    title, parameter_name = _lazy("currency"), "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = model_admin.get_queryset(request).order_by("invoice__currency")
        return [(code, code) for code in own.values_list("invoice__currency", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(invoice__currency=self.value()) if self.value() else queryset
