"""Payments: the ledger, with its voids and reversals."""

from decimal import Decimal

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display

from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.inlines import RowsInside
from inflow.dashboard.core.markup import amount, badge, link
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import COMPANY, DEBTOR, NUMBER, AboutInvoice, CurrencyFilter
from inflow.dashboard.pages.forms import METHODS, UndoForm, refusals_on
from inflow.dashboard.pages.import_preview import import_url
from invoices import lifecycle, money
from invoices.models import Payment, ReceiptStatus
from invoices.models.imports import Kind


def _void(payment: Payment, actor: Actor, form: UndoForm) -> str:
    with refusals_on(form):
        lifecycle.void_payment(payment.account, payment.pk, actor, **form.cleaned_data)
    return _("The payment was voided. No messages about its invoices are sent before the next working day.")


def _reverse(payment: Payment, actor: Actor, form: UndoForm) -> str:
    with refusals_on(form):
        lifecycle.reverse_payment(payment.account, None, payment.pk, actor, **form.cleaned_data)
    return _("The payment was reversed. No messages about its invoices are sent before the next working day.")


def _stands(payment: Payment) -> bool:
    return payment.amount > 0 and payment.status == ReceiptStatus.STANDING


def _paid(payment: Payment) -> Decimal:
    return money.quantize(payment.amount, payment.currency)


@admin.register(Payment)
class PaymentAdmin(AboutInvoice):
    """The ledger of payments, voids and reversals."""

    list_display = (
        *("paid_at", "invoice_link", "debtor_shown", "amount_shown"),
        *("method_shown", "reference", "status_shown"),
    )
    list_filter = (("paid_at", RangeDateFilter), ("status", ChoicesDropdownFilter), CurrencyFilter)
    ordering = ("-paid_at", "-created_at", "-id")
    search_fields = (*AboutInvoice.search_fields, "reference")
    export_columns = (
        *(NUMBER, "reference", ("amount", _paid), "currency", "paid_at", "method", DEBTOR, COMPANY),
        *("created_at", "id", ("reversal_of", "reversal_of_id"), "status"),
    )
    search_help_text = _lazy("Invoice number, name, company or reference")
    fields = (
        *("invoice_link", "amount_shown", "credit_shown", "paid_at"),
        *("method_shown", "reference", "status_shown", "created_at"),
    )
    readonly_fields = ("invoice_link", "amount_shown", "credit_shown", "method_shown", "status_shown")
    actions_detail = ("void", "reverse")
    void = row_action(
        _lazy("Undo (recorded by mistake)"),
        _void,
        needs=Role.AGENT,
        icon="undo",
        form=UndoForm,
        fits=_stands,
        intro=_lazy(
            "For a payment that was recorded by mistake. Its invoices return to their previous state,"
            " and no case is opened."
        ),
        is_grave=True,
    )
    reverse = row_action(
        _lazy("Reverse (bank took it back)"),
        _reverse,
        needs=Role.AGENT,
        icon="money_off",
        form=UndoForm,
        fits=_stands,
        intro=_lazy(
            "For a bounced cheque or a returned transfer. Its invoices become outstanding again, and a case is opened."
        ),
        is_grave=True,
    )

    def import_url(self, request: HttpRequest) -> str | None:
        return import_url(person(request), Kind.PAYMENTS)

    @display(description=_lazy("Method"))
    def method_shown(self, payment: Payment) -> str:
        return payment_method(payment)

    @display(description=_lazy("Credit"))
    def credit_shown(self, payment: Payment) -> str:
        return amount(payment.unallocated, payment.currency) if payment.unallocated else "–"

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, payment: Payment) -> str:
        return payment_status(payment)


def payment_method(payment: Payment) -> str:
    method = str(METHODS.get(payment.method) or payment.method.replace("_", " ").capitalize())
    if not payment.reversal_of_id:
        return method
    said = _("%(method)s, voided") if payment.status == ReceiptStatus.VOIDED else _("%(method)s, reversed")
    return said % {"method": method}


def payment_status(payment: Payment) -> str:
    status = ReceiptStatus(payment.status)
    return badge(status.label, "success" if status == ReceiptStatus.STANDING else "warning")


class PaymentInline(RowsInside):
    model = Payment
    fields = readonly_fields = ("paid_on", "amount_shown", "method_shown", "reference", "status_shown", "created_at")

    @display(description=_lazy("Paid on"))
    def paid_on(self, payment: Payment) -> str:
        return link(reverse("admin:invoices_payment_change", args=[payment.pk]), date_format(payment.paid_at))

    @display(description=_lazy("Amount"))
    def amount_shown(self, payment: Payment) -> str:
        return amount(payment.amount, payment.currency)

    @display(description=_lazy("Method"))
    def method_shown(self, payment: Payment) -> str:
        return payment_method(payment)

    @display(description=_lazy("Status"))
    def status_shown(self, payment: Payment) -> str:
        return payment_status(payment)
