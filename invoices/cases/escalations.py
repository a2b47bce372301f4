"""Cases for a person: when messages don't help, or can't. All in the caller's transaction, under the invoice's lock.

Level 1 first, level 2 only after a level 1 in the same round; at most one unresolved case for each level.
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

HIGHEST = 2


def open_case(
    invoice: Invoice, reason: Reason, actor: Actor = CLOCK, *, level: int | None = None, notes: str = ""
) -> Escalation | None:
    """Call a person in, and announce it. None where the reason joins a case that is open already.

    Without a level it is level 1, or whatever is open.
    """
    known = _of_round(invoice=invoice.pk, round=invoice.round)
    been = max((row["level"] for row in known), default=0)
    unresolved = max((row["level"] for row in known if row["status"] != CaseStatus.RESOLVED), default=0)
    wanted = min(level or 1, been + 1, HIGHEST)
    if unresolved >= wanted:
        timeline.note(invoice, "escalation_joined", actor, reason=notes, case=reason)
        return None
    escalation = Escalation(
        account_id=invoice.account_id,
        invoice=invoice,
        round=invoice.round,
        level=wanted,
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
    _stand(invoice)
    after = {"level": wanted, "reason": reason.value}
    timeline.note(invoice, "escalated", actor, after=after, reason=notes, level=wanted, case=reason)
    signals.escalation_created.send(Escalation, escalation=escalation, actor=actor)
    return escalation


def raise_further(invoice: Invoice, reason: Reason, actor: Actor = CLOCK, *, notes: str = "") -> Escalation | None:
    """The next level after the highest that has been in this round."""
    levels = [row["level"] for row in _of_round(invoice=invoice.pk, round=invoice.round)]
    return open_case(invoice, reason, actor, level=max(levels, default=0) + 1, notes=notes)


def close(escalation: Escalation, resolution: Resolution, actor: Actor) -> None:
    """Resolve one case. What becomes of the invoice is the caller's."""
    invoice = escalation.invoice
    escalation.resolved_from = escalation.status
    escalation.status, escalation.resolution = CaseStatus.RESOLVED, resolution
    escalation.resolved_at = invoice.account.now()
    escalation.save()
    _stand(invoice)
    level = escalation.level
    timeline.note(invoice, "escalation_resolved", actor, reason=escalation.notes, level=level, resolution=resolution)
    signals.escalation_resolved.send(Escalation, escalation=escalation, actor=actor)


def close_all(invoice: Invoice, resolution: Resolution, actor: Actor) -> None:
    """Resolve all open cases of an invoice that was closed or has a new due date."""
    cases = Escalation.objects.select_for_update(no_key=True).filter(invoice=invoice)
    for escalation in cases.exclude(status=CaseStatus.RESOLVED).order_by("level"):
        escalation.invoice = invoice
        close(escalation, resolution, actor)


def reopen(invoice: Invoice, since: dt.datetime, actor: Actor) -> None:
    """Reopen the cases that the engine resolved when the invoice closed, at `since` or later: the same rows, with the
    same assignee, and not announced again."""
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
        escalation.save()
        after = {"level": escalation.level}
        timeline.note(invoice, "escalation_reopened", actor, after=after, level=escalation.level)
    _stand(invoice)


def _stand(invoice: Invoice) -> None:
    """`escalation_level`: the highest level somebody is still on."""
    highest = max((row["level"] for row in _unresolved(invoice=invoice.pk)), default=0)
    if highest != invoice.escalation_level:
        invoice.escalation_level = highest
        invoice.save(update_fields=["escalation_level"])


@compiled
def _of_round(*, invoice: uuid.UUID, round: int) -> QuerySet[Escalation, dict[str, Any]]:
    """The cases of a round. One that was opened too early counts as if it had not been."""
    cases = Escalation.objects.filter(invoice=invoice, round=round).exclude(resolution=Resolution.TOO_EARLY)
    return cases.order_by().values("level", "status")


@compiled
def _unresolved(*, invoice: uuid.UUID) -> QuerySet[Escalation, dict[str, Any]]:
    cases = Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED)
    return cases.order_by().values("level")
