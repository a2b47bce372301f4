"""Sums that messages about a debtor's invoices would ask for, added up once for all invoices mentioned together.

A debtor may have thousands of open invoices, and each message adds up those that are overdue.
"""

import datetime as dt
import itertools
from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal

from communications.content import demand
from invoices.models import Invoice, Status

_DAY = dt.timedelta(days=1)


class Mentioned:
    """Invoices that one message may mention, in one currency."""

    def __init__(self, invoices: Sequence[Invoice], currency: str) -> None:
        counted = [
            each
            for each in invoices
            if each.currency == currency and demand.is_listed(each) and each.status != Status.ON_HOLD
        ]
        counted.sort(key=lambda each: each.due_date)
        self._due_dates = [each.due_date for each in counted]
        self._totals = [Decimal(0), *itertools.accumulate(each.undisputed_balance for each in counted)]
        self._counted = {each.pk: each for each in counted}
        # The days on which a further invoice becomes overdue.
        self._days = sorted({each.due_date + _DAY for each in invoices})

    def most_owed(self, invoice: Invoice, kind: str, day: dt.date) -> Decimal:
        """Return the most that a message about `invoice` would add up on a day: it and the other overdue ones."""
        if kind in demand.ABOUT_ONE_INVOICE:
            return invoice.undisputed_balance
        total = self._totals[bisect_left(self._due_dates, day)]
        own = self._counted.get(invoice.pk)
        return invoice.undisputed_balance + total - (own.undisputed_balance if own and own.due_date < day else 0)

    def first_day(self, invoice: Invoice, kind: str, amount: Decimal, today: dt.date) -> dt.date | None:
        """Return the first day after `today` on which a message about `invoice` would add up at least `amount`."""
        begin = bisect_left(self._days, today + _DAY)
        place = bisect_left(self._days, amount, begin, key=lambda day: self.most_owed(invoice, kind, day))
        return self._days[place] if place < len(self._days) else None
