"""Calendars: the shared entries, which are read-only, and the account's own entries, which replace them."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import F, Model, Q, QuerySet, TimeField
from django.forms import model_to_dict
from django.http import HttpRequest
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import ValuesFilter, choices
from inflow.dashboard.core.forms import ClockInput, PageForm
from inflow.dashboard.core.markup import badge, bdi, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import RowAction, row_action
from invoices import holiday_names
from invoices.models import CalendarRule


class PlaceFilter(ValuesFilter):
    title, parameter_name, path = _lazy("country"), "place", "country"


@admin.register(CalendarRule)
class CalendarRuleAdmin(OwnRowsAdmin):
    adds = changes = Role.MANAGER
    list_display = ("name_shown", "place", "kind", "when", "hours", "state", "whose")
    list_filter = (PlaceFilter, *choices("kind"))
    search_fields = ("name", "country", "subdivision")
    export_columns = (
        *("country", "subdivision", "kind", "name", "starts_on", "ends_on", "is_yearly", "weekdays", "opens_at"),
        *("closes_at", "is_on", "is_expected", "source"),
    )
    ordering = (F("account").desc(nulls_last=True), "country", "subdivision", "starts_on", "name")
    fieldsets = (
        (None, {"fields": (("country", "subdivision"), ("kind", "name"))}),
        (_lazy("When"), {"fields": (("starts_on", "ends_on", "is_yearly"), "weekdays", ("opens_at", "closes_at"))}),
        (_lazy("State"), {"fields": (("is_on", "is_expected"), "source")}),
    )
    formfield_overrides: ClassVar[Any] = {TimeField: {"widget": ClockInput}}
    actions_detail = ("make_own",)

    @row_action(
        _lazy("Customize"),
        needs=Role.MANAGER,
        icon="edit_calendar",
        fits=lambda rule: rule.account_id is None,
        intro=_lazy("Makes a copy for your account, which you can change or disable. It replaces the shared entry."),
    )
    def make_own(self, rule: CalendarRule, actor: Actor, form: PageForm) -> str:
        account = User.objects.get(email=actor.name).account
        own = CalendarRule.objects.filter(account=account, country=rule.country, subdivision=rule.subdivision)
        if account is None or own.filter(name=rule.name).exists():
            raise ValidationError(_("Your account already has an entry with this name."))
        copy = CalendarRule.objects.create(**{**model_to_dict(rule, exclude=["id"]), "account": account})
        rule.pk = copy.pk  # the page of the copy follows
        text = _("Your account has its own copy of “%(name)s” now, which replaces the shared entry.")
        return text % {"name": rule.name}

    def get_queryset(self, request: HttpRequest) -> QuerySet[CalendarRule]:
        user, rules = person(request), CalendarRule.objects.select_related("account").order_by(*self.ordering)
        return rules if user.is_superuser else rules.filter(Q(account=user.account_id) | Q(account=None))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        user = person(request)
        is_own = not isinstance(obj, CalendarRule) or user.is_superuser or obj.account_id is not None
        return is_own and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Make the fields that identify an entry read-only, because releases and the accounts' own entries refer to
        it by them."""
        return ("country", "subdivision", "kind", "name_shown") if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        _first, *rest = self.fieldsets
        return (
            ((None, {"fields": (("country", "subdivision"), ("kind", "name_shown"))}), *rest) if obj else self.fieldsets
        )

    def save_model(self, request: HttpRequest, obj: CalendarRule, form: Any, change: bool) -> None:
        user = person(request)
        if not change and not user.is_superuser:
            obj.account = user.account
        super().save_model(request, obj, form, change)

    def offers(self, user: User, row: CalendarRule, action: RowAction | None) -> bool:
        return user.account_id is not None and super().offers(user, row, action)

    @display(description=_lazy("name"), ordering="name")
    def name_shown(self, rule: CalendarRule) -> str:
        return bdi(holiday_names.display_name(rule))

    @display(description=_lazy("Place"), ordering="country")
    def place(self, rule: CalendarRule) -> str:
        return bdi(rule.subdivision or rule.country)

    @display(description=_lazy("When"), ordering="starts_on")
    def when(self, rule: CalendarRule) -> str:
        if rule.starts_on is None:
            return _(", ").join(str(WEEKDAYS[day]) for day in sorted(rule.weekdays))
        style = "j F" if rule.is_yearly else "j M Y"
        days = [date_format(day, style) for day in (rule.starts_on, rule.ends_on) if day]
        return two_lines(" – ".join(days), _("each year") if rule.is_yearly else "")

    @display(description=_lazy("Hours"))
    def hours(self, rule: CalendarRule) -> str:
        opens, closes = (time and time_format(time, "H:i") for time in (rule.opens_at, rule.closes_at))
        if opens and closes:
            return bdi(f"{opens}–{closes}")
        if closes:
            return _("until %(time)s") % {"time": closes}
        return _("from %(time)s") % {"time": opens} if opens else ""

    @display(description=_lazy("State"))
    def state(self, rule: CalendarRule) -> str:
        if not rule.is_on:
            return badge(_("Disabled"))
        return badge(_("Expected"), "warning") if rule.is_expected else badge(_("Confirmed"), "success")

    @display(description=_lazy("Used by"))
    def whose(self, rule: CalendarRule) -> str:
        return bdi(str(rule.account)) if rule.account else _("All accounts")
