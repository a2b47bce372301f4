"""Outstanding and collected amounts by currency. Currencies are never added up.

The database adds up the rows that a person may see, as of today in each account's time zone.
"""

import calendar
import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce, TruncMonth
from django.utils import timezone

from inflow.accounts.access import rows_of
from inflow.accounts.models import User
from inflow.dashboard.pages.ages import AGES, aged, overdue, part
from invoices import ledger
from invoices.debtors.receivables import BALANCE, PROMISED, UNDISPUTED, Part, amount_in
from invoices.models import OPEN, Invoice, Payment, Promise, PromiseStatus, Status

WEEKS = 12
# The number of months that the DSO may go back.
MONTHS_BACK = 24
# A promise is due soon if it is for one of the next days.
PROMISES_WITHIN = dt.timedelta(days=7)

_ZERO = Decimal(0)


@dataclass(slots=True)
class Receivables:
    """Amounts of one currency, as defined in `invoices.debtors.receivables`.

    `ages` has the overdue amounts by age and, as `later`, the amount that is not due; with `on_hold` and `disputed`
    they add up to `outstanding`. `promised` is the outstanding part of the promises. `weeks` has the collected amounts
    less reversals by the Monday of each week, oldest first. `dso` is None if the outstanding amount is older than
    `MONTHS_BACK`."""

    currency: str
    outstanding: Decimal = _ZERO
    open_count: int = 0
    overdue: Decimal = _ZERO
    overdue_count: int = 0
    on_hold: Decimal = _ZERO
    disputed: Decimal = _ZERO
    credit: Decimal = _ZERO
    ages: dict[str, Decimal] = field(default_factory=dict)
    collected_this_month: Decimal = _ZERO
    weeks: dict[dt.date, Decimal] = field(default_factory=dict)
    promised: Decimal = _ZERO
    promised_count: int = 0
    dso: int | None = 0


def today_of(user: User) -> dt.date:
    """Return today's date in the person's account, or in UTC for platform staff without one."""
    return user.account.today() if user.account else timezone.localdate()


def receivables(user: User) -> list[Receivables]:
    """Return each currency with outstanding amounts, recent payments or credit, the one with the most open invoices
    first."""
    today = today_of(user)
    found: dict[str, Receivables] = {}

    def of(currency: str) -> Receivables:
        return found.setdefault(currency, Receivables(currency, weeks=dict.fromkeys(_mondays(today), _ZERO)))

    for row in _owed(user):
        each = of(row["currency"])
        each.outstanding, each.open_count = row["outstanding"], row["open_count"]
        each.overdue, each.overdue_count = row["overdue"], row["overdue_count"]
        each.on_hold, each.disputed = row["on_hold"], row["disputed"]
        each.ages = {"later": row["not_due"]} | {age: row[_column(age)] for age in AGES}
    for row in _credit(user):
        of(row["currency"]).credit = row["credit"]
    for currency, day, amount in _collected(user, today):
        each = of(currency)
        if day.replace(day=1) == today.replace(day=1):
            each.collected_this_month += amount
        monday = day - dt.timedelta(days=day.weekday())
        if monday in each.weeks:
            each.weeks[monday] += amount
    for row in _promised(user, today):
        each = of(row["invoice__currency"])
        each.promised, each.promised_count = row["promised"], row["promised_count"]
    billed = _billed(user, today) if found else {}
    for each in found.values():
        each.dso = days_sales_outstanding(each.outstanding, billed.get(each.currency, {}), today)
    return sorted(found.values(), key=lambda each: (-each.open_count, each.currency))


def days_sales_outstanding(outstanding: Decimal, billed: Mapping[dt.date, Decimal], today: dt.date) -> int | None:
    """Return the DSO by the countback method, or None beyond `MONTHS_BACK`.

    The outstanding amount is subtracted from the latest sales month by month, and the days of those months are counted,
    the last one in proportion. `billed` is keyed by the first day of the month."""
    left, days = outstanding, _ZERO
    month, days_in = today.replace(day=1), today.day
    for _ in range(MONTHS_BACK):
        if left <= 0:
            break
        sales = billed.get(month, _ZERO)
        days += days_in if sales <= left else days_in * left / sales
        left -= sales
        month = (month - dt.timedelta(days=1)).replace(day=1)
        days_in = calendar.monthrange(month.year, month.month)[1]
    return round(days) if left <= 0 else None


def _owed(user: User) -> Any:
    def of(which: Q, amount: Any = UNDISPUTED) -> Coalesce:
        return Coalesce(Sum(amount, filter=which), _ZERO)

    late = overdue(user)
    rows = rows_of(user, Invoice.objects.filter(status__in=OPEN)).order_by().values("currency")
    return rows.annotate(
        outstanding=Sum(BALANCE),
        overdue=of(late),
        open_count=Count("pk"),
        overdue_count=Count("pk", filter=late),
        **{
            which.value: of(part(user, which), amount_in(which))
            for which in (Part.NOT_DUE, Part.ON_HOLD, Part.DISPUTED)
        },
        **{_column(age): of(aged(age, user)) for age in AGES},
    )


def _credit(user: User) -> Any:
    return rows_of(user, ledger.unapplied()).order_by().values("currency").annotate(credit=Sum("unallocated"))


def _column(age: str) -> str:
    return f"age_{age.replace('-', '_')}"


def _collected(user: User, today: dt.date) -> Any:
    """Return the payments of each day since the beginning of this month or of the oldest week."""
    since = min(today.replace(day=1), _mondays(today)[0])
    payments = rows_of(user, Payment.objects.filter(paid_at__gte=since, paid_at__lte=today)).order_by()
    return payments.values_list("currency", "paid_at").annotate(Sum("amount"))


def _promised(user: User, today: dt.date) -> Any:
    """Return the outstanding part of the open promises for the next days. Paid promises do not count."""
    promises = Promise.objects.filter(promised_on__lte=today + PROMISES_WITHIN, status=PromiseStatus.OPEN)
    promises = promises.alias(left=PROMISED).filter(left__gt=0)
    rows = rows_of(user, promises).order_by().values("invoice__currency")
    return rows.annotate(promised=Sum(PROMISED), promised_count=Count("pk"))


def _billed(user: User, today: dt.date) -> dict[str, dict[dt.date, Decimal]]:
    """Return the invoiced amounts by currency and month, without cancelled invoices."""
    since = today.replace(day=1, year=today.year - MONTHS_BACK // 12)
    sold = Invoice.objects.filter(issue_date__gte=since, issue_date__lte=today).exclude(status=Status.CANCELLED)
    months = rows_of(user, sold).order_by().annotate(month=TruncMonth("issue_date"))
    billed: dict[str, dict[dt.date, Decimal]] = defaultdict(dict)
    for currency, month, amount in months.values_list("currency", "month").annotate(Sum("amount")):
        billed[currency][month] = amount
    return billed


def _mondays(today: dt.date) -> list[dt.date]:
    """Return the first days of the last weeks and the current one, oldest first."""
    this = today - dt.timedelta(days=today.weekday())
    return [this - dt.timedelta(weeks=ago) for ago in reversed(range(WEEKS))]
