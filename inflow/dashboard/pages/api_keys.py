"""API keys: generated, shown once, rotated and revoked."""

import datetime as dt
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from inflow.accounts import keys
from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.models import ApiKey, Scope, User, default_scopes
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import Options, OptionsFilter
from inflow.dashboard.core.forms import DayField, OwnAccountForm, PageForm
from inflow.dashboard.core.markup import badge
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from inflow.dashboard.core.responses import Secret, shown_once
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages import usage


class ApiKeyForm(OwnAccountForm):
    name = forms.CharField(
        max_length=100, help_text=_lazy("The system that will use the key, such as Zapier or an ERP.")
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=default_scopes, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    expires_on = DayField(
        required=False,
        label=_lazy("Last day"),
        help_text=_lazy("The key works until the end of that day. Leave empty for a key without an expiry date."),
    )

    def clean_expires_on(self) -> dt.date | None:
        day: dt.date | None = self.cleaned_data["expires_on"]
        if day and self.account and day < self.account.today():
            raise ValidationError(_("This date is in the past."))
        return day

    def expires_at(self) -> dt.datetime | None:
        """Return midnight after the last day, in the account's time zone."""
        day: dt.date | None = self.cleaned_data["expires_on"]
        assert self.account is not None
        return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), self.account.zone) if day else None


class RotateForm(PageForm):
    overlap_hours = forms.TypedChoiceField(
        coerce=int,
        label=_lazy("The old key remains valid"),
        initial=24,
        choices=[
            (0, _lazy("no longer")),
            (1, _lazy("for one more hour")),
            (24, _lazy("for one more day")),
            (168, _lazy("for seven more days")),
            (720, _lazy("for thirty more days")),
        ],
    )


def _shown(key: ApiKey, plaintext: str) -> Secret:
    """Return the page of a new key, with an example request that its scopes permit."""
    path = "invoices" if Scope.INVOICES_READ in key.scopes else "me"
    return Secret(
        title=_("API key “%(name)s”") % {"name": key.name},
        secret=plaintext,
        example_title=_("Try it"),
        example=f'curl -H "X-InFlow-Key: {plaintext}" {settings.BASE_URL}/api/zapier/{path}',
        back=reverse("admin:accounts_apikey_changelist"),
    )


def _is_live(key: ApiKey) -> bool:
    return key.is_live(timezone.now())


class KeyStateFilter(OptionsFilter):
    title, parameter_name = _lazy("state"), "state"
    options: ClassVar[Options] = {
        "live": (_lazy("Active"), lambda user: Q(revoked_at=None) & ~Q(expires_at__lte=timezone.now())),
        "revoked": (_lazy("Revoked"), Q(revoked_at__isnull=False)),
        "expired": (_lazy("Expired"), lambda user: Q(revoked_at=None, expires_at__lte=timezone.now())),
    }


@admin.register(ApiKey)
class ApiKeyAdmin(OwnRowsAdmin):
    """API keys are generated, shown once, rotated and revoked, but never edited."""

    sees = adds = Role.ADMIN
    list_display = ("name", "key", "state", "scope_list", "last_used_at", "expires_at", "created_at")
    list_filter = (KeyStateFilter,)
    list_before_template = "admin/accounts/apikey/usage.html"
    search_fields = ("name", "prefix")
    export_columns = (
        *("name", "prefix", "scopes", ("created_by", "created_by__email"), "created_at", "last_used_at"),
        *("expires_at", "revoked_at"),
    )
    fields = (
        *("name", "key", "state", "scope_list", "created_by", "created_at"),
        *("last_used_at", "expires_at", "revoked_at"),
    )
    readonly_fields = fields
    add_page = AddPage(
        ApiKeyForm,
        _lazy("Generate an API key"),
        _lazy("Generate"),
        _lazy("Another system uses it to access your account. The key is shown once, on the next page."),
    )
    actions_detail = ("rotate", "revoke")

    @row_action(
        _lazy("Rotate"),
        needs=Role.ADMIN,
        icon="autorenew",
        form=RotateForm,
        fits=_is_live,
        page_title=_lazy("Rotate the key"),
        intro=_lazy("A new key with the same name and scopes is shown once. Switch to it before the old key expires."),
    )
    def rotate(self, key: ApiKey, actor: Actor, form: RotateForm) -> Secret:
        if not _is_live(key):
            raise ValidationError(_("This key is no longer valid: generate a new one."))
        overlap = dt.timedelta(hours=form.cleaned_data["overlap_hours"])
        user = User.objects.get(email=actor.name)
        return _shown(*keys.rotate(key, overlap=overlap, created_by=user, actor=actor.name))

    @row_action(
        _lazy("Revoke"),
        needs=Role.ADMIN,
        icon="block",
        fits=lambda key: key.revoked_at is None,
        intro=_lazy("Requests with this key are rejected from now on. This can't be undone."),
        is_grave=True,
    )
    def revoke(self, key: ApiKey, actor: Actor, form: PageForm) -> str:
        keys.revoke(key, actor=actor.name)
        return _("The key %(prefix)s… is revoked. Requests with it are rejected.") % {"prefix": key.prefix}

    def add(self, request: HttpRequest, form: ApiKeyForm) -> HttpResponse:
        assert form.account is not None
        chosen, by = {name: form.cleaned_data[name] for name in ("name", "scopes")}, person(request)
        key, plaintext = keys.issue(form.account, **chosen, created_by=by, expires_at=form.expires_at(), actor=by.email)
        return shown_once(self, request, _shown(key, plaintext))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), **usage.context(person(request).account)})

    @display(description=_lazy("Key"), ordering="prefix")
    def key(self, key: ApiKey) -> str:
        return format_html("<code>{}…</code>", key.prefix)

    @display(description=_lazy("State"))
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return badge(_("Revoked"), "danger")
        return badge(_("Active"), "success") if _is_live(key) else badge(_("Expired"), "warning")

    @display(description=_lazy("Scopes"))
    def scope_list(self, key: ApiKey) -> str:
        return _("Everything") if set(key.scopes) >= set(Scope.values) else ", ".join(key.scopes)
