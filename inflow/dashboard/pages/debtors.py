"""Debtors."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from inflow.accounts.access import actor, person, rows_of
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.markup import bdi
from inflow.dashboard.core.own_rows import OwnRowsAdmin, RowsInside
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.forms import (
    DebtorCreditForm,
    DebtorForm,
    payable_by_credit,
)
from inflow.dashboard.pages.invoice_actions import _apply_credit
from inflow.dashboard.pages.invoice_cells import late, status_badge
from invoices import ledger, money
from invoices.debtors import debtors
from invoices.models import OPEN, Debtor, Invoice


def _apply_credit_of(debtor: Debtor, actor: Actor, form: DebtorCreditForm) -> str:
    return _apply_credit(form.cleaned_data["invoice"], actor, form)


def _has_credit_to_apply(debtor: Debtor) -> bool:
    return payable_by_credit(debtor).exists()


class InvoiceInline(RowsInside):
    model = Invoice
    fields = readonly_fields = ("number", "amount_shown", "balance_shown", "status_shown", "due_date", "late_shown")
    ordering = ("-due_date",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        return super().get_queryset(request).select_related("account")

    @display(description=_lazy("Number"))
    def number(self, invoice: Invoice) -> str:
        url = reverse("admin:invoices_invoice_change", args=[invoice.pk])
        return format_html('<a class="text-link" href="{}"><bdi>{}</bdi></a>', url, invoice.invoice_number)

    @display(description=_lazy("Amount"))
    def amount_shown(self, invoice: Invoice) -> str:
        return bdi(money.display(invoice.amount, invoice.currency))

    @display(description=_lazy("Balance"))
    def balance_shown(self, invoice: Invoice) -> str:
        return bdi(money.display(invoice.balance, invoice.currency))

    @display(description=_lazy("Status"))
    def status_shown(self, invoice: Invoice) -> str:
        return status_badge(invoice)

    @display(description=_lazy("Days late"))
    def late_shown(self, invoice: Invoice) -> str:
        return str(late(invoice) or "–")


class CreditFilter(DropdownFilter):
    title, parameter_name = _lazy("unapplied credit"), "credit"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = rows_of(person(request), ledger.unapplied().order_by("currency"))
        codes = own.values_list("currency", flat=True).distinct()
        return [("any", _("In any currency")), *((code, code) for code in codes)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Debtor]) -> QuerySet[Debtor]:
        if not self.value():
            return queryset
        credit = rows_of(person(request), ledger.unapplied())
        if self.value() != "any":
            credit = credit.filter(currency=self.value())
        return queryset.filter(pk__in=credit.values("debtor_id"))


@admin.register(Debtor)
class DebtorAdmin(OwnRowsAdmin):
    """Who owes. A correction here is written to from then on; an invoice keeps the name it came with."""

    changes = Role.AGENT
    form = DebtorForm
    ordering = ("name", "pk")
    list_display = ("name", "company", "email", "phone", "open_invoices", "created_at")
    list_filter = (CreditFilter,)
    search_fields = ("name", "company", "email", "phone")
    fields = (("name", "company"), ("email", "phone"), "language", ("time_zone", "country", "subdivision"))
    inlines: ClassVar[list[type[RowsInside]]] = [InvoiceInline]
    actions_detail: ClassVar[Any] = ("apply_credit",)
    apply_credit = row_action(
        _lazy("Apply credit"),
        _apply_credit_of,
        needs=Role.AGENT,
        icon="account_balance_wallet",
        form=DebtorCreditForm,
        fits=_has_credit_to_apply,
        intro=_lazy("Applies the debtor's unapplied credit to an open invoice in the same currency."),
    )
    # What the rooms above know of a debtor.
    pictures: ClassVar[list[Callable[[Debtor], dict[str, Any]]]] = []

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        debtor = self.get_object(request, object_id)
        context = {name: value for picture in self.pictures for name, value in picture(debtor).items()}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def save_model(self, request: HttpRequest, obj: Debtor, form: Any, change: bool) -> None:
        """A contact that is changed here replaces the old one, on the debtor's invoices too."""
        with transaction.atomic():
            before = Debtor.objects.select_for_update(no_key=True).get(pk=obj.pk)
            super().save_model(request, obj, form, change)
            debtors.note_edit(before, obj, actor(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Debtor]:
        still_open = Count("invoices", filter=Q(invoices__status__in=OPEN))
        return super().get_queryset(request).annotate(still_open=still_open)

    @display(description=_lazy("Open invoices"), ordering="still_open")
    def open_invoices(self, debtor: Any) -> str:
        return str(debtor.still_open or "–")
