"""Ageing buckets and parts of the receivables, as of today's date in each account."""

import datetime as dt
from functools import partial
from typing import Any, ClassVar

from django.db.models import DateField, F, Func, Q, Value
from django.db.models.functions import Cast, Coalesce, Now
from django.utils.functional import keep_lazy_text
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import User
from inflow.dashboard.core.filters import Options, OptionsFilter
from invoices.debtors.receivables import Part, in_part
from invoices.models import OPEN

# The ageing buckets: first and last day overdue.
AGES: dict[str, tuple[int, int | None]] = {"1-30": (1, 30), "31-60": (31, 60), "61-90": (61, 90), "over-90": (91, None)}


def part(user: User, which: Part) -> Q:
    """Return the condition for the invoices of a part of the receivables."""
    return in_part(which, _due_before(user, by=1))


def overdue(user: User, *, by: int = 1) -> Q:
    """Return the condition for invoices that are at least `by` days overdue."""
    return in_part(Part.OVERDUE, _due_before(user, by=by))


def _due_before(user: User, *, by: int) -> Q:
    """Return the condition for invoices, open or not, that fell due at least `by` days ago in their account."""
    ago = dt.timedelta(days=by - 1)
    if not user.is_superuser:
        assert user.account is not None
        return Q(due_date__lt=user.account.today() - ago)
    moment = Coalesce(F("account__clock"), Now())
    today = Cast(Func(F("account__time_zone"), moment, function="timezone"), DateField())
    return Q(due_date__lt=today - Value(ago))


def aged(age: str, user: User) -> Q:
    """Return the condition for the overdue invoices in one of the `AGES`."""
    first, last = AGES[age]
    late = overdue(user, by=first)
    return late if last is None else late & ~_due_before(user, by=last + 1)


@keep_lazy_text
def _days_late(text: Any, first: int, last: int | None) -> str:
    return str(text % {"first": first, "last": last} if last else text)


class DueFilter(OptionsFilter):
    """The parts of `receivables`, in which disputed invoices and those on hold are not past due, and the ages."""

    title, parameter_name = _lazy("due"), "due"
    options: ClassVar[Options] = {
        "open": (_lazy("Open"), Q(status__in=OPEN)),
        "later": (_lazy("Open, not past due"), lambda user: part(user, Part.NOT_DUE)),
        "on_hold": (_lazy("On hold"), lambda user: part(user, Part.ON_HOLD)),
        "disputed": (_lazy("Disputed"), lambda user: part(user, Part.DISPUTED)),
        "past": (_lazy("Past due"), overdue),
        **{
            age: (
                _days_late(_lazy("%(first)d–%(last)d days late") if last else _lazy("Over 90 days late"), first, last),
                partial(aged, age),
            )
            for age, (first, last) in AGES.items()
        },
    }
