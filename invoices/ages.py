"""How old what is owed is, as a person's lists count it: on each account's own date."""

import datetime as dt

from django.db.models import DateField, F, Func, Q, Value
from django.db.models.functions import Cast, Coalesce, Now

from inflow.accounts.models import User
from invoices.models import OPEN

# What is past due, by its age: the first and last day late of each bucket.
AGES: dict[str, tuple[int, int | None]] = {"1-30": (1, 30), "31-60": (31, 60), "61-90": (61, 90), "over-90": (91, None)}


def past_due(user: User, *, by: int = 1) -> Q:
    """The invoices at least `by` days past due, among those the person sees: on each account's own date."""
    ago = dt.timedelta(days=by - 1)
    if not user.is_superuser:
        assert user.account is not None
        return Q(status__in=OPEN, due_date__lt=user.account.today() - ago)
    moment = Coalesce(F("account__clock"), Now())
    theirs = Cast(Func(F("account__time_zone"), moment, function="timezone"), DateField())
    return Q(status__in=OPEN, due_date__lt=theirs - Value(ago))


def aged(user: User, age: str) -> Q:
    """The invoices of one of the `AGES`."""
    first, last = AGES[age]
    late = past_due(user, by=first)
    return late if last is None else late & ~past_due(user, by=last + 1)
