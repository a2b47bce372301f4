"""Payments: the ledger, with voided and reversed payments."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.inlines import RowsInside
from inflow.dashboard.core.markup import amount, badge, link
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import COMPANY, DEBTOR, NUMBER, AboutInvoice, CurrencyFilter, exact
from inflow.dashboard.pages.forms import METHODS, UndoForm
from inflow.dashboard.pages.import_preview import import_url
from invoices import lifecycle
from invoices.models import Payment, ReceiptStatus
from invoices.models.imports import Kind


def _is_standing(payment: Payment) -> bool:
    return payment.amount > 0 and payment.status == ReceiptStatus.STANDING


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

    list_display = (
        *("paid_at", "invoice_link", "debtor_shown", payment_amount),
        *(payment_method, "reference", payment_status),
    )
    list_filter = (("paid_at", RangeDateFilter), *choices("status"), CurrencyFilter)
    ordering = ("-paid_at", "-created_at", "-id")
    search_fields = (*AboutInvoice.search_fields, "reference")
    export_columns = (
        *(NUMBER, "reference", exact("amount"), "currency", "paid_at", "method", DEBTOR, COMPANY),
        *("created_at", "id", ("reversal_of", "reversal_of_id"), "status"),
    )
    search_help_text = _lazy("Invoice number, name, company or reference")
    fields = (
        *("invoice_link", payment_amount, "credit_shown", "paid_at"),
        *(payment_method, "reference", payment_status, "created_at"),
    )
    readonly_fields = ("invoice_link", payment_amount, "credit_shown", payment_method, payment_status)
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
