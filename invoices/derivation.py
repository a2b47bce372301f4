"""Derivation of an invoice's statuses from its facts."""

import datetime as dt
from decimal import Decimal
from typing import Protocol

from invoices.models import OPEN, PaymentStatus, Status


class Facts(Protocol):
    """Facts of an invoice. Dates are in the account's time zone."""

    amount: Decimal
    amount_paid: Decimal
    amount_credited: Decimal
    due_date: dt.date
    hold_until: dt.date | None
    disputed_at: dt.datetime | None
    written_off_at: dt.datetime | None
    cancelled_at: dt.datetime | None
    aged_on: dt.date | None


def derive(facts: Facts) -> tuple[Status, PaymentStatus]:
    """Return both statuses as of `aged_on`, the day on which the clock last aged the invoice."""
    payment_status = _payment_status(facts)
    if facts.cancelled_at:
        status = Status.CANCELLED
    elif payment_status == PaymentStatus.PAID:
        status = Status.PAID
    elif facts.written_off_at:
        status = Status.WRITTEN_OFF
    elif facts.disputed_at:
        status = Status.DISPUTED
    elif facts.hold_until and not (facts.aged_on and facts.aged_on > facts.hold_until):
        status = Status.ON_HOLD
    elif facts.aged_on and facts.aged_on > facts.due_date:
        status = Status.OVERDUE
    else:
        status = Status.NEW
    return status, payment_status


def _payment_status(facts: Facts) -> PaymentStatus:
    covered = facts.amount_paid + facts.amount_credited
    if covered <= 0:
        return PaymentStatus.UNPAID
    return PaymentStatus.PARTIALLY_PAID if covered < facts.amount else PaymentStatus.PAID


def days_overdue(status: str, due_date: dt.date, today: dt.date) -> int:
    """Return the days since the due date, or 0 if the invoice is not overdue or is closed."""
    return max(0, (today - due_date).days) if status in OPEN else 0
