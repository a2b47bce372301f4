"""Operations of the ledger: record money, undo it, apply credit. Each is one transaction, once for each `key`.

A receipt is an amount that was received once. An allocation is the part of it that pays an invoice; the rest of a
standing receipt is the debtor's credit in that currency.
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import structlog
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.api.fields import MAX_DIGITS
from inflow.languages import choice_label
from invoices import credits, money, receipts, transfers
from invoices.cases import escalations
from invoices.credits import (
    credit_for,
    credit_of,
    credit_of_party,
    credited_at,
    propose,
    unapplied,
    unapplied_of,
)
from invoices.debtors import debtor_parties
from invoices.drafts import Draft
from invoices.errors import NotFound, Refused
from invoices.models import (
    Allocation,
    AllocationKind,
    CreditNote,
    CreditNoteStatus,
    Invoice,
    Payment,
    Reason,
    Receipt,
    ReceiptStatus,
    Reversal,
    ReversalKind,
    Status,
)
from invoices.transfers import record_receipt
from invoices.writing import changing, changing_all, check_money

__all__ = [
    "credit_for",
    "credit_of",
    "credit_of_party",
    "credited_at",
    "propose",
    "record_receipt",
    "unapplied",
    "unapplied_of",
]

log = structlog.get_logger(__name__)


# --- Payments and credit -----------------------------------------------------------------------------------------


def record_payment(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    *,
    amount: Decimal,
    paid_at: dt.date | None = None,
    method: str = "unspecified",
    reference: str = "",
    key: uuid.UUID | None = None,
    reason: str = "",
) -> Payment:
    """Record a payment as a receipt with one allocation. An amount above the balance becomes the debtor's credit.

    `key` becomes the receipt's id. A second call with the same key returns the existing payment if the values are the
    same, and raises `Refused` if not, as after a form was submitted, changed and submitted again.
    """
    with changing(account, invoice_id, actor, reason=reason) as draft:
        invoice = draft.invoice
        if key and (known := Receipt.objects.filter(pk=key).first()):
            same = (known.amount, known.method, known.reference) == (amount, method, reference)
            if known.posted_on_id != invoice.pk or not same or known.paid_at != (paid_at or known.paid_at):
                raise receipts.used_key()
            return receipts.line(known, allocated=receipts.shares([key]).get(key, {}).get(invoice.pk, Decimal(0)))
        today = account.today()
        check_payment(invoice, amount, paid_at, today)
        payment = draft.post(amount, paid_at=paid_at or today, method=method, reference=reference, key=key)
    if payment.unallocated:  # a part may have been applied automatically
        payment.unallocated = Receipt.objects.values_list("unallocated", flat=True).get(pk=payment.pk)
    return payment


def check_payment(
    invoice: Invoice, amount: Decimal, paid_at: dt.date | None, today: dt.date, *, reference: str = ""
) -> None:
    """Raise `Refused` if the payment can't be recorded on the invoice."""
    if invoice.status == Status.CANCELLED:
        raise Refused("invoice", "cancelled", _("No payment can be recorded for a cancelled invoice."))
    check_money("amount", amount, invoice.currency)
    if paid_at and paid_at > today:
        raise receipts.in_the_future()
    if money.digits(invoice.amount_paid + amount) > MAX_DIGITS:
        message = _("The total paid must have at most %(count)s digits.")
        raise Refused("amount", "too_long", message % {"count": MAX_DIGITS})
    receipts.check_reference(invoice, amount, paid_at or today, reference)


def apply_credit(
    account: Account, invoice_id: uuid.UUID, actor: Actor, *, key: uuid.UUID, amount: Decimal | None = None
) -> Decimal:
    """Pay an invoice from its party's credit, the oldest receipt or credit note first. Return the amount applied.

    Without `amount`, apply as much as possible. A second call with the same key returns the amount of the first one.
    """
    with changing(account, invoice_id, actor) as draft:
        invoice = draft.invoice
        if done := Allocation.objects.filter(posting=key).aggregate(total=Sum("amount"))["total"]:
            if Allocation.objects.filter(posting=key).exclude(invoice=invoice, kind=AllocationKind.CREDIT).exists():
                raise receipts.used_key()
            if amount not in (None, done):
                raise receipts.used_key()
            return Decimal(done)
        if not invoice.is_open and invoice.status != Status.WRITTEN_OFF:
            message = _("Credit can't be applied to an invoice that is %(status)s.")
            raise Refused("invoice", "closed", message % {"status": choice_label(Status, invoice.status)})
        sources = credits.lock(account, debtor_parties.of_invoice(invoice), invoice.currency)
        wanted = _credit_to_apply(invoice, sum((each.unallocated for each in sources), Decimal(0)), amount)
        draft.spend(sources, wanted, key=key)
        draft.note("credit_applied", wanted, credit=sum((each.unallocated for each in sources), Decimal(0)))
        return wanted


def _credit_to_apply(invoice: Invoice, credit: Decimal, amount: Decimal | None) -> Decimal:
    if credit <= 0:
        message = _("The debtor has no credit in %(currency)s.")
        raise Refused("amount", "no_credit", message % {"currency": invoice.currency})
    if amount is None:
        return min(credit, invoice.balance)
    check_money("amount", amount, invoice.currency)
    if amount > invoice.balance:
        message = _("Only %(balance)s is owed.")
        raise Refused(
            "amount", "above_balance", message % {"balance": money.display(invoice.balance, invoice.currency)}
        )
    if amount > credit:
        message = _("Only %(credit)s of credit is available.")
        raise Refused("amount", "above_credit", message % {"credit": money.display(credit, invoice.currency)})
    return amount


# --- Voids and reversals -----------------------------------------------------------------------------------------


def reopened_by(receipt: Receipt) -> list[tuple[Invoice, Decimal]]:
    """Return the invoices whose balance grows if the receipt is undone, oldest first, each with the amount."""
    return receipts.reopened(receipt.account_id, receipts.shares([receipt.pk]).get(receipt.pk, {}))


def void_payment(
    account: Account, receipt_id: uuid.UUID, actor: Actor, *, key: uuid.UUID | None = None, reason: str = ""
) -> Payment:
    """Void a payment that was recorded by mistake. Its invoices owe the money again; no case is opened."""
    return _undo(account, _receipt(account, receipt_id), actor, ReversalKind.VOID, key, reason)


def reverse_payment(
    account: Account,
    invoice_id: uuid.UUID | None,
    receipt_id: uuid.UUID,
    actor: Actor,
    *,
    key: uuid.UUID | None = None,
    reason: str = "",
) -> Payment:
    """Reverse a payment that the bank took back, and open a case on the oldest invoice that it reopens.

    With `invoice_id`, the payment must belong to that invoice.
    """
    if invoice_id is None:
        receipt = _receipt(account, receipt_id)
    else:
        if not Invoice.objects.for_account(account).filter(pk=invoice_id).exists():
            raise NotFound
        theirs = Q(posted_on=invoice_id) | Q(allocations__invoice=invoice_id)
        found = Receipt.objects.for_account(account).filter(theirs, pk=receipt_id).first()
        if found is None:
            raise Refused(
                "reversal_of", "unknown_payment", _("reversal_of must be the id of a payment of this invoice.")
            )
        receipt = found
    return _undo(
        account, receipt, actor, ReversalKind.REVERSE, key, reason, field="reversal_of" if invoice_id else "payment"
    )


def _receipt(account: Account, receipt_id: uuid.UUID) -> Receipt:
    found: Receipt | None = Receipt.objects.for_account(account).filter(pk=receipt_id).first()
    if found is None:
        raise NotFound
    return found


def _undo(
    account: Account,
    receipt: Receipt,
    actor: Actor,
    how: ReversalKind,
    key: uuid.UUID | None,
    reason: str,
    *,
    field: str = "payment",
) -> Payment:
    """Undo a receipt once: take back all its allocations, also those of its credit to other invoices."""
    paid = receipts.shares([receipt.pk]).get(receipt.pk, {})
    concerned = {*paid, *([receipt.posted_on_id] if receipt.posted_on_id else [])}
    with changing_all(account, concerned, actor, debtor_id=receipt.debtor_id, reason=reason) as drafts:
        paid_by = receipt.debtor_id
        receipt = Receipt.objects.select_for_update(no_key=True).get(pk=receipt.pk)
        if receipt.status != ReceiptStatus.STANDING:
            done = Reversal.objects.get(receipt=receipt)
            if key == done.pk:
                return receipts.line(receipt, done)
            raise _already(receipt, field)
        if receipt.debtor_id != paid_by or receipts.shares([receipt.pk]).get(receipt.pk, {}) != paid:
            raise Refused(field, "changed", _("The invoice has changed in the meantime. Try again."))
        had_credit = receipt.unallocated > 0
        reversal = receipts.undo(receipt, account, how, key=key)
        for invoice_id, draft in drafts.items():
            if had_credit:
                draft.credit_changed.add(receipt.debtor_id)
            if share := paid.get(invoice_id):
                draft.take_back(receipt, share, AllocationKind.UNDONE, posting=reversal.pk)
            draft.note_undone(receipt, reversal)
        line = receipts.line(receipt, reversal)
        transfers.announce(account, receipt, drafts, line, actor, {})
        if how == ReversalKind.REVERSE:
            _escalate(drafts.values(), actor)
    return line


def _escalate(drafts: Iterable[Draft], actor: Actor) -> None:
    """Open one case on the oldest reopened invoice, or else on the oldest whose balance grew."""
    owing = [draft for draft in drafts if draft.is_undone and draft.invoice.is_open]
    chosen = next((draft for draft in owing if draft.is_reopened), next(iter(owing), None))
    if chosen:
        invoice = chosen.invoice
        chosen.then(lambda: escalations.open_case(invoice, Reason.REVERSAL, actor))


def _already(receipt: Receipt, field: str) -> Refused:
    if receipt.status == ReceiptStatus.VOIDED:
        return Refused(field, "already_voided", _("This payment has already been voided."))
    return Refused(field, "already_reversed", _("This payment has already been reversed."))


# --- Nightly check -----------------------------------------------------------------------------------------------


def count_unbalanced(account: Account | None = None) -> int:
    """Log and count the unbalanced receipts and credit notes: standing ones whose allocations and credit don't add up
    to their amount, and undone ones with allocations left. The result should be 0. Without `account`, check all.

    Balanced sources make balanced debtors: for each debtor and currency, allocations and credit add up to the standing
    receipts and credit notes.
    """
    found: list[tuple[Any, ...]] = []
    for model, name, standing in (
        (Receipt, "receipt", Q(status=ReceiptStatus.STANDING)),
        (CreditNote, "credit_note", Q(status=CreditNoteStatus.STANDING)),
    ):
        lines = Allocation.objects.filter(**{name: OuterRef("pk")}).order_by().values(name)
        allocated = Coalesce(Subquery(lines.values(total=Sum("amount"))), Decimal(0))
        everything = model.objects.for_account(account) if account else model.objects.all()
        wrong = everything.annotate(allocated=allocated).filter(
            (standing & ~Q(amount=F("allocated") + F("unallocated"))) | (~standing & ~Q(allocated=0))
        )
        rows = list(wrong.values_list("pk", "status", "amount", "allocated", "unallocated")[:100])
        for pk, *values in rows:
            log.error("ledger_is_unbalanced", source=name, id=str(pk), values=[str(value) for value in values])
        found += rows
    return len(found)
