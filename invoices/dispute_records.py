"""The rows of disputes, which follow the facts of their invoices. The caller holds the invoice's lock."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from inflow.accounts.actors import Actor
from invoices import signals, timeline
from invoices.models import Dispute, DisputeOutcome, DisputeReason, DisputeStatus, Invoice

# The time for answering the debtor, unless staff choose another day.
ANSWER_WITHIN = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Details:
    """Details of a dispute besides the disputed amount, which the invoice has."""

    reason: DisputeReason | None = None
    text: str = ""
    owner_id: int | None = None
    answer_by: dt.date | None = None


def latest_open(invoice: Invoice) -> Dispute | None:
    """Return the open dispute of an invoice, even if the invoice has been paid since."""
    dispute: Dispute | None = Dispute.objects.filter(invoice=invoice, status=DisputeStatus.OPEN).first()
    if dispute:
        dispute.invoice = invoice
    return dispute


def start(invoice: Invoice, actor: Actor, details: Details) -> Dispute:
    """Insert the dispute of an invoice that has become disputed."""
    account = invoice.account
    dispute: Dispute = Dispute.objects.create(
        account=account,
        invoice=invoice,
        reason=details.reason,
        amount=invoice.contested_amount,
        text=details.text,
        owner_id=details.owner_id or invoice.debtor.owner_id,
        answer_by=details.answer_by or account.today() + ANSWER_WITHIN,
        opened_by=actor.name,
        opened_at=account.now(),
    )
    if details.reason or dispute.amount:
        params: dict[str, Any] = {"dispute_reason": details.reason.name_en} if details.reason else {}
        if dispute.amount:
            params["amount"] = dispute.amount, invoice.currency
        timeline.note(invoice, "dispute_opened", actor, reason=details.text, **params)
    return dispute


def end(invoice: Invoice, actor: Actor, outcome: DisputeOutcome, answer: str = "") -> Dispute | None:
    """Resolve the open dispute of an invoice and return it, or None if there is none."""
    dispute = latest_open(invoice)
    if dispute is None:
        return None
    dispute.status, dispute.outcome, dispute.answer = DisputeStatus.RESOLVED, outcome, answer
    dispute.resolved_at = invoice.account.now()
    dispute.save(update_fields=["status", "outcome", "answer", "resolved_at"])
    if outcome != DisputeOutcome.CLOSED:
        timeline.note(invoice, "dispute_resolved", actor, reason=answer, dispute_outcome=outcome)
    return dispute


def reopen(invoice: Invoice, since: dt.datetime) -> Dispute | None:
    """Reopen the dispute that ended because the invoice was closed at `since` or later. Return it, or None."""
    found: Dispute | None = Dispute.objects.filter(
        invoice=invoice, status=DisputeStatus.RESOLVED, outcome=DisputeOutcome.CLOSED, resolved_at__gte=since
    ).first()
    if found:
        found.invoice = invoice
        found.status, found.outcome, found.resolved_at = DisputeStatus.OPEN, "", None
        found.save(update_fields=["status", "outcome", "resolved_at"])
    return found


def announce(opened: Dispute | None, resolved: Dispute | None, actor: Actor) -> None:
    """Send the signals of disputes whose invoice has been saved."""
    if resolved:
        signals.dispute_resolved.send(Dispute, dispute=resolved, actor=actor)
    if opened:
        signals.dispute_opened.send(Dispute, dispute=opened, actor=actor)


def part_of(amount: Decimal | None, balance: Decimal) -> Decimal | None:
    """Return the disputed amount, or None if it is the whole balance."""
    return None if amount is None or amount >= balance else amount
