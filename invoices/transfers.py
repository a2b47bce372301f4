"""Receipts over several invoices, such as one bank transfer that pays three of them."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.api.fields import MAX_DIGITS
from invoices import money, receipts
from invoices.drafts import Draft
from invoices.errors import Refused
from invoices.models import Allocation, AllocationKind, Debtor, Invoice, Payment, Receipt, ReceiptStatus, Status
from invoices.writing import announce_payment, changing_all, check_money

# Invoices that one receipt may pay when it is recorded.
MAX_ALLOCATIONS = 500


def record_receipt(
    account: Account,
    actor: Actor,
    *,
    debtor_id: uuid.UUID | None,
    amount: Decimal,
    currency: str,
    paid_at: dt.date,
    method: str = "unspecified",
    reference: str = "",
    bank_id: str = "",
    allocations: Sequence[tuple[uuid.UUID, Decimal]] = (),
    key: uuid.UUID | None = None,
) -> Receipt:
    """Record money that came in once, and pay exactly the named parts of invoices. The rest is the debtor's credit.

    The invoices may belong to other debtors. Without `debtor_id`, the debtor of the first invoice has paid. `key`
    becomes the receipt's id. A second call with the same key or bank id returns the existing receipt if the values are
    the same, and raises `Refused` if not.
    """
    parts = _parts(allocations, amount, currency)
    payer = _payer(account, debtor_id, [invoice_id for invoice_id, _part in allocations])
    given = Receipt(
        id=key or uuid.uuid4(),
        account=account,
        debtor_id=payer,
        amount=amount,
        currency=currency,
        paid_at=paid_at,
        method=method,
        reference=reference,
        bank_id=bank_id,
        unallocated=amount - sum(parts.values()),
    )
    with changing_all(account, parts, actor, debtor_id=payer) as drafts:
        if known := _known(given, parts, key):
            return known
        check_current(account, payer)
        today = account.today()
        check_money("amount", amount, currency)
        if money.digits(amount) > MAX_DIGITS:
            raise Refused("amount", "too_long", _("amount must have at most %d digits.") % MAX_DIGITS)
        if paid_at > today:
            raise receipts.in_the_future()
        receipts.check_duplicate(account.pk, payer, amount, currency, paid_at, reference)
        for invoice_id, draft in drafts.items():
            _check(draft.invoice, parts[invoice_id], currency)
            receipts.check_reference_on(draft.invoice, reference)
        own = [draft.invoice for draft in drafts.values() if draft.invoice.debtor_id == payer]
        given.posted_on = next(iter(own), None)
        given.recorded_at = account.now()
        receipts.insert(given)
        for invoice_id, draft in drafts.items():
            draft.cover(given, parts[invoice_id], AllocationKind.PAYMENT, posting=given.pk)
            whole = {} if parts[invoice_id] == amount else {"whole": (amount, currency)}
            draft.note("payment_recorded", parts[invoice_id], credit=given.unallocated, **whole)
        announce(account, given, drafts, receipts.line(given), actor, parts)
    return given


def _parts(
    allocations: Sequence[tuple[uuid.UUID, Decimal]], amount: Decimal, currency: str
) -> dict[uuid.UUID, Decimal]:
    """Return the part of each invoice. Raise `Refused` if an invoice is named twice or the parts exceed the amount."""
    if len(allocations) > MAX_ALLOCATIONS:
        message = _("A payment can have at most %(count)d allocations.")
        raise Refused("allocations", "too_many", message % {"count": MAX_ALLOCATIONS})
    parts = dict(allocations)
    if len(parts) < len(allocations):
        raise Refused("allocations", "repeated", _("Name each invoice once, with the whole amount that it gets."))
    for part in parts.values():
        check_money("allocations", part, currency)
    total = sum(parts.values(), Decimal(0))
    if total > amount:
        message = _("The allocations are %(total)s in all, more than the payment of %(amount)s.")
        shown = {"total": money.display(total, currency), "amount": money.display(amount, currency)}
        raise Refused("allocations", "above_amount", message % shown)
    return parts


def _payer(account: Account, debtor_id: uuid.UUID | None, invoice_ids: Sequence[uuid.UUID]) -> uuid.UUID:
    """Return the debtor who paid: the one named, else that of the first invoice."""
    rows = Invoice.objects.for_account(account).filter(pk__in=invoice_ids)
    debtors: dict[uuid.UUID, uuid.UUID] = dict(rows.values_list("pk", "debtor_id"))
    if len(debtors) < len(invoice_ids):
        unknown = next(invoice_id for invoice_id in invoice_ids if invoice_id not in debtors)
        message = _("There is no invoice %(id)s.")
        raise Refused("allocations", "unknown_invoice", message % {"id": unknown})
    if debtor_id is not None:
        return current_debtor(account, debtor_id)
    if not invoice_ids:
        raise Refused("debtor_id", "required", _("debtor_id is required for a payment without allocations."))
    return debtors[invoice_ids[0]]


def current_debtor(account: Account, debtor_id: uuid.UUID) -> uuid.UUID:
    """Return the debtor's id, or that of the debtor into which it was merged."""
    rows = Debtor.objects.for_account(account).filter(pk=debtor_id).values_list("pk", "merged_into")
    for found, merged_into in rows:
        current: uuid.UUID = current_debtor(account, merged_into) if merged_into else found
        return current
    raise Refused("debtor_id", "unknown_debtor", _("There is no debtor %(id)s.") % {"id": debtor_id})


def check_current(account: Account, debtor_id: uuid.UUID) -> None:
    """Raise `Refused` if the debtor, who is now locked, was merged into another one meanwhile."""
    if current_debtor(account, debtor_id) != debtor_id:
        raise Refused("debtor_id", "changed", _("The debtor has changed in the meantime. Try again."))


def _known(given: Receipt, parts: Mapping[uuid.UUID, Decimal], key: uuid.UUID | None) -> Receipt | None:
    """Return the receipt that was already recorded with this key or bank id. Raise `Refused` if it has other values."""
    known: Receipt | None = Receipt.objects.filter(pk=key).first() if key else None
    if known:
        if known.account_id != given.account_id or not _is_same(known, given, parts):
            raise receipts.used_key()
        return known
    if given.bank_id:
        recorded: list[Receipt] = list(Receipt.objects.filter(account=given.account_id, bank_id=given.bank_id))
        for each in recorded:
            if _is_same(each, given, parts):
                return each
            if each.status != ReceiptStatus.VOIDED:
                raise receipts.used_bank_id(given.bank_id)
    return None


def _is_same(known: Receipt, given: Receipt, parts: Mapping[uuid.UUID, Decimal]) -> bool:
    names = ("debtor_id", "amount", "currency", "paid_at", "method", "reference", "bank_id")
    lines = Allocation.objects.filter(receipt=known, posting=known.pk).values_list("invoice_id", "amount")
    return all(getattr(known, name) == getattr(given, name) for name in names) and dict(lines) == parts


def _check(invoice: Invoice, amount: Decimal, currency: str) -> None:
    number = invoice.invoice_number
    if invoice.currency != currency:
        message = _("Invoice %(number)s is in %(own)s, but the payment is in %(currency)s.")
        values = {"number": number, "own": invoice.currency, "currency": currency}
        raise Refused("allocations", "other_currency", message % values)
    if invoice.status == Status.CANCELLED:
        message = _("Invoice %(number)s is cancelled.")
        raise Refused("allocations", "cancelled", message % {"number": number})
    if amount > invoice.balance:
        message = _("The allocation of %(amount)s to invoice %(number)s is above its balance of %(balance)s.")
        values = {
            "number": number,
            "amount": money.display(amount, currency),
            "balance": money.display(invoice.balance, currency),
        }
        raise Refused("allocations", "above_balance", message % values)


def announce(
    account: Account,
    receipt: Receipt,
    drafts: Mapping[uuid.UUID, Draft],
    line: Payment,
    actor: Actor,
    parts: Mapping[uuid.UUID, Decimal],
) -> None:
    """Announce a payment once, with the invoice that it was recorded on, else the oldest of its invoices."""
    draft = drafts.get(receipt.posted_on_id) if receipt.posted_on_id else None
    draft = draft or next(iter(drafts.values()), None)
    if draft is None:
        announce_payment(account, line, None, actor)
        return
    line.allocated = parts.get(draft.invoice.pk, Decimal(0))  # type: ignore[attr-defined]
    draft.payments.append(line)
