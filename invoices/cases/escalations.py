"""Cases that need a person. The caller holds the transaction and the invoice's lock.

Level 2 follows a level 1 of the same round. An invoice has at most one unresolved case for each level.
"""

import datetime as dt
import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from inflow.accounts.actors import CLOCK, Actor
from inflow.sql import compiled
from invoices import signals, timeline
from invoices.models import CaseStatus, Escalation, Invoice, Reason, Resolution

MAX_LEVEL = 2
_RESOLUTION_FIELDS = ("status", "resolution", "resolved_from", "resolved_at")


def open_case(
    invoice: Invoice, reason: Reason, actor: Actor = CLOCK, *, level: int | None = None, notes: str = ""
) -> Escalation | None:
    """Open a case and announce it. Return None if an unresolved case of at least this level exists.

    `level` is 1 by default, and at most one above the highest level so far.
    """
    cases = _of_round(invoice=invoice.pk, round=invoice.round)
    highest = max((row["level"] for row in cases), default=0)
    unresolved = max((row["level"] for row in cases if row["status"] != CaseStatus.RESOLVED), default=0)
    level = min(level or 1, highest + 1, MAX_LEVEL)
    if unresolved >= level:
        timeline.note(invoice, "escalation_joined", actor, reason=notes, case=reason)
        return None
    escalation = Escalation(
        account_id=invoice.account_id,
        invoice=invoice,
        round=invoice.round,
        level=level,
        reason=reason,
        notes=notes,
        opened_at=invoice.account.now(),
    )
    try:
        with transaction.atomic():
            escalation.save(force_insert=True)
    except IntegrityError as error:
        if "one_unresolved_case_for_each_level_of_an_invoice" in str(error):
            return None
        raise
    _update_level(invoice)
    after = {"level": level, "reason": reason.value}
    timeline.note(invoice, "escalated", actor, after=after, reason=notes, level=level, case=reason)
    signals.escalation_created.send(Escalation, escalation=escalation, actor=actor)
    return escalation


def escalate(invoice: Invoice, reason: Reason, actor: Actor = CLOCK, *, notes: str = "") -> Escalation | None:
    """Open a case one level above the highest of this round."""
    levels = [row["level"] for row in _of_round(invoice=invoice.pk, round=invoice.round)]
    return open_case(invoice, reason, actor, level=max(levels, default=0) + 1, notes=notes)


def close(escalation: Escalation, resolution: Resolution, actor: Actor) -> None:
    """Resolve one case. The caller changes the invoice."""
    invoice = escalation.invoice
    escalation.resolved_from = escalation.status
    escalation.status, escalation.resolution = CaseStatus.RESOLVED, resolution
    escalation.resolved_at = invoice.account.now()
    escalation.save(update_fields=_RESOLUTION_FIELDS)
    _update_level(invoice)
    level = escalation.level
    timeline.note(invoice, "escalation_resolved", actor, reason=escalation.notes, level=level, resolution=resolution)
    signals.escalation_resolved.send(Escalation, escalation=escalation, actor=actor)


def close_all(invoice: Invoice, resolution: Resolution, actor: Actor) -> None:
    """Resolve all unresolved cases of an invoice."""
    cases = Escalation.objects.select_for_update(no_key=True).filter(invoice=invoice)
    for escalation in cases.exclude(status=CaseStatus.RESOLVED).order_by("level"):
        escalation.invoice = invoice
        close(escalation, resolution, actor)


def reopen(invoice: Invoice, since: dt.datetime, actor: Actor, *, is_payment_undone: bool = True) -> None:
    """Reopen the cases that were resolved since `since` because the invoice closed. They are not announced again."""
    closed = Escalation.objects.select_for_update(no_key=True).filter(
        invoice=invoice,
        round=invoice.round,
        status=CaseStatus.RESOLVED,
        resolution=Resolution.CLOSED,
        resolved_at__gte=since,
    )
    for escalation in closed.order_by("level"):
        escalation.status = escalation.resolved_from or CaseStatus.OPEN
        escalation.resolution, escalation.resolved_from, escalation.resolved_at = "", "", None
        escalation.save(update_fields=_RESOLUTION_FIELDS)
        after = {"level": escalation.level}
        kind = "escalation_reopened" if is_payment_undone else "escalation_open_again"
        timeline.note(invoice, kind, actor, after=after, level=escalation.level)
    _update_level(invoice)


def _update_level(invoice: Invoice) -> None:
    """Set `escalation_level` to the highest level of the unresolved cases."""
    highest = max((row["level"] for row in _unresolved(invoice=invoice.pk)), default=0)
    if highest != invoice.escalation_level:
        invoice.escalation_level = highest
        invoice.save(update_fields=["escalation_level"])


@compiled
def _of_round(*, invoice: uuid.UUID, round: int) -> QuerySet[Escalation, dict[str, Any]]:
    """Return the cases of a round, without those that were opened too early."""
    cases = Escalation.objects.filter(invoice=invoice, round=round).exclude(resolution=Resolution.TOO_EARLY)
    return cases.order_by().values("level", "status")


@compiled
def _unresolved(*, invoice: uuid.UUID) -> QuerySet[Escalation, dict[str, Any]]:
    cases = Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED)
    return cases.order_by().values("level")
