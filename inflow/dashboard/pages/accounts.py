"""Accounts: members set up their own; platform staff create accounts and set plans and limits."""

import zoneinfo
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Field
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from inflow.accounts.access import person
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.markup import badge
from inflow.dashboard.core.own_rows import OwnRowsAdmin

_NEGOTIATED = ("requests_per_minute", "requests_per_day")


@admin.register(Account)
class AccountAdmin(OwnRowsAdmin):
    """Accounts. Members see only their own."""

    owner, one_for_each = "pk", True
    changes = Role.ADMIN
    list_display = ("name", "plan_badge", "kind", "time_zone", "language", "created_at")
    list_filter = choices("plan")
    search_fields = ("name",)
    export_columns = (
        *("name", "plan", "requests_per_minute", "requests_per_day", "time_zone", "country", "subdivision"),
        *("language", "is_test", "suspended_at", "created_at", "id"),
    )
    fieldsets = (
        (None, {"fields": ("name", "time_zone", "language", "country", "subdivision")}),
        (_lazy("Security"), {"fields": ("admins_use_two_steps",)}),
        (_lazy("Plan"), {"fields": ("plan", "in_force", *_NEGOTIATED, "is_test", "suspended_at")}),
    )
    set_by_members = frozenset({"time_zone", "language", "subdivision", "admins_use_two_steps"})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return person(request).is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown = [name for _title, options in self.fieldsets for name in options["fields"]]
        if not person(request).is_superuser:
            return [name for name in shown if name not in self.set_by_members]
        return ["in_force", "is_test"] if obj else ["in_force"]  # API keys carry the kind of the account in their names

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show negotiated limits to platform staff only; members see the limits in force."""
        if person(request).is_superuser:
            return self.fieldsets
        *rest, (title, _plan) = self.fieldsets
        return (*rest, (title, {"fields": ("plan", "in_force", "is_test", "suspended_at")}))

    def save_model(self, request: HttpRequest, obj: Account, form: "forms.ModelForm[Account]", change: bool) -> None:
        if change:  # the clock of a test account may have moved since the form was read
            obj.clock = Account.objects.select_for_update(no_key=True).values_list("clock", flat=True).get(pk=obj.pk)
        super().save_model(request, obj, form, change)

    @display(description=_lazy("Limits"))
    def in_force(self, account: Account) -> str:
        limits = account.limits
        parts = {
            "minute": f"{limits.per_minute:,}",
            "day": f"{limits.per_day:,}" if limits.per_day else _("unlimited"),
            "webhooks": f"{limits.subscriptions:,}",
        }
        return _("%(minute)s requests per minute, %(day)s requests per day, %(webhooks)s webhooks") % parts

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "time_zone":
            names = sorted(name for name in zoneinfo.available_timezones() if "/" in name or name == "UTC")
            choices, label = [(name, name) for name in names], capfirst(db_field.verbose_name)
            widget = UnfoldAdminSelectWidget
            return forms.ChoiceField(choices=choices, initial=db_field.default, label=label, widget=widget)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description=_lazy("Plan"), ordering="plan")
    def plan_badge(self, account: Account) -> str:
        return badge(account.get_plan_display(), "primary")

    @display(description=_lazy("Kind"))
    def kind(self, account: Account) -> str:
        if account.suspended_at:
            return badge(_("Suspended"), "danger")
        return badge(_("Test"), "warning") if account.is_test else badge(_("Live"), "success")
