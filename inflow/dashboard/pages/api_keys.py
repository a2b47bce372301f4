"""API keys: made, shown once, rotated and revoked."""

import datetime as dt
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from inflow.accounts import keys
from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.models import ApiKey, Scope, default_scopes
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import DayField, OwnAccountForm, PageForm
from inflow.dashboard.core.markup import badge
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import form_page, shown_once
from inflow.dashboard.core.row_actions import row_action


class ApiKeyForm(OwnAccountForm):
    name = forms.CharField(max_length=100, help_text=_lazy("Where it will be used: Zapier, ERP, a colleague's script."))
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=default_scopes, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    expires_on = DayField(
        required=False,
        label=_lazy("Last day"),
        help_text=_lazy("Works to the end of that day. Empty: until it is revoked."),
    )

    def clean_expires_on(self) -> dt.date | None:
        day: dt.date | None = self.cleaned_data["expires_on"]
        if day and self.account and day < self.account.today():
            raise ValidationError(_("This day is over."))
        return day

    def expires_at(self) -> dt.datetime | None:
        """Midnight after the last day, on the account's wall clock."""
        day: dt.date | None = self.cleaned_data["expires_on"]
        assert self.account is not None
        return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), self.account.zone) if day else None


def _revoke(key: ApiKey, actor: Actor, form: PageForm) -> str:
    keys.revoke(key, actor=actor.name)
    return _("The key %(prefix)s… is revoked: no request with it is answered from now on.") % {"prefix": key.prefix}


def example_of(key: ApiKey, plaintext: str) -> str:
    """A call that the key may make."""
    path = "invoices" if Scope.INVOICES_READ in key.scopes else "me"
    return f'curl -H "X-InFlow-Key: {plaintext}" {settings.BASE_URL}/api/zapier/{path}'


class KeyStateFilter(DropdownFilter):
    title, parameter_name = _lazy("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", _("Live")), ("revoked", _("Revoked")), ("expired", _("Expired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        now = timezone.now()
        if self.value() == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        if self.value() == "expired":
            return queryset.filter(revoked_at=None, expires_at__lte=now)
        if self.value() == "live":
            return queryset.filter(revoked_at=None).exclude(expires_at__lte=now)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(OwnRowsAdmin):
    """A key is made, shown once, and revoked: never edited."""

    sees = adds = Role.ADMIN
    list_display = ("name", "key", "state", "scope_list", "last_used_at", "expires_at", "created_at")
    list_filter = (KeyStateFilter,)
    list_before_template = "admin/accounts/apikey/usage.html"
    # What the rooms above show over the list.
    pictures: ClassVar[list[Callable[[HttpRequest], dict[str, Any]]]] = []
    search_fields = ("name", "prefix")
    fields = (
        "name",
        "key",
        "state",
        "scope_list",
        "created_by",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    readonly_fields = flatten(fields)
    actions_detail: ClassVar[Any] = ("revoke",)
    revoke = row_action(
        _lazy("Revoke"),
        _revoke,
        needs=Role.ADMIN,
        icon="block",
        fits=lambda key: key.revoked_at is None,
        intro=_lazy("Whatever uses this key is refused from the next request on. A revoked key can't be brought back."),
        is_grave=True,
    )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        back = self.url("changelist")
        form = ApiKeyForm(request.POST if request.method == "POST" else None, person=person(request))

        def issue() -> HttpResponse:
            assert form.account is not None
            data = form.cleaned_data
            key, plaintext = keys.issue(
                form.account,
                name=data["name"],
                scopes=data["scopes"],
                created_by=person(request),
                expires_at=form.expires_at(),
                actor=person(request).email,
            )
            return shown_once(
                self,
                request,
                title=_("API key “%(name)s”") % {"name": key.name},
                secret=plaintext,
                example_title=_("Try it"),
                example=example_of(key, plaintext),
                back=back,
            )

        return form_page(
            self,
            request,
            form,
            issue,
            title=_("Generate an API key"),
            button=_("Generate"),
            intro=_("Another system uses it to speak for your account. The key is shown once, right after this."),
            back=back,
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = {name: value for picture in self.pictures for name, value in picture(request).items()}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    @display(description=_lazy("Key"), ordering="prefix")
    def key(self, key: ApiKey) -> str:
        return format_html("<code>{}…</code>", key.prefix)

    @display(description=_lazy("State"))
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return badge(_("Revoked"), "danger")
        return badge(_("Live"), "success") if key.is_live(timezone.now()) else badge(_("Expired"), "warning")

    @display(description=_lazy("Scopes"))
    def scope_list(self, key: ApiKey) -> str:
        return _("Everything") if set(key.scopes) >= set(Scope.values) else ", ".join(key.scopes)
