"""Calls to make, and the form that logs a call."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from communications.models import CallStatus, CallTask
from communications.schedule import calls
from inflow.accounts.actors import Actor
from inflow.dashboard.core.filters import Options, OptionsFilter
from inflow.dashboard.core.markup import bdi
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import BALANCE, COMPANY, CURRENCY, DEBTOR, NUMBER, AboutInvoice
from inflow.dashboard.pages.forms import CallForm
from invoices.debtors.receivables import CHASED


class OwnerFilter(OptionsFilter):
    title, parameter_name = _lazy("owner"), "whose"
    options: ClassVar[Options] = {
        "mine": (_lazy("Mine"), lambda user: Q(debtor__owner=user)),
        "nobodys": (_lazy("Nobody's"), Q(debtor__owner=None)),
    }


@admin.register(CallTask)
class CallTaskAdmin(AboutInvoice):
    """Calls that the reminder schedules ask for. A call is on the list of the debtor's owner."""

    list_display = ("invoice_link", "debtor_shown", "phone", "balance_shown", "owner_shown", "opened_at", "expires_at")
    export_columns = (*(NUMBER, DEBTOR, COMPANY, BALANCE, CURRENCY), "invoice__debtor_phone", "opened_at", "expires_at")
    list_select_related = ("invoice", "debtor__owner", "account")
    list_filter = (OwnerFilter,)
    ordering = ("expires_at", "id")
    fields = readonly_fields = (
        "invoice_link",
        "debtor_shown",
        "phone",
        "balance_shown",
        "owner_shown",
        "opened_at",
        "expires_at",
    )
    actions_detail = ("log_call",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CallTask]:
        """Leave out calls about invoices for which nothing is to be asked now."""
        rows: QuerySet[CallTask] = super().get_queryset(request)
        return rows.filter(status=CallStatus.OPEN, invoice__status__in=CHASED, debtor__never_chase=False)

    @row_action(_lazy("Log a call"), icon="call", form=CallForm, is_primary=True)
    def log_call(self, task: CallTask, actor: Actor, form: CallForm) -> str:
        calls.log(task.account, actor, invoice_id=task.invoice_id, **form.cleaned_data)
        return _("The call was logged.")

    def after(self, row: CallTask) -> str:
        return self.url("changelist")

    @display(description=_lazy("Phone"))
    def phone(self, task: CallTask) -> str:
        return bdi(task.invoice.debtor_phone or task.debtor.phone) or "–"

    @display(description=_lazy("Owner"))
    def owner_shown(self, task: CallTask) -> str:
        return bdi(str(task.debtor.owner)) if task.debtor.owner else "–"
