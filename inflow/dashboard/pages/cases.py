"""Cases: escalated invoices that a person handles."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import Options, OptionsFilter, choices
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import badge, moment_column
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import BALANCE, COMPANY, CURRENCY, DEBTOR, NUMBER, AboutInvoice
from inflow.dashboard.pages.forms import ResolveForm
from invoices.cases import cases
from invoices.cases.cases import CaseChange
from invoices.models import CaseStatus, Escalation

CASE_BADGES = {CaseStatus.OPEN: "danger", CaseStatus.ACKNOWLEDGED: "warning", CaseStatus.RESOLVED: "success"}


class AssignForm(PageForm):
    assignee = forms.ModelChoiceField(User.objects.none(), required=False, empty_label=_lazy("Nobody"))

    def prepare(self) -> None:
        choice = self.fields["assignee"]
        assert isinstance(choice, forms.ModelChoiceField)
        members = User.objects.filter(account=self.row.account_id, is_active=True).exclude(role=Role.VIEWER)
        choice.queryset, choice.initial = members.order_by("email"), getattr(self.row, "assignee_id", None)


def _change(case: Escalation, actor: Actor, **changes: Any) -> None:
    cases.change(case.account, case.pk, actor, CaseChange(**changes))


def _is_unresolved(case: Escalation) -> bool:
    return case.status != CaseStatus.RESOLVED


class AssigneeFilter(OptionsFilter):
    title, parameter_name = _lazy("assignee"), "whose"
    options: ClassVar[Options] = {
        "mine": (_lazy("Assigned to me"), lambda user: Q(assignee=user)),
        "nobodys": (_lazy("Unassigned"), Q(assignee=None)),
        "waiting": (_lazy("Assigned to me or unassigned"), lambda user: Q(assignee=user) | Q(assignee=None)),
    }


class CaseStatusFilter(OptionsFilter):
    title, parameter_name = _lazy("status"), "status"
    options: ClassVar[Options] = {
        "unresolved": (_lazy("Not resolved"), ~Q(status=CaseStatus.RESOLVED)),
        **{status.value: (status.label, Q(status=status)) for status in CaseStatus},
    }


@admin.register(Escalation)
class EscalationAdmin(AboutInvoice):
    """Cases. Every change goes through `invoices.cases`."""

    list_display = (
        *("invoice_link", "debtor_shown", "balance_shown", "level_shown"),
        *("reason", "status_shown", "assignee", "opened"),
    )
    export_columns = (
        *(NUMBER, DEBTOR, COMPANY, BALANCE, CURRENCY, "level", "reason", "status"),
        *(("assignee", "assignee__email"), "resolution", "notes", "opened_at", "resolved_at", "id"),
    )
    list_filter = (CaseStatusFilter, AssigneeFilter, "level", *choices("reason"))
    list_select_related = ("invoice", "assignee")
    ordering = ("-opened_at", "-id")
    fields = (
        *("invoice_link", "level", "reason", "status", "assignee"),
        *("resolution", "notes", "opened_at", "resolved_at"),
    )
    readonly_fields = ("invoice_link",)
    actions_detail = ("take", "resolve", "assign")

    @row_action(
        _lazy("Take over"),
        icon="front_hand",
        fits=lambda case: case.status == CaseStatus.OPEN,
        intro=format_lazy(
            _lazy("Assigns the case to you and puts the invoice on hold for {days} days."),
            days=cases.ACKNOWLEDGED_HOLDS_DAYS,
        ),
        is_primary=True,
    )
    def take(self, case: Escalation, actor: Actor, form: PageForm) -> str:
        is_member = User.objects.filter(account=case.account_id, email=actor.name).exists()
        _change(case, actor, status=CaseStatus.ACKNOWLEDGED, assignee=actor.name if is_member else None)
        return _("The case is assigned to you.") if is_member else _("The case is in progress.")

    @row_action(
        _lazy("Resolve"),
        icon="task_alt",
        form=ResolveForm,
        fits=_is_unresolved,
        intro=_lazy("Choose the next step for an open invoice. To write it off, open its own page."),
    )
    def resolve(self, case: Escalation, actor: Actor, form: ResolveForm) -> str:
        names = ("resolution", "hold_until", "promised_on", "notes")
        changes = {name: form.cleaned_data.get(name) or None for name in names}
        _change(case, actor, status=CaseStatus.RESOLVED, **changes)
        return _("The case is resolved.")

    @row_action(_lazy("Assign"), icon="person_add", form=AssignForm, fits=_is_unresolved)
    def assign(self, case: Escalation, actor: Actor, form: AssignForm) -> str:
        member = form.cleaned_data["assignee"]
        _change(case, actor, assignee=member.email if member else "")
        if member is None:
            return _("The case is unassigned.")
        return _("The case is assigned to %(member)s.") % {"member": member}

    @display(description=_lazy("Level"), ordering="level")
    def level_shown(self, case: Escalation) -> str:
        return badge(_("Level %(level)s") % {"level": case.level}, "danger" if case.level > 1 else "warning")

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, case: Escalation) -> str:
        return badge(case.get_status_display(), CASE_BADGES[CaseStatus(case.status)])

    opened = moment_column(_lazy("Opened"), "opened_at")
