"""`status` and `payment_status`: one pure function of the facts."""

import datetime as dt
from decimal import Decimal
from typing import Protocol

from invoices.models import OPEN, PaymentStatus, Status


class Facts(Protocol):
    """Facts of an invoice. Dates are the account's."""

    amount: Decimal
    amount_paid: Decimal
    due_date: dt.date
    hold_until: dt.date | None
    disputed_at: dt.datetime | None
    written_off_at: dt.datetime | None
    cancelled_at: dt.datetime | None
    aged_on: dt.date | None


def derive(facts: Facts) -> tuple[Status, PaymentStatus]:
    """The two statuses as of `aged_on`, the day the clock last looked; an invoice never looked at is new."""
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
    if facts.amount_paid <= 0:
        return PaymentStatus.UNPAID
    return PaymentStatus.PARTIALLY_PAID if facts.amount_paid < facts.amount else PaymentStatus.PAID


def days_overdue(status: str, due_date: dt.date, today: dt.date) -> int:
    """Whole days since the due date, 0 on it and before, and 0 for what is closed."""
    return max(0, (today - due_date).days) if status in OPEN else 0
