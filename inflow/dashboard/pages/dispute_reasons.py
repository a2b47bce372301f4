"""Settings: the reasons for disputes that staff and debtors choose from."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import OwnAccountForm
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from invoices.errors import Refused
from invoices.models import DisputeReason


class NewReasonForm(OwnAccountForm):
    name_en = forms.CharField(max_length=80, label=_lazy("Name in English"))
    name_ar = forms.CharField(max_length=80, label=_lazy("Name in Arabic"))


@admin.register(DisputeReason)
class DisputeReasonAdmin(OwnRowsAdmin):
    """Reasons for disputes. One that is no longer offered stays on its disputes."""

    adds = changes = Role.MANAGER
    list_display = ("name_en", "name_ar", "position", "is_offered")
    list_display_links = ("name_en", "name_ar")
    list_select_related = ("account",)
    ordering = ("account", "position", "id")
    fields = (("name_en", "name_ar"), ("position", "is_offered"))
    export_columns = ("name_en", "name_ar", "position", "is_offered")
    add_page = AddPage(
        NewReasonForm,
        _lazy("Add a reason"),
        _lazy("Add"),
        _lazy("Debtors see the reasons on their page, in their language."),
    )

    def add(self, request: HttpRequest, form: Any) -> HttpResponse:
        names = form.cleaned_data["name_en"], form.cleaned_data["name_ar"]
        rows = DisputeReason.objects.for_account(form.account)
        if rows.filter(name_en=names[0]).exists():
            raise Refused("name_en", "duplicate", _("There is already a reason with that name."))
        row = DisputeReason.objects.create(
            account=form.account, name_en=names[0], name_ar=names[1], position=rows.count() + 1
        )
        self.record(request, row, "created", name=row.name_en)
        messages.success(request, _("The reason has been added."))
        return HttpResponseRedirect(self.url("changelist"))
