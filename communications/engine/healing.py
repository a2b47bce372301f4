"""Repair of reminders after the system clock was ahead: see docs/decisions/0037.

Messages that were sent remain, and count as contacts. Messages that were planned, steps that were completed and cases
that were opened before their day are undone once the clock is correct again.
"""

import datetime as dt
import uuid

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import Q
from django.utils import timezone

from communications.channels import pauses
from communications.models import Communication, SenderHealth, State
from communications.schedule import ladder, policies, replanning
from communications.schedule.policies import Step
from inflow.accounts.actors import Channel
from inflow.accounts.models import Account
from inflow.restores import walltime
from inflow.sql import account_scope
from invoices import early_clock, lifecycle
from invoices.models import OPEN, Invoice, TimelineEntry
from invoices.writing import NotFound, lock

log = structlog.get_logger(__name__)

_WORK = "reminders"
# Kinds of timeline entries that the clock writes when it plans, skips or takes a step.
_KINDS = ("planned", "skipped", "escalated")


def mend_if_ahead() -> bool:
    """Repair the reminders if they were last checked at a time in the future. Return True if they were."""
    was_ahead = walltime.has_gone_back(_WORK)
    if was_ahead:
        log.warning("clock_was_ahead", work=_WORK)
        _end_pauses()
        for account_id, invoice_id in _touched():
            try:
                _mend(Account.objects.get(pk=account_id), invoice_id)
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # an error of one invoice must not block the others
                log.exception("step_not_mended", invoice=str(invoice_id))
        early_clock.close_early_cases()
        replanning.request(Account.objects.filter(clock=None).values_list("pk", flat=True))
    walltime.leave_mark(_WORK)
    return was_ahead


def _end_pauses() -> None:
    now = timezone.now()
    too_late = Q(paused_until__gt=now + pauses.LONG_PAUSE) | Q(probe_until__gt=now + pauses.PROBE_LEASE)
    shared = SenderHealth.objects.exclude(pk__contains="@")  # accounts with their own clock have their own rows
    shared.filter(too_late).update(paused_until=now, probe_until=None)


def _touched() -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return (account, invoice) ids with steps that were planned, skipped or taken at a time in the future.

    This reads the whole timeline without an index, because a wrong clock is rare.
    """
    early = TimelineEntry.objects.filter(at__gt=timezone.now(), channel=Channel.CLOCK, kind__in=_KINDS)
    early = early.filter(account__clock=None, invoice__status__in=OPEN).order_by("invoice_id")
    return list(early.values_list("account_id", "invoice_id").distinct())


def _mend(account: Account, invoice_id: uuid.UUID) -> None:
    """Plan an invoice's next step anew, as of now."""
    with account_scope(account):
        try:
            invoice = lock(account, invoice_id)
        except NotFound:
            return
        plans = TimelineEntry.objects.filter(invoice=invoice, kind="planned").order_by("-id")
        last_planned_at = plans.values_list("at", flat=True).first()
        for row in ladder.unsent(invoice):
            is_step = row.step is not None and row.status != State.SENDING
            if is_step and last_planned_at and last_planned_at > account.now():
                ladder.cancel(row, "planned_early")
        lifecycle.update_schedule(invoice, last_step=_last_step(invoice))
        ladder.advance(invoice)


def _last_step(invoice: Invoice) -> int | None:
    """Return the last completed step, without those that were completed without a message before their day."""
    today, steps = invoice.account.today(), policies.steps_of(invoice)
    taken = [step for step in steps if invoice.last_step is not None and step.offset_days <= invoice.last_step]
    while taken and _is_early(invoice, taken[-1], today):
        taken.pop()
    return taken[-1].offset_days if taken else None


def _is_early(invoice: Invoice, step: Step, today: dt.date) -> bool:
    day = invoice.due_date if step.offset_days < 0 else ladder.on_paper(invoice, step)
    made = Communication.objects.filter(invoice=invoice, round=invoice.round, step=step.offset_days, kind=step.kind)
    return today < day and not made.exclude(status=State.CANCELLED).exists()
