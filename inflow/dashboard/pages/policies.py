"""Reminder policies: their steps, and the preview before one is switched on."""

import itertools
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import keep_lazy_text
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from communications.engine import forecast, sandbox, stored_forecasts
from communications.models import WITHOUT_MESSAGE, Medium, PolicyStep, ReminderPolicy, StepKind
from communications.schedule import policies, switching
from communications.schedule.errors import SwitchingBusy
from inflow.accounts.access import actor
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import OwnAccountForm, PageForm
from inflow.dashboard.core.inlines import EditableInline
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from inflow.dashboard.core.responses import page
from inflow.dashboard.core.row_actions import page_action, row_action
from inflow.dashboard.pages.rules import DAYS, by_day, unless_busy
from inflow.languages import in_english
from invoices.models import OPEN, Invoice, InvoiceQuerySet

_ALL, _UNCHASED = "all", "unchased"


def describe(step: PolicyStep) -> str:
    """Return a step as text, such as "7 days after: follow-up, neutral"."""
    days = abs(step.offset_days)
    if not days:
        when = _("On the due date")
    elif step.offset_days < 0:
        when = ngettext("%(days)d day before", "%(days)d days before", days) % {"days": days}
    else:
        when = ngettext("%(days)d day after", "%(days)d days after", days) % {"days": days}
    kind, tone = step.get_kind_display().lower(), step.get_tone_display().lower()
    what = _("%(kind)s, %(tone)s") % {"kind": kind, "tone": tone}
    if step.kind in WITHOUT_MESSAGE:
        what = _("call") if step.kind == StepKind.CALL else _("no message")
    parts = {"when": when, "what": what, "level": step.escalates_to}
    if step.escalates_to:
        return _("%(when)s: %(what)s, escalation level %(level)s") % parts
    return _("%(when)s: %(what)s") % parts


class NewPolicyForm(OwnAccountForm):
    name = forms.CharField(max_length=100, help_text=_lazy("The policy starts with the standard steps."))


class SwitchOnForm(PageForm):
    whom = forms.ChoiceField(
        label=_lazy("Which invoices"),
        choices=[("idle", _lazy("Open invoices without reminders")), ("all", _lazy("All open invoices"))],
    )
    overdue_enter = forms.BooleanField(
        required=False,
        label=_lazy("Include overdue invoices"),
        help_text=_lazy("Their reminders start today. Otherwise they get no reminders."),
        widget=UnfoldBooleanSwitchWidget,
    )

    @property
    def policy(self) -> ReminderPolicy | None:
        """The policy as it is stored with the invoices; None for the default."""
        return None if self.row.is_default else self.row


class Steps(BaseInlineFormSet):  # type: ignore[type-arg]
    def steps(self) -> Sequence[policies.Step]:
        """Return the steps of the form, in order."""
        names = ("offset_days", "kind", "tone", "channels", "escalates_to")
        filled = [getattr(form, "cleaned_data", {}) for form in self.forms]
        rows = [data for data in filled if "offset_days" in data and not data.get("DELETE")]
        steps = [policies.Step(**{name: data[name] for name in names}) for data in rows]
        return sorted(steps, key=lambda step: step.offset_days)


class ChannelsField(forms.ChoiceField):
    """The channels of a step in order of preference, one choice for each order."""

    def __init__(self) -> None:
        orders = [order for length in (1, 2, 3) for order in itertools.permutations(Medium, length)]
        choices = [(",".join(order), _preferred(*(medium.label for medium in order))) for order in orders]
        super().__init__(
            label=_lazy("Channels"), choices=choices, initial=policies.ALL_CHANNELS, widget=UnfoldAdminSelectWidget
        )

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else ",".join(value)

    def clean(self, value: Any) -> Any:
        return super().clean(value).split(",")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial) != data)


@keep_lazy_text
def _preferred(*labels: Any) -> str:
    return _(", else ").join(str(label) for label in labels)


class StepForm(forms.ModelForm):  # type: ignore[type-arg]
    channels = ChannelsField()

    class Meta:
        model = PolicyStep
        fields = ("offset_days", "kind", "tone", "channels", "escalates_to")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Label each field for screen readers: the table's headings are not labels."""
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = field.label


class StepInline(EditableInline):
    changes = Role.MANAGER
    model = PolicyStep
    form, formset = StepForm, Steps
    fields = ("offset_days", "kind", "tone", "channels", "escalates_to")
    hide_title = True
    verbose_name_plural = _lazy("steps")


def _steps(policy: ReminderPolicy) -> str:
    return "; ".join(f"{step.offset_days:+d} {step.kind} {step.tone}" for step in policy.steps.all())


@admin.register(ReminderPolicy)
class ReminderPolicyAdmin(OwnRowsAdmin):
    """Reminder policies. After a change, each invoice continues after its last step; nothing is sent again."""

    adds = changes = Role.MANAGER
    list_display = ("name", "schedule", "used_by", "is_default")
    ordering = ("-is_default", "name")
    search_fields = ("name",)
    export_columns = ("name", "is_default", ("steps", _steps))
    fields = ("name",)
    inlines = (StepInline,)
    add_page = AddPage(NewPolicyForm, _lazy("Create a policy"), _lazy("Create"))
    actions_detail = ("switch_on", "delete_policy")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("steps")

    def add(self, request: HttpRequest, form: NewPolicyForm) -> HttpResponse:
        assert form.account is not None
        try:
            with transaction.atomic():
                policy = policies.create(form.account, form.cleaned_data["name"])
        except IntegrityError as error:
            raise ValidationError({"name": _("There is already a policy with that name.")}) from error
        self.record(request, policy, "created")
        messages.success(request, _("%(policy)s has been created. No invoice uses it yet.") % {"policy": policy})
        return HttpResponseRedirect(self.url("change", policy.pk))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        if formset.has_changed():
            with in_english():
                before = [describe(step) for step in form.instance.steps.all()]
            policies.edit(form.instance, formset.steps())
            with in_english():
                after = [describe(step) for step in form.instance.steps.order_by("offset_days")]
            self.record(request, form.instance, "edited", changes={"steps": [before, after]})

    @page_action(_lazy("Switch on"), needs=Role.MANAGER, icon="play_circle")
    def switch_on(self, request: HttpRequest, policy: ReminderPolicy) -> HttpResponse:
        """GET and the first POST show a preview; the POST with `confirm` switches the policy on."""
        form = SwitchOnForm(request.POST if request.method == "POST" else None, row=policy)
        context: dict[str, Any] = {
            "title": _("Switch on “%(policy)s”") % {"policy": policy},
            "form": form,
            "back": self.url("change", policy.pk),
        }
        if request.method == "POST" and form.is_valid():
            invoices = Invoice.objects.for_account(policy.account).filter(status__in=OPEN)
            if form.cleaned_data["whom"] == "idle":
                invoices = invoices.filter(is_chased=False)
            enter = form.cleaned_data["overdue_enter"]
            if "confirm" in request.POST and invoices.count() > switching.IMMEDIATE_LIMIT:
                return self._switch_on_later(request, form)
            if "confirm" in request.POST:
                entered = policies.switch_on(policy.account, invoices, form.policy, actor(request), overdue_enter=enter)
                self.record(request, policy, "switched_on", entered=entered, overdue_enter=enter)
                text = ngettext(
                    "%(entered)s invoice now follows “%(policy)s”.",
                    "%(entered)s invoices now follow “%(policy)s”.",
                    entered,
                )
                messages.success(request, text % {"entered": entered, "policy": policy})
                return HttpResponseRedirect(context["back"])
            foreseen = self._preview(request, form, invoices)
            entering = policies.count_entries(policy.account, invoices)
            dates = foreseen and by_day(foreseen.entries)
            context |= {"dates": dates, "foreseen": foreseen, "days": DAYS[-1], "entering": entering, "enter": enter}
        return page(self, request, "admin/communications/switch_on.html", context)

    @row_action(
        _lazy("Delete"),
        needs=Role.MANAGER,
        icon="delete",
        fits=lambda policy: not policy.is_default,
        intro=_lazy("Only a policy that no rule, debtor or invoice uses can be deleted."),
        is_grave=True,
    )
    def delete_policy(self, policy: ReminderPolicy, actor: Actor, form: PageForm) -> str:
        policies.delete(policy, actor)
        return _("The policy “%(policy)s” has been deleted.") % {"policy": policy}

    def after(self, row: ReminderPolicy) -> str:
        return self.url("change", row.pk) if row.pk else self.url("changelist")

    def _switch_on_later(self, request: HttpRequest, form: SwitchOnForm) -> HttpResponse:
        policy, chosen, enter = form.row, form.cleaned_data["whom"], form.cleaned_data["overdue_enter"]
        try:
            switching.start(policy.account, policy, actor(request), only_unchased=chosen == "idle", overdue_enter=enter)
        except SwitchingBusy:
            messages.error(request, _("Another policy is being switched on. Try again when it is done."))
        else:
            messages.success(request, _("“%(policy)s” is being switched on in the background.") % {"policy": policy})
        return HttpResponseRedirect(self.url("change", policy.pk))

    def _preview(self, request: HttpRequest, form: SwitchOnForm, invoices: InvoiceQuerySet) -> forecast.Forecast | None:
        account, enter = form.row.account, form.cleaned_data["overdue_enter"]
        if stored_forecasts.is_large(account):
            messages.info(request, _("This account is too large for a preview. See Forecast after switching on."))
            return None
        ids, by = list(invoices.values_list("pk", flat=True)), actor(request)
        limit = sandbox.Deadline(stored_forecasts.REQUEST_SECONDS)
        return unless_busy(
            request,
            lambda: forecast.preview(account, ids, form.policy, by, overdue_enter=enter, days=DAYS[-1], deadline=limit),
        )

    @display(description=_lazy("Reminder schedule"))
    def schedule(self, policy: ReminderPolicy) -> str:
        lines = ((describe(step),) for step in policy.steps.all())
        return format_html_join("", '<span class="second-line">{}</span>', lines)

    @display(description=_lazy("Used by"))
    def used_by(self, policy: ReminderPolicy) -> str:
        chased = policies.chased_by(policy).count()
        return ngettext("%(count)d open invoice", "%(count)d open invoices", chased) % {"count": chased}
