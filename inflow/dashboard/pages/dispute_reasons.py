"""Settings: the reasons for disputes that staff and debtors choose from."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from inflow.canonical import canonical
from inflow.dashboard.core.forms import OwnAccountForm
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from invoices.errors import Refused
from invoices.models import DisputeReason


class NameField(forms.CharField):
    """A name as debtors see it, without invisible characters."""

    def to_python(self, value: Any) -> str:
        return canonical(super().to_python(value) or "")


class NewReasonForm(OwnAccountForm):
    name_en = NameField(max_length=80, label=_lazy("Name in English"))
    name_ar = NameField(max_length=80, label=_lazy("Name in Arabic"))


class ReasonForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        field_classes: ClassVar[Any] = {"name_en": NameField, "name_ar": NameField}

    def clean_name_en(self) -> str:
        name: str = self.cleaned_data["name_en"]
        if _others(self.instance.account, self.instance).filter(name_en__iexact=name).exists():
            raise ValidationError(_("There is already a reason with that name."))
        return name


def _others(account: Account | None, reason: DisputeReason | None = None) -> QuerySet[DisputeReason]:
    """Return the account's reasons besides this one. Programs name a reason in upper or lower case."""
    others: QuerySet[DisputeReason] = DisputeReason.objects.filter(account=account)
    return others.exclude(pk=reason.pk) if reason else others


@admin.register(DisputeReason)
class DisputeReasonAdmin(OwnRowsAdmin):
    """Reasons for disputes. One that is no longer offered stays on its disputes."""

    adds = changes = Role.MANAGER
    form = ReasonForm
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
        rows = _others(form.account)
        is_new = not rows.filter(name_en__iexact=names[0]).exists()
        values = {"name_ar": names[1], "position": rows.count() + 1}
        if is_new:  # unless another request adds it at this moment
            row, is_new = DisputeReason.objects.get_or_create(account=form.account, name_en=names[0], defaults=values)
        if not is_new:
            raise Refused("name_en", "duplicate", _("There is already a reason with that name."))
        self.record(request, row, "created", name=row.name_en)
        messages.success(request, _("The reason has been added."))
        return HttpResponseRedirect(self.url("changelist"))
