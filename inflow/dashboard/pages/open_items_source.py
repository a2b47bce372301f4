"""The scheduled fetch of open items: its URL, header and hour. The header is write-only."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import OwnAccountForm, PageForm
from inflow.dashboard.core.markup import badge, bdi, link, moment, moment_column
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from inflow.dashboard.core.row_actions import record, row_action
from invoices import money
from invoices.models import OpenItemsSource
from invoices.models.imports import DateOrder
from invoices.reconciliation import sources


class _SettingFields(forms.Form):
    url = forms.CharField(
        max_length=2000,
        label=_lazy("URL"),
        help_text=_lazy("The https URL of a CSV, XLSX or JSON file. JSON is as in POST /api/zapier/open-items."),
    )
    authorization = forms.CharField(
        required=False,
        max_length=sources.MAX_AUTHORIZATION,
        label=_lazy("Authorization header"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_lazy("Such as Bearer and a token. It is stored encrypted and never shown."),
    )
    hour = forms.TypedChoiceField(
        coerce=int,
        choices=[(hour, f"{hour:02}:00") for hour in range(24)],
        initial=6,
        label=_lazy("Time"),
        help_text=_lazy("Every day, in the account's time zone."),
    )
    is_complete = forms.BooleanField(
        label=_lazy("The list contains all open invoices"),
        required=False,
        initial=True,
        help_text=_lazy(
            "Only then can InFlow tell what is already paid in the books. This applies to the currencies in the list,"
            " or to those that JSON names in “complete”."
        ),
    )
    currency = forms.ChoiceField(
        required=False,
        choices=[("", "–"), *((code, code) for code in sorted(money.EXPONENTS))],
        label=_lazy("Currency"),
        help_text=_lazy("For rows without a currency."),
    )
    date_order = forms.ChoiceField(choices=DateOrder.choices, required=False, label=_lazy("Order of day and month"))


class NewSourceForm(OwnAccountForm, _SettingFields):
    """The setting of an account that has none."""


class SourceForm(PageForm, _SettingFields):
    removes_authorization = forms.BooleanField(required=False, label=_lazy("Remove the stored header"))
    field_order = ("url", "authorization", "removes_authorization")
    from_row = sources.SETTINGS

    def prepare(self) -> None:
        if not self.row.sealed_authorization:
            del self.fields["removes_authorization"]
            return
        self.fields["authorization"].help_text = _("Leave empty to keep the stored header.")


def _settings(form: forms.Form) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in sources.SETTINGS}


def failure_of(source: OpenItemsSource) -> str:
    """Return when and why the last fetch failed, or an empty string."""
    if not source.failed_at:
        return ""
    at = date_format(timezone.localtime(source.failed_at), "DATETIME_FORMAT")
    shown = {"time": at, "reason": source.problem}
    return _("The open items could not be fetched on %(time)s: %(reason)s") % shown


@admin.register(OpenItemsSource)
class OpenItemsSourceAdmin(OwnRowsAdmin):
    sees = adds = Role.MANAGER
    list_display = ("host_shown", "hour_shown", "state", "fetched", "next_time")
    export_columns = ("hour", "is_on", "fetched_at", "failed_at", "problem", "created_at")
    fields = (
        *("url_shown", "authorization_shown", "hour_shown", "is_complete", "currency", "date_order"),
        *("state", "next_time", "fetched", "failure_shown"),
    )
    readonly_fields = fields
    add_page = AddPage(
        NewSourceForm,
        _lazy("Fetch open items by schedule"),
        _lazy("Add"),
        _lazy(
            "InFlow downloads the list of open invoices from your accounting system every day and compares it. Nothing "
            "is changed. A complete list confirms that all payments are recorded."
        ),
    )
    actions_detail = ("fetch_now", "edit", "switch_off", "switch_on")

    @row_action(
        _lazy("Fetch now"),
        needs=Role.MANAGER,
        icon="cloud_download",
        fits=lambda source: not sources.is_due(source),
        intro=_lazy("The list is downloaded and compared. Nothing is changed."),
        is_primary=True,
    )
    def fetch_now(self, source: OpenItemsSource, actor: Actor, form: PageForm) -> str:
        sources.fetch_now(source)
        record(source, actor, "openitemssource.fetch_requested")
        return _("The list is being fetched. Reload the page to see the result.")

    @row_action(_lazy("Edit"), needs=Role.MANAGER, icon="edit", form=SourceForm)
    def edit(self, source: OpenItemsSource, actor: Actor, form: SourceForm) -> str:
        changed = sources.change(
            source,
            _settings(form),
            authorization=form.cleaned_data["authorization"],
            removes_authorization=form.cleaned_data.get("removes_authorization", False),
        )
        if changed:
            record(source, actor, "openitemssource.changed", fields=changed)
        return _("The scheduled fetch has been changed.")

    @row_action(
        _lazy("Switch off"),
        needs=Role.MANAGER,
        icon="toggle_off",
        fits=lambda source: source.is_on,
        intro=_lazy("The list is no longer fetched by itself. Reconciliations so far remain."),
    )
    def switch_off(self, source: OpenItemsSource, actor: Actor, form: PageForm) -> str:
        if sources.switch(source, is_on=False):
            record(source, actor, "openitemssource.switched_off")
        return _("The scheduled fetch is switched off.")

    @row_action(
        _lazy("Switch on"),
        needs=Role.MANAGER,
        icon="toggle_on",
        fits=lambda source: not source.is_on,
        intro=_lazy("The list is fetched every day again."),
    )
    def switch_on(self, source: OpenItemsSource, actor: Actor, form: PageForm) -> str:
        if sources.switch(source, is_on=True):
            record(source, actor, "openitemssource.switched_on")
        return _("The scheduled fetch is switched on.")

    def add(self, request: HttpRequest, form: NewSourceForm) -> HttpResponse:
        assert form.account is not None
        source = sources.create(form.account, authorization=form.cleaned_data["authorization"], **_settings(form))
        self.record(request, source, "created", hour=source.hour)
        messages.success(request, _("The list will be fetched every day. Fetch it now to see whether it works."))
        return HttpResponseRedirect(self.url("change", source.pk))

    fetched = moment_column(_lazy("Last fetched"), "fetched_at")

    @display(description=_lazy("Next fetch"))
    def next_time(self, source: OpenItemsSource) -> str:
        if sources.is_due(source):
            return _("Now")
        return moment(source.next_fetch_at)

    @display(description=_lazy("Server"))
    def host_shown(self, source: OpenItemsSource) -> str:
        return link(self.url("change", source.pk), str(source))

    @display(description=_lazy("URL"))
    def url_shown(self, source: OpenItemsSource) -> str:
        return bdi(source.url)

    @display(description=_lazy("Authorization header"))
    def authorization_shown(self, source: OpenItemsSource) -> str:
        return _("Stored") if source.sealed_authorization else "–"

    @display(description=_lazy("Time"), ordering="hour")
    def hour_shown(self, source: OpenItemsSource) -> str:
        return bdi(f"{source.hour:02}:00")

    @display(description=_lazy("State"))
    def state(self, source: OpenItemsSource) -> str:
        if source.failed_at:
            return badge(_("Failed"), "danger")
        return badge(_("Active"), "success") if source.is_on else badge(_("Off"), "info")

    @display(description=_lazy("Last failure"))
    def failure_shown(self, source: OpenItemsSource) -> str:
        return failure_of(source) or "–"
