"""The daily digest: counts of a person's new and due items, with links."""

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from communications.models import CallStatus, CallTask, Reply, ReplyStatus
from inflow.accounts.models import User
from inflow.notifications.items import link
from inflow.notifications.models import Kind, Preferences
from inflow.notifications.queue import put
from invoices.debtors.receivables import CHASED
from invoices.models import OPEN, CaseStatus, Escalation, Invoice, Promise, PromiseStatus, Task

_TASKS_SHOWN = 10


def queue_due() -> int:
    """Queue the digests that are due and set their next moment, in the same transaction. Return their number."""
    queued = 0
    while _queue_next():
        queued += 1
    return queued


def _queue_next() -> bool:
    now = timezone.now()
    with transaction.atomic():
        due = Preferences.objects.filter(digest=True, digest_due_at__lte=now).order_by("digest_due_at")
        rows = due.select_for_update(skip_locked=True, of=("self",)).select_related("user__account")
        chosen = rows.first()
        if chosen is None:
            return False
        day = now.astimezone(chosen.zone).date()
        if chosen.user.account:
            put(chosen.user.account, Kind.DIGEST, day.isoformat(), None, {chosen.user_id})
        chosen.digest_due_at = chosen.next_digest(now)
        chosen.save(update_fields=["digest_due_at"])
    return True


def content(user: User) -> dict[str, Any] | None:
    """Return the template's context, or None if nothing is new or due."""
    account = user.account
    assert account is not None
    today, since = account.today(), account.now() - dt.timedelta(days=1)
    mine = Q(debtor__owner=user)
    tasks = Task.objects.filter(account=account, owner=user, done_at=None, due_on__lte=today)
    cases = Escalation.objects.filter(account=account).exclude(status=CaseStatus.RESOLVED)
    cases = cases.filter(Q(assignee=user) | Q(assignee=None, invoice__debtor__owner=user))
    replies = Reply.objects.filter(mine, account=account, status=ReplyStatus.PROPOSED)
    calls = CallTask.objects.filter(mine, account=account, status=CallStatus.OPEN, invoice__status__in=CHASED)
    promises = Promise.objects.filter(invoice__account=account, invoice__debtor__owner=user, promised_on=today)
    disputed = Invoice.objects.filter(mine, account=account, status__in=OPEN, disputed_at__gte=since)
    found = {
        "replies": (replies, link("admin:communications_reply_changelist")),
        "cases": (cases, link("admin:invoices_escalation_changelist", query="?status=unresolved&whose=waiting")),
        "disputes": (disputed, link("admin:invoices_invoice_changelist", query="?status__exact=disputed")),
        "tasks": (tasks, link("admin:invoices_task_changelist", query="?state=open&whose=mine")),
        "calls": (calls, link("admin:communications_calltask_changelist", query="?whose=mine")),
        "promises": (
            promises.filter(status=PromiseStatus.OPEN),
            link("admin:invoices_promise_changelist", query=f"?status__exact=open&promised_on_to={today}"),
        ),
    }
    lines = {name: {"count": rows.count(), "url": url} for name, (rows, url) in found.items()}
    if not any(line["count"] for line in lines.values()):
        return None
    return {**lines, "first_tasks": list(tasks.order_by("due_on", "pk")[:_TASKS_SHOWN]), "today": today}
