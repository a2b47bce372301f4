"""Promises to pay."""

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from inflow.accounts.actors import Actor
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.markup import amount, badge
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import AMOUNT, COMPANY, CURRENCY, DEBTOR, NUMBER, AboutInvoice, CurrencyFilter
from inflow.dashboard.pages.forms import OptionalReasonForm
from invoices import lifecycle
from invoices.debtors import receivables
from invoices.errors import Refused
from invoices.models import Promise, PromiseStatus, Status

PROMISE_BADGES = {PromiseStatus.OPEN: "info", PromiseStatus.KEPT: "success", PromiseStatus.BROKEN: "danger"}


@admin.register(Promise)
class PromiseAdmin(AboutInvoice):
    """Promises to pay, with their results."""

    list_display = (
        *("invoice_link", "debtor_shown", "amount_shown", "left_shown"),
        *("promised_on", "hold_until", "status_shown"),
    )
    export_columns = (
        *(NUMBER, DEBTOR, COMPANY, AMOUNT, CURRENCY, "promised_on", "hold_until", "status"),
        *("created_at", "id"),
    )
    list_filter = (*choices("status"), ("promised_on", RangeDateFilter), CurrencyFilter)
    ordering = ("-promised_on", "-id")
    fields = ("invoice_link", "amount_shown", "promised_on", "hold_until", "status_shown", "created_at")
    readonly_fields = ("invoice_link", "amount_shown", "status_shown")
    actions_detail = ("withdraw",)

    @row_action(
        _lazy("Withdraw"),
        icon="undo",
        form=OptionalReasonForm,
        fits=lambda promise: promise.status == PromiseStatus.OPEN,
        intro=_lazy("For a promise that the debtor took back or never made. Reminders resume immediately."),
    )
    def withdraw(self, promise: Promise, actor: Actor, form: OptionalReasonForm) -> str:
        if promise.status != PromiseStatus.OPEN:
            raise Refused("status", "illegal_transition", _("The promise is not open any more."))
        reason = form.cleaned_data["reason"]
        lifecycle.change(promise.account, promise.invoice_id, actor, status=Status.NEW, reason=reason)
        return _("Promise withdrawn. Reminders for invoice %(number)s have resumed.") % {"number": promise.invoice}

    @display(description=_lazy("Outstanding"))
    def left_shown(self, promise: Promise) -> str:
        if promise.status != PromiseStatus.OPEN:
            return "–"
        return amount(receivables.promised(promise), promise.invoice.currency)

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, promise: Promise) -> str:
        return badge(promise.get_status_display(), PROMISE_BADGES.get(PromiseStatus(promise.status), ""))
