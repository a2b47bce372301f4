"""Correcting a difference between an invoice here and in the books. Each correction is one change of the invoice."""

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import account_scope
from invoices import ledger, lifecycle, money, receipts
from invoices.errors import NotFound, Refused
from invoices.models import OPEN, Allocation, CreditNote, Difference, DifferenceKind, DifferenceStatus, Invoice, Receipt
from invoices.narrative import Because
from invoices.receipts import Source
from invoices.writing import lock, lock_debtors

# The method of a payment that the books have and that was missing here.
METHOD = "books"
# A person confirms twice what changes more than this part of the account's open invoices.
MANY = Decimal("0.05")
A_DAY = dt.timedelta(days=1)


def correct(account: Account, difference_id: int, actor: Actor, *, is_sure: bool = False) -> Invoice:
    """Make the invoice agree with the books. Raise `Refused` if it has changed since it was compared.

    The timeline names the list as the reason. Only a person can register a missing invoice or change a currency.
    `is_sure` permits what changes many invoices (see `are_many`).
    """
    with account_scope(account):
        difference = _lock(account, difference_id)
        act = _ACTS.get(DifferenceKind(difference.kind))
        if act is None:
            raise Refused("difference", "needs_a_person", _("Only a person can correct this: open the invoice."))
        check_number(account, 1, is_sure=is_sure)
        assert difference.invoice_id is not None
        lock_debtors(account, [difference.invoice_id], receipts.payers(difference.invoice_id))
        invoice = _lock_unchanged(account, difference)
        act(account, difference, actor, _reason(difference))
        _handle(difference, DifferenceStatus.MENDED, actor)
        invoice.refresh_from_db()
        return invoice


def voidable(difference: Difference) -> list[Receipt]:
    """Return the standing payments of which one would explain the difference: that much of it pays the invoice."""
    if not _is_higher_there(difference):
        return []
    missing = (difference.balance_there or Decimal(0)) - (difference.balance_here or Decimal(0))
    return [source for source, share in covered_by(difference) if isinstance(source, Receipt) and share == missing]


def covered_by(difference: Difference) -> list[tuple[Source, Decimal]]:
    """Return the payments and credit notes that cover the invoice here, each with its part, if more is owed there."""
    if not _is_higher_there(difference):
        return []
    lines = Allocation.objects.filter(receipts.STANDING, invoice=difference.invoice_id).order_by()
    shares = lines.values_list("receipt_id", "credit_note_id").annotate(total=Sum("amount")).exclude(total=0)
    by_source = {receipt or note: total for receipt, note, total in shares}
    sources: list[Source] = [*Receipt.objects.filter(pk__in=by_source), *CreditNote.objects.filter(pk__in=by_source)]
    return [
        (source, by_source[source.pk]) for source in sorted(sources, key=lambda source: (source.day, source.created_at))
    ]


def void(
    account: Account, difference_id: int, receipt_id: uuid.UUID, actor: Actor, *, is_sure: bool = False
) -> Invoice:
    """Void one of the `voidable` payments, which was recorded here by mistake. All invoices that it pays owe it again.

    Raise `Refused` if the invoice has changed since it was compared.
    """
    with account_scope(account):
        difference = _lock(account, difference_id)
        receipt = _chosen(difference, receipt_id)
        paid = receipts.shares([receipt.pk]).get(receipt.pk, {})
        check_number(account, len(paid), is_sure=is_sure)
        lock_debtors(account, paid.keys(), {receipt.debtor_id})
        invoice = _lock_unchanged(account, difference)
        _chosen(difference, receipt_id)
        ledger.void_payment(account, receipt.pk, actor, reason=_reason(difference))
        _handle(difference, DifferenceStatus.MENDED, actor)
        invoice.refresh_from_db()
        return invoice


def dismiss(account: Account, difference_id: int, actor: Actor) -> Difference:
    """Leave the invoice as it is. The difference is not shown again for this list."""
    with transaction.atomic():
        difference = _lock(account, difference_id)
        _handle(difference, DifferenceStatus.DISMISSED, actor)
        return difference


def _chosen(difference: Difference, receipt_id: uuid.UUID) -> Receipt:
    receipt = next((each for each in voidable(difference) if each.pk == receipt_id), None)
    if receipt is None:
        raise _changed()
    return receipt


def correctable(rows: QuerySet[Difference]) -> QuerySet[Difference]:
    """Return the open differences among the rows that `correct` can correct."""
    is_lower = Q(balance_there__lt=F("balance_here")) | Q(amount_there__isnull=False)
    kinds = Q(kind__in=[DifferenceKind.CLOSED_THERE, DifferenceKind.OTHER_DUE_DATE])
    return rows.filter(kinds | (Q(kind=DifferenceKind.OTHER_BALANCE) & is_lower), status=DifferenceStatus.OPEN)


def are_many(account: Account, count: int) -> bool:
    """Return True if so many corrections, with those of the last day, change more than a twentieth of the account's
    open invoices. Those of the last day count, so that single corrections are not an unnoticed way around."""
    since = timezone.now() - A_DAY
    done = Difference.objects.for_account(account).filter(status=DifferenceStatus.MENDED, handled_at__gt=since).count()
    is_open = Invoice.objects.for_account(account).filter(status__in=OPEN).count()
    return done + count > 1 and done + count > (is_open + done) * MANY


def check_number(account: Account, count: int, *, is_sure: bool) -> None:
    """Raise `Refused` if so many corrections need a second confirmation that was not given."""
    if not is_sure and are_many(account, count):
        message = _("Many of the open invoices would be changed within a day. Confirm that you have checked the list.")
        raise Refused("sure", "many", message)


def _lock(account: Account, difference_id: int) -> Difference:
    rows = Difference.objects.for_account(account).select_for_update(of=("self",)).select_related("list", "invoice")
    difference: Difference | None = rows.filter(pk=difference_id).first()
    if difference is None:
        raise NotFound
    if difference.status != DifferenceStatus.OPEN:
        raise Refused("difference", "handled", _("This difference has already been handled."))
    return difference


def _is_higher_there(difference: Difference) -> bool:
    here, there = difference.balance_here, difference.balance_there
    return (
        difference.kind == DifferenceKind.OTHER_BALANCE
        and difference.status == DifferenceStatus.OPEN
        and here is not None
        and there is not None
        and there > here
        and difference.amount_there is None
    )


def _lock_unchanged(account: Account, difference: Difference) -> Invoice:
    """Lock the invoice after its debtors. Raise `Refused` if it is not as it was when it was compared."""
    assert difference.invoice_id is not None
    invoice = lock(account, difference.invoice_id)
    difference.account = account
    here = difference.balance_here, difference.due_date_here
    now = (
        invoice.balance if difference.balance_here is not None else None,
        invoice.due_date if difference.due_date_here else None,
    )
    if here != now or invoice.cancelled_at:
        raise _changed()
    return invoice


def _changed() -> Refused:
    message = _("The invoice has changed since it was compared. Upload or send the list again.")
    return Refused("difference", "changed", message)


def _handle(difference: Difference, status: DifferenceStatus, actor: Actor) -> None:
    difference.status, difference.handled_at, difference.handled_by = status, timezone.now(), actor.name
    difference.save(update_fields=["status", "handled_at", "handled_by"])


def _reason(difference: Difference) -> Because:
    """Return the reason for the timeline."""
    made = difference.list.as_of or difference.list.created_at
    return Because("books", day=made.astimezone(difference.account.zone).date())


def _correct_balance(account: Account, difference: Difference, actor: Actor, reason: str) -> None:
    """Take over the amount of the books if it explains the difference, else record what they have received."""
    if difference.amount_there is not None:
        _correct_amount(account, difference, actor, reason)
        return
    here, there = difference.balance_here or Decimal(0), difference.balance_there or Decimal(0)
    assert difference.invoice_id is not None
    if there < here:
        paid_at = min((difference.list.as_of or account.now()).astimezone(account.zone).date(), account.today())
        ledger.record_payment(
            account,
            difference.invoice_id,
            actor,
            amount=here - there,
            paid_at=paid_at,
            method=METHOD,
            reason=reason,
        )
        return
    owed = {"there": money.display(there, difference.currency), "here": money.display(here, difference.currency)}
    message = _("%(there)s is owed in the books and %(here)s here. Void a payment or amend the amount on the invoice.")
    raise Refused("difference", "needs_a_person", message % owed)


def _correct_amount(account: Account, difference: Difference, actor: Actor, reason: str) -> None:
    assert difference.invoice_id is not None
    changes = {"amount": difference.amount_there}
    invoice = lifecycle.amend(account, difference.invoice_id, actor, changes, reason=reason)
    if invoice.balance != difference.balance_there:  # more or less was paid since, with the same balance
        raise _changed()


def _correct_due_date(account: Account, difference: Difference, actor: Actor, reason: str) -> None:
    assert difference.invoice_id is not None
    assert difference.due_date_there is not None
    lifecycle.move_due_date(account, difference.invoice_id, actor, difference.due_date_there, reason=reason)


_ACTS: dict[DifferenceKind, Callable[[Account, Difference, Actor, str], None]] = {
    DifferenceKind.CLOSED_THERE: _correct_balance,
    DifferenceKind.OTHER_BALANCE: _correct_balance,
    DifferenceKind.OTHER_DUE_DATE: _correct_due_date,
}
