"""Tasks of people: created, finished, reopened, postponed and assigned. Celery's tasks are in `tasks`."""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from inflow.sql import account_scope
from invoices import subjects, timeline
from invoices.errors import NotFound, Refused
from invoices.models import Debtor, Invoice, Task


def of_debtor(debtor: Debtor) -> QuerySet[Task]:
    """Return the open tasks about a debtor and about its invoices, the first due first."""
    about = Q(debtor=debtor.pk) | Q(invoice__in=Invoice.objects.filter(debtor=debtor.pk))
    found: QuerySet[Task] = Task.objects.filter(about, account=debtor.account_id, done_at=None)
    return found.select_related("invoice", "owner")


def of_invoice(invoice: Invoice) -> QuerySet[Task]:
    """Return the open tasks about an invoice, the first due first."""
    found: QuerySet[Task] = Task.objects.filter(invoice=invoice.pk, account=invoice.account_id, done_at=None)
    return found.select_related("invoice", "owner")


def count_due(user: User) -> int:
    """Return the number of the person's open tasks that are due."""
    if user.account is None:
        return 0
    mine = Task.objects.filter(account=user.account_id, owner=user, done_at=None)
    return mine.filter(due_on__lte=user.account.today()).count()


def assignable(account_id: uuid.UUID) -> QuerySet[User]:
    """Return the people to whom a task can be assigned."""
    members = User.objects.filter(account=account_id, is_active=True).exclude(role=Role.VIEWER)
    return members.order_by("email")


def create(
    account: Account,
    actor: Actor,
    *,
    text: str,
    due_on: dt.date,
    owner: User | None = None,
    invoice_id: uuid.UUID | None = None,
    debtor_id: uuid.UUID | None = None,
    key: uuid.UUID | None = None,
) -> Task:
    """Create a task about an invoice or a debtor. Raise `Refused` if the date is past or the owner can't have tasks.

    `key` is that of a form, which creates one task however often it is submitted.
    """
    with account_scope(account):
        about = subjects.find(account, invoice_id, debtor_id)
        _check(account, due_on, owner)
        content = {"account": account, "text": text, "due_on": due_on, "owner": owner, **about}
        task, is_new = subjects.create_once(Task, key, {"created_by": actor.name}, **content)
        if not is_new:
            return task
        if task.invoice:
            timeline.note(task.invoice, "task_created", actor, reason=text, day=due_on)
        _record(task, actor, "task.created", due_on=str(due_on), owner=owner.email if owner else "")
    return task


def finish(account: Account, task_id: uuid.UUID, actor: Actor) -> Task:
    """Finish the task. Raise `Refused` if it is already done."""
    with _changing(account, task_id) as task:
        _check_open(task)
        task.done_at, task.done_by = timezone.now(), actor.name
        task.save(update_fields=["done_at", "done_by"])
        if task.invoice:
            task.invoice.account = account
            timeline.note(task.invoice, "task_done", actor, reason=task.text)
        _record(task, actor, "task.done")
    return task


def reopen(account: Account, task_id: uuid.UUID, actor: Actor) -> Task:
    """Reopen a finished task."""
    with _changing(account, task_id) as task:
        if task.is_open:
            raise Refused("task", "open", _("The task is already open."))
        task.done_at, task.done_by = None, ""
        task.save(update_fields=["done_at", "done_by"])
        if task.invoice:
            task.invoice.account = account
            timeline.note(task.invoice, "task_reopened", actor, reason=task.text)
        _record(task, actor, "task.reopened")
    return task


def postpone(account: Account, task_id: uuid.UUID, actor: Actor, due_on: dt.date) -> Task:
    """Move the due date of an open task."""
    with _changing(account, task_id) as task:
        _check_open(task)
        _check(account, due_on, None)
        before, task.due_on = task.due_on, due_on
        task.save(update_fields=["due_on"])
        _record(task, actor, "task.postponed", due_on=[str(before), str(due_on)])
    return task


def assign(account: Account, task_id: uuid.UUID, actor: Actor, owner: User | None) -> Task:
    """Assign an open task to a person, or to nobody."""
    with _changing(account, task_id) as task:
        _check_open(task)
        _check(account, None, owner)
        before, task.owner = task.owner, owner
        task.save(update_fields=["owner"])
        _record(task, actor, "task.assigned", owner=[str(before or ""), str(owner or "")])
    return task


@contextmanager
def _changing(account: Account, task_id: uuid.UUID) -> Iterator[Task]:
    with account_scope(account):
        rows = Task.objects.for_account(account).select_for_update(no_key=True, of=("self",))
        task = rows.select_related("invoice", "owner").filter(pk=task_id).first()
        if task is None:
            raise NotFound
        task.account = account
        yield task


def _check_open(task: Task) -> None:
    if not task.is_open:
        raise Refused("task", "done", _("The task is already done."))


def _check(account: Account, due_on: dt.date | None, owner: User | None) -> None:
    if due_on and due_on < account.today():
        raise Refused("due_on", "past", _("This date is in the past."))
    if owner and not assignable(account.pk).filter(pk=owner.pk).exists():
        raise Refused("owner", "not_a_member", _("Tasks can't be assigned to this person."))


def _record(task: Task, actor: Actor, action: str, **detail: Any) -> None:
    audit.record(task.account, actor.name, action, task.text[:120], id=str(task.pk), **detail)
