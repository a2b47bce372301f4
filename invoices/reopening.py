"""Undoing a cancellation or a write-off within `UNDO_WITHIN`. The previous facts apply again."""

import datetime as dt
import uuid
from decimal import Decimal

from django.db.models import Max
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import account_scope
from invoices import dispute_records, promises, receipts, timeline
from invoices.amending import amended
from invoices.drafts import Draft
from invoices.errors import NotFound, Refused, StaffOnly
from invoices.models import (
    OPEN,
    Allocation,
    AllocationKind,
    CreditNote,
    CreditNoteStatus,
    Invoice,
    Receipt,
    ReceiptStatus,
    Status,
    TimelineEntry,
)
from invoices.receipts import Source
from invoices.writing import lock_debtors

UNDO_WITHIN = dt.timedelta(minutes=10)
_CLOSED = (Status.CANCELLED, Status.WRITTEN_OFF)


def undo_until(invoice: Invoice) -> dt.datetime | None:
    """Return the time until which closing the invoice can be undone, in the account's time, or None."""
    closed_at = invoice.cancelled_at or invoice.written_off_at
    if closed_at is None or invoice.status not in _CLOSED:
        return None
    until = closed_at + UNDO_WITHIN
    return until if invoice.account.now() <= until else None


def undo_closing(account: Account, invoice_id: uuid.UUID, actor: Actor) -> Invoice:
    """Undo a cancellation or a write-off: restore the hold, promise, dispute, cases and money of the invoice.

    Money that was used in the meantime stays where it is. Messages are rescheduled. Raise `StaffOnly`, `NotFound`, or
    `Refused` after `UNDO_WITHIN` or if the number is in use again.
    """
    if not actor.is_staff:
        raise StaffOnly("status", "staff_only", _("Only a person in the dashboard may undo this."))
    with account_scope(account):
        invoice: Invoice | None = Invoice.objects.for_account(account).filter(pk=invoice_id).first()
        if invoice is None:
            raise NotFound
        lock_debtors(account, [invoice_id], receipts.payers(invoice_id))
        with amended(account, invoice_id, actor, {}) as draft:
            _undo(draft)
    return draft.invoice


def _undo(draft: Draft) -> None:
    invoice = draft.invoice
    closed_at, is_cancelled = invoice.cancelled_at or invoice.written_off_at, invoice.cancelled_at is not None
    if closed_at is None or undo_until(invoice) is None:
        raise Refused("status", "too_late", _("This can only be undone within 10 minutes."))
    if is_cancelled:
        invoice.cancelled_at = None
    # A cancelled invoice that had been written off before is written off again.
    if not (is_cancelled and invoice.written_off_at):
        invoice.written_off_at = None
        draft.reopens_since = closed_at
        _restore_facts(draft, closed_at)
    draft.derive()
    if is_cancelled:
        _return_money(draft, closed_at)
    draft.look()
    timeline.note(invoice, "closing_undone", draft.actor, batch=draft.batch)


def _restore_facts(draft: Draft, closed_at: dt.datetime) -> None:
    """Restore the hold, with its promise, and the dispute that ended because the invoice was closed."""
    invoice = draft.invoice
    changes = TimelineEntry.objects.filter(invoice=invoice, kind="status_changed", at__gte=closed_at)
    # A cancellation of what was written off, or one that was undone, is not the change that ended the hold.
    entry = changes.filter(before__status__in=OPEN, after__status__in=_CLOSED).order_by("-id").first()
    until = entry.before.get("hold_until") if entry else None
    if until:
        invoice.hold_until = dt.date.fromisoformat(until)
        draft.then(lambda: promises.restore(invoice))
    if dispute := dispute_records.reopen(invoice, closed_at):
        invoice.disputed_at, invoice.contested_amount = dispute.opened_at, dispute.amount
        draft.reopened_dispute = dispute


def _return_money(draft: Draft, closed_at: dt.datetime) -> None:
    """Cover the invoice again by what the cancellation released, as far as it is still credit."""
    invoice = draft.invoice
    lines = Allocation.objects.filter(invoice=invoice, recorded_at__gte=closed_at, amount__lt=0)
    covering = Allocation.objects.filter(invoice=invoice, amount__gt=0)
    if last := covering.aggregate(last=Max("created_at"))["last"]:
        # A test clock may stand still: what an earlier cancellation released has covered the invoice since.
        lines = lines.filter(created_at__gt=last)
    for line in lines.select_related("receipt", "credit_note").order_by("created_at", "id"):
        if line.kind == AllocationKind.RELEASED:
            source = _locked(line)
            part = min(-line.amount, source.unallocated, invoice.balance) if source else Decimal(0)
            if source and part > 0:
                draft.apply(source, part, key=uuid.uuid4())
                draft.note("credit_applied", part, credit=source.unallocated)
        elif line.receipt and line.receipt.method == receipts.OPENING and invoice.balance > 0:
            draft.post(-line.amount, paid_at=line.receipt.paid_at, method=receipts.OPENING)


def _locked(line: Allocation) -> Source | None:
    """Lock and return the standing receipt or credit note of a line, or None."""
    if line.receipt_id:
        rows = Receipt.objects.filter(pk=line.receipt_id, status=ReceiptStatus.STANDING)
        receipt: Receipt | None = rows.select_for_update(no_key=True).first()
        return receipt
    assert line.credit_note_id is not None
    notes = CreditNote.objects.filter(pk=line.credit_note_id, status=CreditNoteStatus.STANDING)
    note: CreditNote | None = notes.select_for_update(no_key=True).first()
    return note
