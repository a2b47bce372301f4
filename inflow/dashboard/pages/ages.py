"""Ages and parts of what is owed, as a person's lists and figures count them: on each account's own date."""

import datetime as dt

from django.db.models import DateField, F, Func, Q, Value
from django.db.models.functions import Cast, Coalesce, Now

from inflow.accounts.models import User
from invoices.debtors.receivables import Part, in_part

# The buckets of what is overdue: the first and last day late of each.
AGES: dict[str, tuple[int, int | None]] = {"1-30": (1, 30), "31-60": (31, 60), "61-90": (61, 90), "over-90": (91, None)}


def part(user: User, which: Part) -> Q:
    """Return the open invoices of a part of the receivables, among those the person sees."""
    return in_part(which, _due_before(user, by=1))


def overdue(user: User, *, by: int = 1) -> Q:
    """Return the overdue invoices that are at least `by` days late, among those the person sees."""
    return in_part(Part.OVERDUE, _due_before(user, by=by))


def _due_before(user: User, *, by: int) -> Q:
    """Return the invoices whose due date lies at least `by` days back on each account's own date, open or not."""
    ago = dt.timedelta(days=by - 1)
    if not user.is_superuser:
        assert user.account is not None
        return Q(due_date__lt=user.account.today() - ago)
    moment = Coalesce(F("account__clock"), Now())
    theirs = Cast(Func(F("account__time_zone"), moment, function="timezone"), DateField())
    return Q(due_date__lt=theirs - Value(ago))


def aged(user: User, age: str) -> Q:
    """Return the overdue invoices of one of the `AGES`."""
    first, last = AGES[age]
    late = overdue(user, by=first)
    return late if last is None else late & ~_due_before(user, by=last + 1)
