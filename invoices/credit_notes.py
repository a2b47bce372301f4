"""Credit notes: documents that lower an invoice, or become the debtor's credit. Each operation is one transaction."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.api.fields import MAX_DIGITS
from inflow.canonical import canonical
from invoices import money, receipts
from invoices.errors import NotFound, Refused
from invoices.models import MAX_NUMBER, Allocation, AllocationKind, CreditNote, CreditNoteStatus, Invoice, Status
from invoices.transfers import check_current, current_debtor
from invoices.writing import changing_all, check_money


def issue(
    account: Account,
    actor: Actor,
    *,
    number: str,
    date: dt.date,
    amount: Decimal,
    currency: str,
    invoice_id: uuid.UUID | None = None,
    debtor_id: uuid.UUID | None = None,
    open_remainder: bool = False,
    key: uuid.UUID | None = None,
) -> CreditNote:
    """Record a credit note against an invoice, or one of a debtor that stands alone and is wholly credit.

    An amount above the invoice's balance is refused unless `open_remainder`, which makes the rest the debtor's credit.
    `key` becomes the note's id. A second call with the same key returns the existing note if the values are the same,
    and raises `Refused` if not.
    """
    invoice = _invoice(account, invoice_id) if invoice_id else None
    owner = _owner(account, invoice, debtor_id)
    number = canonical(number)
    note = CreditNote(
        id=key or uuid.uuid4(),
        account=account,
        debtor_id=owner,
        invoice=invoice,
        number=number,
        date=date,
        amount=amount,
        currency=currency,
        unallocated=amount,
    )
    with changing_all(account, [invoice.pk] if invoice else [], actor, debtor_id=owner) as drafts:
        known: CreditNote | None = CreditNote.objects.filter(pk=key).first() if key else None
        if known:
            if not _is_same(known, note):
                raise receipts.used_key()
            return known
        check_current(account, owner)
        _check(note, account.today())
        note.recorded_at = account.now()
        for draft in drafts.values():
            part = _part(note, draft.invoice, open_remainder)
            note.unallocated -= part
            _insert(note)
            if part:
                draft.cover(note, part, AllocationKind.CREDIT, posting=note.pk)
            if note.unallocated:
                draft.credit_changed.add(owner)
            draft.note("credit_note_issued", amount, credit=note.unallocated, number=number)
        if not drafts:
            _insert(note)
    return note


def _invoice(account: Account, invoice_id: uuid.UUID) -> Invoice:
    found: Invoice | None = Invoice.objects.for_account(account).filter(pk=invoice_id).first()
    if found is None:
        raise Refused("invoice_id", "unknown_invoice", _("There is no invoice %(id)s.") % {"id": invoice_id})
    return found


def _owner(account: Account, invoice: Invoice | None, debtor_id: uuid.UUID | None) -> uuid.UUID:
    """Return the debtor of the credit note: the invoice's, else the one named."""
    named = current_debtor(account, debtor_id) if debtor_id else None
    owner: uuid.UUID | None = invoice.debtor_id if invoice else named
    if owner is None:
        raise Refused("debtor_id", "required", _("A credit note needs an invoice or a debtor."))
    if named and named != owner:
        message = _("Invoice %(number)s belongs to another debtor.")
        raise Refused("debtor_id", "contradiction", message % {"number": invoice.invoice_number if invoice else ""})
    return owner


def _is_same(known: CreditNote, given: CreditNote) -> bool:
    names = ("account_id", "debtor_id", "invoice_id", "number", "date", "amount", "currency")
    return all(getattr(known, name) == getattr(given, name) for name in names)


def _check(note: CreditNote, today: dt.date) -> None:
    if not note.number:
        raise Refused("number", "blank", _("number must contain a letter or digit."))
    if len(note.number) > MAX_NUMBER:
        raise Refused("number", "max_length", _("number must have at most %d characters.") % MAX_NUMBER)
    check_money("amount", note.amount, note.currency)
    if money.digits(note.amount) > MAX_DIGITS:
        raise Refused("amount", "too_long", _("amount must have at most %d digits.") % MAX_DIGITS)
    if note.date > today:
        raise Refused("date", "in_the_future", _("date must not be in the future."))


def _part(note: CreditNote, invoice: Invoice, open_remainder: bool) -> Decimal:
    """Return the part of the note that lowers the invoice."""
    if invoice.status == Status.CANCELLED:
        message = _("Invoice %(number)s is cancelled. Issue the credit note to the debtor instead.")
        raise Refused("invoice_id", "cancelled", message % {"number": invoice.invoice_number})
    if invoice.currency != note.currency:
        message = _("Invoice %(number)s is in %(own)s, but the credit note is in %(currency)s.")
        values = {"number": invoice.invoice_number, "own": invoice.currency, "currency": note.currency}
        raise Refused("currency", "other_currency", message % values)
    if note.amount > invoice.balance and not open_remainder:
        message = _(
            "The credit note of %(amount)s is above the balance of %(balance)s of invoice %(number)s. Send"
            ' "open_remainder": true to make the rest the debtor\'s credit.'
        )
        values = {
            "amount": money.display(note.amount, note.currency),
            "balance": money.display(invoice.balance, note.currency),
            "number": invoice.invoice_number,
        }
        raise Refused("amount", "above_balance", message % values)
    return min(note.amount, invoice.balance)


def _insert(note: CreditNote) -> None:
    try:
        with transaction.atomic():
            note.save(force_insert=True)
    except IntegrityError as error:
        if "credit_note_number_is_unique" in str(error):
            raise _used_number(note) from error
        if "invoices_creditnote_pkey" in str(error):
            raise receipts.used_key() from error
        raise


def _used_number(note: CreditNote) -> Refused:
    same = CreditNote.objects.filter(account=note.account_id, number=note.number, status=CreditNoteStatus.STANDING)
    message = _("The number %(number)s is already used by credit note %(existing)s.")
    existing: Any = same.values_list("pk", flat=True).first()
    return Refused("number", "duplicate", message % {"number": note.number, "existing": existing})


def void(
    account: Account, note_id: uuid.UUID, actor: Actor, reason: str = "", *, key: uuid.UUID | None = None
) -> CreditNote:
    """Void a credit note that was issued by mistake: take back all that it covers. No case is opened."""
    note: CreditNote | None = CreditNote.objects.for_account(account).filter(pk=note_id).first()
    if note is None:
        raise NotFound
    owner, covered = note.debtor_id, receipts.shares_of_notes([note.pk]).get(note.pk, {})
    concerned = {*covered, *([note.invoice_id] if note.invoice_id else [])}
    with changing_all(account, concerned, actor, debtor_id=owner, reason=reason) as drafts:
        note = CreditNote.objects.select_for_update(no_key=True).get(pk=note.pk)
        if note.status == CreditNoteStatus.VOIDED:
            if (
                key and Allocation.objects.filter(credit_note=note, posting=key).exists()
            ):  # the form was submitted before
                return note
            raise Refused("credit_note", "already_voided", _("This credit note has already been voided."))
        if note.debtor_id != owner or receipts.shares_of_notes([note.pk]).get(note.pk, {}) != covered:
            raise Refused("credit_note", "changed", _("The credit note has changed in the meantime. Try again."))
        had_credit = note.unallocated > 0
        note.status, note.voided_at, note.unallocated = CreditNoteStatus.VOIDED, account.now(), Decimal(0)
        note.save(update_fields=["status", "voided_at", "unallocated"])
        posting = key or uuid.uuid4()
        for invoice_id, draft in drafts.items():
            if had_credit:
                draft.credit_changed.add(owner)
            if share := covered.get(invoice_id):
                draft.take_back(note, share, AllocationKind.UNDONE, posting=posting)
            draft.note("credit_note_voided", note.amount, credit=Decimal(0), number=note.number)
    return note


def reopened_by(note: CreditNote) -> list[tuple[Invoice, Decimal]]:
    """Return the invoices whose balance grows if the credit note is voided, oldest first, each with the amount."""
    return receipts.reopened(note.account_id, receipts.shares_of_notes([note.pk]).get(note.pk, {}))
