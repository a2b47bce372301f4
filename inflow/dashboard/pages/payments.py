"""Payments: the ledger, with voided and reversed payments."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, F, OuterRef, QuerySet, Sum
from django.db.models.functions import Cast, JSONObject
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import ValuesFilter, choices
from inflow.dashboard.core.inlines import RowsInside
from inflow.dashboard.core.markup import amount, badge, link, two_lines
from inflow.dashboard.core.own_rows import AddPage
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import COMPANY, DEBTOR, NUMBER, AboutInvoice, exact
from inflow.dashboard.pages.forms import METHODS, UndoForm
from inflow.dashboard.pages.import_preview import import_url
from inflow.dashboard.pages.money_forms import PayerForm
from invoices import lifecycle
from invoices.models import Allocation, Payment, ReceiptStatus
from invoices.models.imports import Kind

# Invoices of a payment that the list names.
_MOST_SHOWN = 3


def _is_standing(payment: Payment) -> bool:
    return payment.amount > 0 and payment.status == ReceiptStatus.STANDING


class OwnCurrencyFilter(ValuesFilter):
    title, parameter_name, path = _lazy("currency"), "currency", "currency"


def with_paid_invoices(rows: QuerySet[Any], source: str) -> QuerySet[Any]:
    """Add what each row's receipt or credit note covers now, as `paid`, for `paid_invoices`."""
    lines = Allocation.objects.filter(**{source: OuterRef("pk" if source == "credit_note" else source)}).order_by()
    sums = lines.values("invoice", "invoice__invoice_number", "invoice__due_date").annotate(total=Sum("amount"))
    shown = JSONObject(
        invoice="invoice", number="invoice__invoice_number", total=Cast("total", CharField()), due="invoice__due_date"
    )
    annotated: QuerySet[Any] = rows.annotate(paid=ArraySubquery(sums.exclude(total=0).values(shown=shown)))
    return annotated


def paid_invoices(row: Any) -> str:
    """Return links to the invoices that a receipt or a credit note covers, the oldest first, each with the part."""
    lines = sorted(row.paid, key=lambda line: (line["due"], line["number"]))
    shown = format_html_join(
        ", ",
        "{} {}",
        (
            (
                link(reverse("admin:invoices_invoice_change", args=[line["invoice"]]), line["number"]),
                amount(Decimal(line["total"]), row.currency),
            )
            for line in lines[:_MOST_SHOWN]
        ),
    )
    more = len(lines) - _MOST_SHOWN
    if more > 0:
        return format_html("{} {}", shown, ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more})
    return shown or "–"


@display(description=_lazy("Amount"), ordering="amount")
def payment_amount(payment: Payment) -> str:
    return amount(payment.amount, payment.currency)


@display(description=_lazy("Method"))
def payment_method(payment: Payment) -> str:
    method = str(METHODS.get(payment.method) or payment.method.replace("_", " ").capitalize())
    if not payment.reversal_of_id:
        return method
    text = _("%(method)s, voided") if payment.status == ReceiptStatus.VOIDED else _("%(method)s, reversed")
    return text % {"method": method}


@display(description=_lazy("Status"), ordering="status")
def payment_status(payment: Payment) -> str:
    status = ReceiptStatus(payment.status)
    return badge(status.label, "success" if status == ReceiptStatus.STANDING else "warning")


@admin.register(Payment)
class PaymentAdmin(AboutInvoice):
    """The ledger of payments, with voided and reversed ones."""

    adds = Role.AGENT
    add_page = AddPage(
        PayerForm,
        _lazy("Record a transfer"),
        _lazy("Continue"),
        _lazy("For a payment over one or several invoices. First choose the debtor who paid."),
    )
    list_display = (
        *("paid_at", "applied_shown", "debtor_shown", payment_amount),
        *(payment_method, "reference", payment_status),
    )
    list_select_related = ("invoice", "debtor")
    list_filter = (("paid_at", RangeDateFilter), *choices("status"), OwnCurrencyFilter)
    ordering = ("-paid_at", "-created_at", "-id")
    search_fields = (*AboutInvoice.search_fields, "reference")
    export_columns = (
        *(NUMBER, "reference", exact("amount"), "currency", "paid_at", "method", DEBTOR, COMPANY),
        *("created_at", "id", ("reversal_of", "reversal_of_id"), "status"),
    )
    search_help_text = _lazy("Invoice number, name, company or reference")
    fields = (
        *("debtor_link", payment_amount, "applied_shown", "credit_shown", "paid_at"),
        *(payment_method, "reference", payment_status, "created_at"),
    )
    readonly_fields = (
        *("debtor_link", payment_amount, "applied_shown", "credit_shown"),
        *(payment_method, payment_status),
    )
    actions_detail = ("void", "reverse")

    @row_action(
        _lazy("Void (recorded by mistake)"),
        icon="undo",
        form=UndoForm,
        fits=_is_standing,
        intro=_lazy(
            "For a payment that was recorded by mistake. Its invoices return to their previous state,"
            " and no case is opened."
        ),
        is_grave=True,
    )
    def void(self, payment: Payment, actor: Actor, form: UndoForm) -> str:
        lifecycle.void_payment(payment.account, payment.pk, actor, **form.cleaned_data)
        return _("The payment was voided. No messages about its invoices are sent before the next working day.")

    @row_action(
        _lazy("Reverse (returned by the bank)"),
        icon="money_off",
        form=UndoForm,
        fits=_is_standing,
        intro=_lazy(
            "For a bounced cheque or a returned transfer. Its invoices become outstanding again, and a case is opened."
        ),
        is_grave=True,
    )
    def reverse(self, payment: Payment, actor: Actor, form: UndoForm) -> str:
        lifecycle.reverse_payment(payment.account, None, payment.pk, actor, **form.cleaned_data)
        return _("The payment was reversed. No messages about its invoices are sent before the next working day.")

    def add(self, request: HttpRequest, form: PayerForm) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:invoices_debtor_record_transfer", args=[form.debtor.pk]))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        return with_paid_invoices(super().get_queryset(request), "receipt")

    @display(description=_lazy("Applied to"))
    def applied_shown(self, payment: Payment) -> str:
        return paid_invoices(payment)

    @display(description=_lazy("Debtor"), ordering="debtor__name")
    def debtor_shown(self, payment: Payment) -> str:
        """Return the names on the invoice that it was recorded on, else the debtor's own."""
        if payment.invoice:
            return two_lines(payment.invoice.debtor_name, payment.invoice.debtor_company)
        return two_lines(payment.debtor.name, payment.debtor.company)

    @display(description=_lazy("Debtor"))
    def debtor_link(self, payment: Payment) -> str:
        return link(reverse("admin:invoices_debtor_change", args=[payment.debtor_id]), payment.debtor)

    def import_url(self, request: HttpRequest) -> str | None:
        return import_url(person(request), Kind.PAYMENTS)

    @display(description=_lazy("Unapplied credit"))
    def credit_shown(self, payment: Payment) -> str:
        return amount(payment.unallocated, payment.currency) if payment.unallocated else "–"


class PaymentInline(RowsInside):
    model = Payment
    fields = readonly_fields = (
        *("paid_on", payment_amount, payment_method),
        *("reference", payment_status, "created_at"),
    )

    @display(description=_lazy("Paid on"))
    def paid_on(self, payment: Payment) -> str:
        return link(reverse("admin:invoices_payment_change", args=[payment.pk]), date_format(payment.paid_at))


class AllocationInline(RowsInside):
    """Credit applied to an invoice, credit notes, and the shares of payments that were recorded on other invoices."""

    model = Allocation
    verbose_name_plural = _lazy("Credit and shares of other payments")
    fields = readonly_fields = ("day", "amount_shown", "kind", "source")

    @classmethod
    def has_rows(cls, row: Any) -> bool:
        return _from_elsewhere(Allocation.objects.filter(invoice=row)).exists()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Allocation]:
        rows = _from_elsewhere(super().get_queryset(request))
        return rows.select_related("receipt", "credit_note", "invoice")

    @display(description=_lazy("Date"))
    def day(self, line: Allocation) -> str:
        source = line.receipt or line.credit_note
        assert source
        return date_format(source.day)

    @display(description=_lazy("Amount"))
    def amount_shown(self, line: Allocation) -> str:
        return amount(line.amount, line.invoice.currency)

    @display(description=_lazy("Source"))
    def source(self, line: Allocation) -> str:
        if line.credit_note:
            number = _("Credit note %(number)s") % {"number": line.credit_note.number}
            return link(reverse("admin:invoices_creditnote_change", args=[line.credit_note_id]), number)
        return link(reverse("admin:invoices_payment_change", args=[line.receipt_id]), line.receipt)


def _from_elsewhere(lines: QuerySet[Allocation]) -> QuerySet[Allocation]:
    return lines.exclude(receipt__posted_on=F("invoice"), kind__in=["payment", "undone"])
