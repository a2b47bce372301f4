"""Tasks: the list, a page for each, and the panel on the pages of invoices and debtors."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.accounts.access import rows_of
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import Options, OptionsFilter
from inflow.dashboard.core.forms import DayField, PageForm, TextField
from inflow.dashboard.core.markup import badge, bdi, link
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.forms import OnceForm
from invoices import staff_tasks
from invoices.models import Debtor, Invoice, Task

_SHOWN = 10


class _OwnerField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def __init__(self) -> None:
        super().__init__(User.objects.none(), label=_lazy("Owner"), required=False, empty_label=_lazy("Nobody"))


class TaskForm(OnceForm):
    """A form for a new task about an invoice or a debtor. The initial owner is the debtor's."""

    text = TextField(label=_lazy("Task"), rows=2, max_length=500)
    due_on = DayField(label=_lazy("Due"))
    owner = _OwnerField()

    def prepare(self) -> None:
        super().prepare()
        debtor = self.row.debtor if isinstance(self.row, Invoice) else self.row
        self.fields["due_on"].initial = self.row.account.today()
        _set_owner(self, debtor.owner_id)


class PostponeForm(PageForm):
    due_on = DayField(label=_lazy("Due"))
    from_row = ("due_on",)


class AssignTaskForm(PageForm):
    owner = _OwnerField()

    def prepare(self) -> None:
        _set_owner(self, self.row.owner_id)


def _set_owner(form: PageForm, initial: int | None) -> None:
    choice = form.fields["owner"]
    assert isinstance(choice, forms.ModelChoiceField)
    choice.queryset, choice.initial = staff_tasks.assignable(form.row.account_id), initial


def _create(model_admin: Any, row: Invoice | Debtor, actor: Actor, form: TaskForm) -> str:
    about: dict[str, Any] = {"invoice_id": row.pk} if isinstance(row, Invoice) else {"debtor_id": row.pk}
    task = staff_tasks.create(row.account, actor, **form.cleaned_data, **about)
    return _("The task was added. It is due on %(day)s.") % {"day": date_format(task.due_on)}


class TaskActions:
    add_task = row_action(_lazy("Add task"), icon="add_task", form=TaskForm)(_create)


def shown(row: Invoice | Debtor, user: User) -> dict[str, Any]:
    """Return the context of admin/tasks.html."""
    is_invoice = isinstance(row, Invoice)
    found = list(staff_tasks.of_invoice(row) if isinstance(row, Invoice) else staff_tasks.of_debtor(row))
    today, name = row.account.today(), "invoice" if is_invoice else "debtor"
    rows = [
        {
            "task": task,
            "url": reverse("admin:invoices_task_change", args=[task.pk]),
            "done_url": reverse("admin:invoices_task_finish", args=[task.pk]),
            "is_overdue": task.due_on < today,
            "about": "" if is_invoice or task.invoice is None else task.invoice.invoice_number,
        }
        for task in found[:_SHOWN]
    ]
    return {
        "rows": rows,
        "count": len(found),
        "overdue": sum(task.due_on < today for task in found),
        "add_url": reverse(f"admin:invoices_{name}_add_task", args=[row.pk]) if user.may(Role.AGENT) else "",
    }


def due(user: User, shown: int) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of due tasks that the person or nobody owns, and the first `shown` as rows of a panel."""
    today = user.account.today() if user.account else None
    mine = Q(owner=user) | Q(owner=None)
    found = rows_of(user, Task.objects.filter(mine, done_at=None)).order_by("due_on", "pk")
    if today:
        found = found.filter(due_on__lte=today)
    first = list(found.select_related("invoice", "debtor")[: shown + 1])
    rows = [
        {
            "title": task.text,
            "to": f"{task.invoice or task.debtor} · {date_format(task.due_on)}",
            "at": None,
            "badge": badge(_("Overdue"), "danger") if today and task.due_on < today else "",
            "url": reverse("admin:invoices_task_change", args=[task.pk]),
        }
        for task in first[:shown]
    ]
    return len(first) if len(first) <= shown else found.count(), rows


class WhoseFilter(OptionsFilter):
    title, parameter_name = _lazy("owner"), "whose"
    options: ClassVar[Options] = {
        "mine": (_lazy("Mine"), lambda user: Q(owner=user)),
        "nobodys": (_lazy("Unassigned"), Q(owner=None)),
        "waiting": (_lazy("Mine or unassigned"), lambda user: Q(owner=user) | Q(owner=None)),
    }


class StateFilter(OptionsFilter):
    title, parameter_name = _lazy("state"), "state"
    options: ClassVar[Options] = {
        "open": (_lazy("Open"), Q(done_at=None)),
        "done": (_lazy("Done"), Q(done_at__isnull=False)),
    }


@admin.register(Task)
class TaskAdmin(OwnRowsAdmin):
    """Tasks: open ones first, by due date. Every change goes through `invoices.staff_tasks`."""

    list_display = ("text_shown", "about", "due_shown", "owner", "done_at")
    list_filter = (StateFilter, WhoseFilter)
    list_select_related = ("invoice", "debtor", "owner")
    search_fields = ("text", "invoice__invoice_number", "invoice__debtor_name", "debtor__name", "debtor__company")
    search_help_text = _lazy("Text, invoice number, name or company")
    empty_text = _lazy(
        "Nothing to do. Add a task on the page of an invoice or a debtor, with a due day and a person who does it."
    )
    export_columns = (
        *("text", "due_on", ("owner", "owner__email"), ("invoice", "invoice__invoice_number")),
        *(("debtor", "debtor__name"), "created_by", "created_at", "done_by", "done_at", "id"),
    )
    ordering = (F("done_at").desc(nulls_first=True), "due_on", "id")
    fields = readonly_fields = (
        *("text", "about", "due_on", "owner", "created_by", "created_at"),
        *("done_by", "done_at"),
    )
    actions_detail = ("finish", "postpone", "assign", "reopen")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        rows: QuerySet[Task] = super().get_queryset(request)
        return rows.select_related("invoice", "debtor", "owner")

    @row_action(_lazy("Mark as done"), icon="task_alt", fits=lambda task: task.is_open, is_primary=True, undo="reopen")
    def finish(self, task: Task, actor: Actor, form: PageForm) -> str:
        staff_tasks.finish(task.account, task.pk, actor)
        return _("The task is done.")

    @row_action(_lazy("Postpone"), icon="event", form=PostponeForm, fits=lambda task: task.is_open)
    def postpone(self, task: Task, actor: Actor, form: PostponeForm) -> str:
        staff_tasks.postpone(task.account, task.pk, actor, form.cleaned_data["due_on"])
        return _("The task is due on %(day)s.") % {"day": date_format(form.cleaned_data["due_on"])}

    @row_action(_lazy("Assign"), icon="person_add", form=AssignTaskForm, fits=lambda task: task.is_open)
    def assign(self, task: Task, actor: Actor, form: AssignTaskForm) -> str:
        owner = form.cleaned_data["owner"]
        staff_tasks.assign(task.account, task.pk, actor, owner)
        return _("The task is assigned to %(owner)s.") % {"owner": owner} if owner else _("The task is unassigned.")

    @row_action(_lazy("Reopen"), icon="undo", fits=lambda task: not task.is_open)
    def reopen(self, task: Task, actor: Actor, form: PageForm) -> str:
        staff_tasks.reopen(task.account, task.pk, actor)
        return _("The task is open again.")

    @display(description=_lazy("Task"), ordering="text")
    def text_shown(self, task: Task) -> str:
        return bdi(task.text)

    @display(description=_lazy("About"))
    def about(self, task: Task) -> str:
        if task.invoice:
            return link(reverse("admin:invoices_invoice_change", args=[task.invoice_id]), task.invoice)
        return link(reverse("admin:invoices_debtor_change", args=[task.debtor_id]), task.debtor)

    @display(description=_lazy("Due"), ordering="due_on")
    def due_shown(self, task: Task) -> str:
        day = date_format(task.due_on)
        late = task.is_open and task.due_on < task.account.today()
        return _("%(day)s, overdue") % {"day": day} if late else day
