"""Rules and limits of an account's messages, with its safeguards, and the forecast of its messages."""

import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import TimeField
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from communications.delivery import reasons, safeguards
from communications.engine import forecast, sandbox, stored_forecasts
from communications.engine.errors import ForecastBusy
from communications.models import (
    ApprovalLimit,
    CollectionSettings,
    Communication,
    Kind,
    Medium,
    MinimumBalance,
    State,
    StepKind,
)
from communications.schedule import monthly
from inflow.accounts import audit
from inflow.accounts.access import account_or_404, person
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import ClockInput, PageForm
from inflow.dashboard.core.inlines import EditableInline
from inflow.dashboard.core.markup import badge, bdi, text_column
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import page
from inflow.dashboard.core.row_actions import row_action
from invoices import money

DAYS = (7, 14, 30)
LINES_ON_A_PAGE = 500


# --- Rules and limits --------------------------------------------------------------------------------------------


class StopForm(PageForm):
    channels = forms.MultipleChoiceField(
        choices=Medium.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_lazy("If none is selected, all channels are stopped."),
    )


class AmountForm(forms.ModelForm):  # type: ignore[type-arg]
    """An amount in a currency."""

    class Meta:
        fields = ("currency", "amount")

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].upper()
        if currency not in money.EXPONENTS:
            raise ValidationError(_("Enter an ISO 4217 currency code, such as AED."))
        return currency


class ApprovalLimitInline(EditableInline):
    changes = Role.ADMIN
    model = ApprovalLimit
    form = AmountForm
    tab = False
    verbose_name = _lazy("limit")
    verbose_name_plural = _lazy("Final notices above these amounts require approval")


class MinimumBalanceInline(EditableInline):
    changes = Role.ADMIN
    model = MinimumBalance
    form = AmountForm
    tab = False
    verbose_name = _lazy("minimum")
    verbose_name_plural = _lazy("No reminders below these amounts")


@admin.register(CollectionSettings)
class CollectionSettingsAdmin(OwnRowsAdmin):
    changes = Role.ADMIN
    list_display = ("whose", "hours", "switch", "held")
    export_columns = (
        *("opens_at", "closes_at", "hours_between", "most_in_7_days", "is_stopped", "stopped_channels"),
        *("stale_after_hours", "payments_synced_at", "cool_off_hours"),
    )
    list_select_related = ("account",)
    fieldsets = (
        (
            _lazy("Contact hours and limits"),
            {"fields": (("opens_at", "closes_at"), ("hours_between", "most_in_7_days"))},
        ),
        (_lazy("Additional messages"), {"fields": (("says_thanks", "recalls_promises"), "statement_day")}),
        (_lazy("Documents"), {"fields": ("attaches_documents",)}),
        (
            _lazy("Safeguards"),
            {"fields": ("switch", "held", ("stale_after_hours", "payments_synced_at"), "cool_off_hours")},
        ),
    )
    readonly_fields = ("switch", "held", "payments_synced_at")
    formfield_overrides: ClassVar[Any] = {TimeField: {"widget": ClockInput}}
    inlines = (ApprovalLimitInline, MinimumBalanceInline)
    actions_detail = ("stop", "resume", "synced")

    @row_action(
        _lazy("Stop messages"),
        needs=Role.MANAGER,
        icon="front_hand",
        form=StopForm,
        fits=lambda rules: not rules.is_stopped,
        intro=_lazy("Takes effect immediately. Messages that fall due meanwhile are held, and sent after you resume."),
        is_grave=True,
    )
    def stop(self, rules: CollectionSettings, actor: Actor, form: StopForm) -> str:
        channels = form.cleaned_data["channels"]
        rules.is_stopped, rules.stopped_channels = not channels, channels
        rules.save(update_fields=["is_stopped", "stopped_channels"])
        audit.record(rules.account, actor.name, "messages.stopped", str(rules.account)[:120], channels=channels)
        return _("Messages are stopped. Those that fall due are held until you resume.")

    @row_action(
        _lazy("Resume messages"),
        needs=Role.MANAGER,
        icon="play_circle",
        fits=lambda rules: rules.is_stopped or bool(rules.stopped_channels),
        intro=_lazy("Held messages are sent at the next permitted time, at most one to each debtor."),
        is_primary=True,
    )
    def resume(self, rules: CollectionSettings, actor: Actor, form: PageForm) -> str:
        released = safeguards.resume(rules.account, actor)
        audit.record(rules.account, actor.name, "messages.resumed", str(rules.account)[:120], released=released)
        text = _("Messages are resumed. Held messages that will be sent at the next permitted time: %(count)s.")
        return text % {"count": released}

    @row_action(
        _lazy("Confirm payments are up to date"),
        icon="fact_check",
        fits=lambda rules: rules.stale_after_hours is not None,
        intro=_lazy("Confirms that all payments received so far are recorded. Messages waiting for this are released."),
    )
    def synced(self, rules: CollectionSettings, actor: Actor, form: PageForm) -> str:
        released = safeguards.record_sync(rules.account, actor)
        audit.record(rules.account, actor.name, "payments.synced", str(rules.account)[:120], released=released)
        return ngettext(
            "Confirmed. %(count)s waiting message will be sent at the next permitted time.",
            "Confirmed. %(count)s waiting messages will be sent at the next permitted time.",
            released,
        ) % {"count": released}

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row, which is created when a member first opens the page."""
        account = person(request).account
        if account and object_id == str(account.pk):
            CollectionSettings.objects.get_or_create(account=account)
        return super().get_object(request, object_id, from_field)

    def save_model(self, request: HttpRequest, obj: CollectionSettings, form: Any, change: bool) -> None:
        if "statement_day" in form.changed_data:
            obj.next_statements_at = monthly.next_at(obj.account, obj.statement_day, obj.account.now())
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        if formset.has_changed():
            rows = formset.model.objects.filter(settings=form.instance).order_by("currency")
            amounts = {row.currency: str(row.amount) for row in rows}
            name = "limits" if formset.model is ApprovalLimit else "minimums"
            self.record(request, form.instance, f"{name}_changed", **{name: amounts})

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.forecast)
        return [path("forecast/", page, name="communications_forecast"), *super().get_urls()]

    def forecast(self, request: HttpRequest) -> HttpResponse:
        """Show the messages of the next days. Platform staff choose the account."""
        account = _account_of(request)
        days = next((days for days in DAYS if str(days) == request.GET.get("days")), DAYS[-1])
        foreseen = _foreseen(request, account, days) if account else None
        shown = foreseen and Paginator(foreseen.entries, LINES_ON_A_PAGE).get_page(request.GET.get("page"))
        context = {
            "title": _("Forecast"),
            "model_admin": None,  # it has its own entry in the menu, so the heading does not name the list
            "account": account,
            "accounts": Account.objects.order_by("name") if person(request).is_superuser else [],
            "days": days,
            "choices": DAYS,
            "foreseen": foreseen,
            "is_pending": account is not None and foreseen is None and stored_forecasts.is_pending(account),
            "page": shown,
            "dates": shown and by_day(shown.object_list),
        }
        return page(self, request, "admin/communications/forecast.html", context)

    whose = text_column(_lazy("Account"), "account__name")

    @display(description=_lazy("Hours"))
    def hours(self, rules: CollectionSettings) -> str:
        return bdi(f"{rules.opens_at:%H:%M}–{rules.closes_at:%H:%M}")

    @display(description=_lazy("Messages"))
    def switch(self, rules: CollectionSettings) -> str:
        if rules.is_stopped:
            return badge(_("All channels stopped"), "danger")
        if rules.stopped_channels:
            names = _(", ").join(str(Medium(channel).label) for channel in rules.stopped_channels)
            return badge(_("%(names)s stopped") % {"names": names}, "warning")
        return badge(_("On"), "success")

    @display(description=_lazy("Held messages"))
    def held(self, rules: CollectionSettings) -> str:
        rows = Communication.objects.filter(account=rules.account_id, status=State.SCHEDULED, waits_for="stopped")
        url = reverse("admin:communications_communication_changelist")
        return format_html('<a class="text-link" href="{}?waits=stopped">{}</a>', url, rows.count())


# --- Forecast ----------------------------------------------------------------------------------------------------


def _account_of(request: HttpRequest) -> Account | None:
    """Return the account of the page: the member's own, or the choice of platform staff. Others are not found."""
    key = request.GET.get("account") or person(request).account_id
    return account_or_404(request, key) if key else None


@dataclass(frozen=True, slots=True)
class _Shown:
    """A forecast on its page. `computed_at` is None if it was computed for this request."""

    entries: Sequence[forecast.Entry]
    until: dt.datetime
    is_whole: bool
    computed_at: dt.datetime | None = None


def _foreseen(request: HttpRequest, account: Account, days: int) -> _Shown | None:
    """Return the forecast of a small account, or the last one that a worker computed, or None if there is none yet."""
    now = None
    if not stored_forecasts.is_large(account):
        limit = sandbox.Deadline(stored_forecasts.REQUEST_SECONDS)
        now = unless_busy(request, lambda: forecast.forecast(account, days, deadline=limit))
        if now is None or now.is_whole:
            return _Shown(now.entries, now.until, now.is_whole) if now else None
    stored = stored_forecasts.latest(account, days)
    if stored and stored.until:
        return _Shown(stored_forecasts.Entries(stored), stored.until, stored.is_whole, stored.computed_at)
    return _Shown(now.entries, now.until, now.is_whole) if now else None


def unless_busy(request: HttpRequest, compute: Callable[[], forecast.Forecast]) -> forecast.Forecast | None:
    """Return the forecast, or None and a message if another one is being computed."""
    try:
        return compute()
    except ForecastBusy:
        messages.warning(request, _("Another forecast is being computed. Try again in a moment."))
        return None


def by_day(entries: Iterable[forecast.Entry]) -> list[tuple[dt.date, list[dict[str, Any]]]]:
    """Return the lines by day, in the reader's time zone."""
    days = itertools.groupby(entries, key=lambda entry: timezone.localtime(entry.scheduled_for).date())
    return [(day, [_line(entry) for entry in group]) for day, group in days]


def _line(entry: forecast.Entry) -> dict[str, Any]:
    kinds = {**dict(Kind.choices), **dict(StepKind.choices)}
    return {
        "at": entry.scheduled_for,
        "invoice": entry.invoice_number,
        "url": reverse("admin:invoices_invoice_change", args=[entry.invoice_id]),
        "debtor": entry.debtor,
        "what": kinds[entry.kind],
        "step": "" if entry.step is None else f"{entry.step:+d}",
        "channel": Medium(entry.channel).label if entry.channel else "",
        "recipient": entry.recipient,
        "why": entry.reason and reasons.describe(entry.reason),
    }
