"""Corrections after the host's clock was ahead: see docs/decisions/0037.

Statuses, holds, promises and cases that nobody has acknowledged are restored. Events, webhooks, messages and entries
of the timeline stay.
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from inflow.accounts.actors import CLOCK, Channel
from inflow.accounts.models import Account
from invoices import signals
from invoices.cases import escalations
from invoices.drafts import Draft
from invoices.models import (
    OPEN,
    CaseStatus,
    Escalation,
    Invoice,
    Promise,
    PromiseStatus,
    Reason,
    Resolution,
    TimelineEntry,
)
from invoices.writing import changing

log = structlog.get_logger(__name__)

# Reasons of the cases that a date opens. Other cases don't depend on the clock.
_OPENED_BY_TIME = (Reason.POLICY_STEP, Reason.PROMISE_BROKEN, Reason.DISPUTE)


def aged_early(accounts: Iterable[uuid.UUID], today: dt.date) -> "QuerySet[Invoice, dict[str, Any]]":
    """Return the open invoices that were aged on a day that has not come yet."""
    found = Invoice.objects.filter(account__in=accounts, status__in=OPEN, aged_on__gt=today)
    return found.order_by("pk").values("account_id", "id")


def correct(account: Account, invoice_id: uuid.UUID) -> bool:
    """Correct one invoice to today's state. Return True if its status changed."""
    with changing(account, invoice_id, CLOCK) as draft:
        invoice = draft.invoice
        before, today = invoice.status, account.today()
        if not invoice.is_open or invoice.aged_on is None or invoice.aged_on <= today:
            return False
        early = _early(invoice)
        if held_until := _hold_ended_early(invoice, early, today):
            invoice.hold_until = held_until
        draft.look()
        draft.then(lambda: _reopen_promise(draft, early, held_until))
    return draft.invoice.status != before


def close_early_cases() -> int:
    """Close the unacknowledged cases that were opened while the clock was ahead. Return their number."""
    early = Escalation.objects.filter(account__clock=None, opened_at__gt=timezone.now(), status=CaseStatus.OPEN)
    found = early.filter(reason__in=_OPENED_BY_TIME)
    closed = 0
    for case_id, account_id, invoice_id in list(found.order_by("pk").values_list("pk", "account_id", "invoice_id")):
        try:
            closed += _close_case(Account.objects.get(pk=account_id), invoice_id, case_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # one failing case must not stop the others
            log.exception("case_not_closed", escalation=str(case_id))
    return closed


def _close_case(account: Account, invoice_id: uuid.UUID, case_id: uuid.UUID) -> bool:
    with changing(account, invoice_id, CLOCK) as draft:
        case = Escalation.objects.select_for_update(no_key=True).get(pk=case_id)
        if case.status != CaseStatus.OPEN:
            return False
        case.invoice = draft.invoice
        draft.then(lambda: escalations.close(case, Resolution.TOO_EARLY, CLOCK))
    return True


def _early(invoice: Invoice) -> list[TimelineEntry]:
    """Return the clock's timeline entries that lie in the future, oldest first."""
    entries = TimelineEntry.objects.filter(invoice=invoice, at__gt=invoice.account.now(), channel=Channel.CLOCK)
    return list(entries.order_by("id"))


def _hold_ended_early(invoice: Invoice, early: list[TimelineEntry], today: dt.date) -> dt.date | None:
    """Return the last day of a hold that the clock ended too early, unless a person changed the invoice since."""
    ends = [each for each in early if each.before.get("hold_until") and not each.after.get("hold_until")]
    if not ends or invoice.hold_until or invoice.disputed_at:
        return None
    last_day = dt.date.fromisoformat(ends[-1].before["hold_until"])
    since = TimelineEntry.objects.filter(invoice=invoice, id__gt=ends[-1].pk, kind__in=("status_changed", "changed"))
    by_others = since.exclude(channel=Channel.CLOCK).filter(after__has_any_keys=["status", "hold_until"])
    return None if last_day < today or by_others.exists() else last_day


def _reopen_promise(draft: Draft, early: list[TimelineEntry], held_until: dt.date | None) -> None:
    """Reopen a promise that was broken before its grace period ended, or withdraw it if its hold no longer applies."""
    if not any(entry.kind == "promise_broken" for entry in early):
        return
    invoice = draft.invoice
    broken = Promise.objects.filter(invoice=invoice, status=PromiseStatus.BROKEN).order_by("-created_at", "-id").first()
    if broken is None or broken.hold_until < draft.account.today():
        return
    is_held = broken.hold_until == held_until
    broken.status = PromiseStatus.OPEN if is_held else PromiseStatus.WITHDRAWN
    broken.save(update_fields=["status"])
    if is_held:
        broken.invoice = invoice
        signals.promise_reopened.send(Promise, promise=broken)
