"""Correcting a difference between an invoice here and in the books. Each correction is one change of the invoice."""

from collections.abc import Callable
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from invoices import ledger, lifecycle, money
from invoices.errors import NotFound, Refused
from invoices.models import OPEN, Difference, DifferenceKind, DifferenceStatus, Invoice

# The method of a payment that the books have and that was missing here.
METHOD = "books"
# A person confirms twice what changes more than this part of the account's open invoices.
MANY = Decimal("0.05")


def correct(account: Account, difference_id: int, actor: Actor) -> Invoice:
    """Make the invoice agree with the books. Raise `Refused` if it has changed since it was compared.

    The timeline names the list as the reason. Only a person can register a missing invoice or change a currency.
    """
    with transaction.atomic():
        difference = _lock(account, difference_id)
        act = _ACTS.get(DifferenceKind(difference.kind))
        if act is None:
            raise Refused("difference", "needs_a_person", _("Only a person can correct this: open the invoice."))
        invoice = difference.invoice
        assert invoice is not None
        difference.account = invoice.account = account
        _check_unchanged(difference, invoice)
        act(account, difference, actor, _reason(difference))
        _handle(difference, DifferenceStatus.MENDED, actor)
        invoice.refresh_from_db()
        return invoice


def dismiss(account: Account, difference_id: int, actor: Actor) -> Difference:
    """Leave the invoice as it is. The difference is not shown again for this list."""
    with transaction.atomic():
        difference = _lock(account, difference_id)
        _handle(difference, DifferenceStatus.DISMISSED, actor)
        return difference


def correctable(rows: QuerySet[Difference]) -> QuerySet[Difference]:
    """Return the open differences among the rows that `correct` can correct."""
    is_lower = Q(kind=DifferenceKind.OTHER_BALANCE, balance_there__lt=F("balance_here"))
    kinds = Q(kind__in=[DifferenceKind.CLOSED_THERE, DifferenceKind.OTHER_DUE_DATE])
    return rows.filter(kinds | is_lower, status=DifferenceStatus.OPEN)


def are_many(account: Account, count: int) -> bool:
    """Return True if so many corrections would change more than a twentieth of the account's open invoices."""
    is_open = Invoice.objects.for_account(account).filter(status__in=OPEN).count()
    return count > 1 and count > is_open * MANY


def _lock(account: Account, difference_id: int) -> Difference:
    rows = Difference.objects.for_account(account).select_for_update(of=("self",)).select_related("list", "invoice")
    difference: Difference | None = rows.filter(pk=difference_id).first()
    if difference is None:
        raise NotFound
    if difference.status != DifferenceStatus.OPEN:
        raise Refused("difference", "handled", _("This difference has already been handled."))
    return difference


def _check_unchanged(difference: Difference, invoice: Invoice) -> None:
    here = difference.balance_here, difference.due_date_here
    now = (
        invoice.balance if difference.balance_here is not None else None,
        invoice.due_date if difference.due_date_here else None,
    )
    if here != now:
        message = _("The invoice has changed since it was compared. Upload or send the list again.")
        raise Refused("difference", "changed", message)


def _handle(difference: Difference, status: DifferenceStatus, actor: Actor) -> None:
    difference.status, difference.handled_at, difference.handled_by = status, timezone.now(), actor.name
    difference.save(update_fields=["status", "handled_at", "handled_by"])


def _reason(difference: Difference) -> str:
    """Return the reason for the timeline, in English as all stored texts."""
    made = difference.list.as_of or difference.list.created_at
    return f"As in the books on {made.astimezone(difference.account.zone):%Y-%m-%d}."


def _correct_balance(account: Account, difference: Difference, actor: Actor, reason: str) -> None:
    """Record what the books have received, or raise the amount if more is owed there."""
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


def _correct_due_date(account: Account, difference: Difference, actor: Actor, reason: str) -> None:
    assert difference.invoice_id is not None
    assert difference.due_date_there is not None
    lifecycle.move_due_date(account, difference.invoice_id, actor, difference.due_date_there, reason=reason)


_ACTS: dict[DifferenceKind, Callable[[Account, Difference, Actor, str], None]] = {
    DifferenceKind.CLOSED_THERE: _correct_balance,
    DifferenceKind.OTHER_BALANCE: _correct_balance,
    DifferenceKind.OTHER_DUE_DATE: _correct_due_date,
}
