"""Definitions of overdue, outstanding and net amounts, for every page, message, statement and figure.

An open invoice belongs to exactly one part, so that the parts add up to the outstanding amount. Only a partly
disputed invoice belongs to two: the disputed amount to one, and the rest to overdue or not due. Amounts and credit are
kept apart by currency.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Case, DecimalField, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest, Least

from invoices import receipts
from invoices.models import OPEN, Allocation, Invoice, Promise, Status

_ZERO = Decimal(0)
# Statuses of open invoices that are neither disputed nor on hold.
CHASED = (Status.NEW, Status.OVERDUE)


class Part(StrEnum):
    """Part of the outstanding amount."""

    OVERDUE = "overdue"
    NOT_DUE = "not_due"
    ON_HOLD = "on_hold"
    DISPUTED = "disputed"


def part_of(invoice: Invoice, today: dt.date) -> Part:
    """Return the part of an open invoice. A dispute or a hold takes precedence over the due date.

    For a partly disputed invoice, return the part of the undisputed rest.
    """
    if invoice.is_wholly_disputed:
        return Part.DISPUTED
    if invoice.status == Status.ON_HOLD:
        return Part.ON_HOLD
    return Part.OVERDUE if invoice.due_date < today else Part.NOT_DUE


def is_overdue(invoice: Invoice, today: dt.date) -> bool:
    """Return True if the invoice is open, past its due date, and neither wholly disputed nor on hold."""
    return invoice.is_open and part_of(invoice, today) == Part.OVERDUE


@dataclass(slots=True)
class Position:
    """Outstanding amounts by part, and unapplied credit, of one debtor in one currency."""

    overdue: Decimal = _ZERO
    not_due: Decimal = _ZERO
    on_hold: Decimal = _ZERO
    disputed: Decimal = _ZERO
    credit: Decimal = _ZERO
    invoices: int = 0

    @property
    def outstanding(self) -> Decimal:
        return self.overdue + self.not_due + self.on_hold + self.disputed

    @property
    def net(self) -> Decimal:
        """Return the outstanding amount less credit."""
        return max(self.outstanding - self.credit, _ZERO)

    @property
    def overdue_net(self) -> Decimal:
        """Return the overdue amount less credit, which pays overdue invoices first."""
        return max(self.overdue - self.credit, _ZERO)


def positions(invoices: Iterable[Invoice], credit: Mapping[str, Decimal], today: dt.date) -> dict[str, Position]:
    """Return the positions of one debtor's invoices and credit by currency code."""
    found: dict[str, Position] = {}
    for invoice in invoices:
        if invoice.is_open:
            position = found.setdefault(invoice.currency, Position())
            part = part_of(invoice, today).value
            contested = invoice.contested
            position.disputed += contested
            setattr(position, part, getattr(position, part) + invoice.balance - contested)
            position.invoices += 1
    for currency, amount in credit.items():
        found.setdefault(currency, Position()).credit = amount
    return dict(sorted(found.items()))


def balances(invoices: Iterable[Invoice]) -> dict[str, Decimal]:
    """Return the sum of the invoices' balances by currency."""
    sums: dict[str, Decimal] = {}
    for invoice in invoices:
        sums[invoice.currency] = sums.get(invoice.currency, _ZERO) + invoice.balance
    return sums


def undisputed_balances(invoices: Iterable[Invoice]) -> dict[str, Decimal]:
    """Return the sum of the invoices' balances by currency, without disputed amounts."""
    sums: dict[str, Decimal] = {}
    for invoice in invoices:
        sums[invoice.currency] = sums.get(invoice.currency, _ZERO) + invoice.undisputed_balance
    return sums


# --- Database expressions ----------------------------------------------------------------------------------------

BALANCE = Greatest(F("amount") - F("amount_paid") - F("amount_credited"), _ZERO)


# A comparison with NULL is never true, and without a disputed amount the whole invoice is disputed.
PARTLY_DISPUTED = Q(status=Status.DISPUTED, contested_amount__lt=F("amount") - F("amount_paid") - F("amount_credited"))
WHOLLY_DISPUTED = Q(status=Status.DISPUTED) & (
    Q(contested_amount=None) | Q(contested_amount__gte=F("amount") - F("amount_paid") - F("amount_credited"))
)
# The disputed amount of the balance, and the rest, which may be chased.
CONTESTED = Case(
    When(status=Status.DISPUTED, then=Least(Coalesce(F("contested_amount"), BALANCE), BALANCE)),
    default=Value(_ZERO),
    output_field=DecimalField(max_digits=20, decimal_places=3),
)
UNDISPUTED = BALANCE - CONTESTED


def amount_in(part: Part) -> Any:
    """Return the expression of the amount that an invoice selected by `in_part` adds to the part."""
    return CONTESTED if part == Part.DISPUTED else UNDISPUTED


def in_part(part: Part, is_past: Q) -> Q:
    """Return a condition for the open invoices of a part. `is_past` selects those with a due date before today.

    A partly disputed invoice is in two parts: see `amount_in`.
    """
    if part == Part.DISPUTED:
        return Q(status=Status.DISPUTED)
    if part == Part.ON_HOLD:
        return Q(status=Status.ON_HOLD)
    return (Q(status__in=CHASED) | PARTLY_DISPUTED) & (is_past if part == Part.OVERDUE else ~is_past)


_COVERED_SINCE = (
    Allocation.objects.filter(receipts.STANDING, invoice=OuterRef("invoice"), created_at__gt=OuterRef("created_at"))
    .order_by()
    .values("invoice")
    .annotate(total=Sum("amount"))
    .values("total")
)
# The open amount of a promise, as in `promised`.
_PROMISED = Least(
    F("amount") - Greatest(Coalesce(Subquery(_COVERED_SINCE), _ZERO), _ZERO),
    F("invoice__amount") - F("invoice__amount_paid") - F("invoice__amount_credited"),
)
PROMISED = Case(
    When(invoice__status__in=OPEN, then=Greatest(_PROMISED, _ZERO)),
    default=Value(_ZERO),
    output_field=DecimalField(max_digits=20, decimal_places=3),
)


def promised(promise: Promise) -> Decimal:
    """Return the open amount of a promise: less what was paid or credited since, and at most the invoice's balance."""
    invoice = promise.invoice
    if not invoice.is_open:
        return _ZERO
    covered = max(receipts.covered_since(invoice, promise.created_at), _ZERO)
    return max(min(promise.amount - covered, invoice.balance), _ZERO)
