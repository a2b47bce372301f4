"""Working days and hours by place: what the rows of `CalendarRule` say of one country, emirate or region.

The debtor's place counts where there are rows of its country, else the account's. An account's own row replaces
everybody's of the same place and name. What is resolved is a pure function of the rows, which are read once a sweep.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from inflow.accounts.models import Account
from inflow.sql import compiled
from invoices.debtors import phone_zones
from invoices.models import CalendarRule, Debtor, RuleKind

FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
_DAY = dt.timedelta(days=1)
MIDNIGHT = 24 * 60


class Rule(NamedTuple):
    """A row of `CalendarRule`."""

    account_id: uuid.UUID | None
    country: str
    subdivision: str
    kind: str
    name: str
    is_yearly: bool
    weekdays: Sequence[int]
    is_on: bool
    starts_on: dt.date | None
    ends_on: dt.date | None
    opens_at: dt.time | None
    closes_at: dt.time | None

    @property
    def last_day(self) -> dt.date | None:
        return self.ends_on or self.starts_on


@dataclass(frozen=True, slots=True)
class Shorter:
    """Hours that are shorter on some days: between two dates, on days of the week, or both. Minutes since midnight."""

    opens: int
    closes: int
    first: dt.date | None = None
    last: dt.date | None = None
    weekdays: frozenset[int] = frozenset()

    def is_on(self, day: dt.date) -> bool:
        if self.weekdays and day.weekday() not in self.weekdays:
            return False
        return self.first is None or self.last is None or self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class WorkDays:
    """The calendar of one place. Weekdays: Monday is 0; `yearly` are (month, day)."""

    weekend: frozenset[int] = frozenset({SATURDAY, SUNDAY})
    holidays: frozenset[dt.date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()
    shorter: tuple[Shorter, ...] = ()

    def is_off(self, day: dt.date) -> bool:
        return day.weekday() in self.weekend or day in self.holidays or (day.month, day.day) in self.yearly

    def window(self, day: dt.date, opens: dt.time, closes: dt.time) -> tuple[int, int] | None:
        """From `opens` to `closes` on a working day, shortened by the hours of that day: minutes since its midnight,
        beyond 24 hours where the window goes across midnight. None if nothing is left of it.

        Hours between two dates hold for weeks: where nothing is left of the window, they take its place."""
        if self.is_off(day):
            return None
        begin, end = minutes(opens), minutes(closes)
        end += MIDNIGHT if end <= begin else 0
        for hours in self.shorter:
            if hours.is_on(day):
                left = max(begin, hours.opens), min(end, hours.closes)
                if left[0] >= left[1]:
                    if hours.first is None:
                        return None
                    left = hours.opens, hours.closes
                begin, end = left
        return begin, end


class Calendar:
    """The calendar rules of an account, everybody's and its own: of all countries, or of those in `countries`."""

    def __init__(
        self, account: Account, rules: Iterable[Rule | CalendarRule], countries: Collection[str] | None = None
    ) -> None:
        self._account, self._rules, self._countries = account, list(rules), countries
        self._places: dict[tuple[str, str], WorkDays] = {}

    def at(self, country: str, subdivision: str = "") -> WorkDays:
        """Return the working days of a place. The rules of a further country are read when they are needed."""
        place = country, subdivision
        if place not in self._places:
            rules: Sequence[Rule | CalendarRule] = self._rules
            if self._countries is not None and country not in self._countries:
                rules = _of_countries(account=self._account.pk, country=country, other=self._account.country)
            self._places[place] = resolve(rules, self._account, *place)
        return self._places[place]


def resolve(rules: Sequence[Rule | CalendarRule], account: Account, country: str, subdivision: str) -> WorkDays:
    """Return the working days of a place. If no row is of its country, the account's place counts."""
    if not any(rule.country == country for rule in rules):
        country, subdivision = account.country, account.subdivision
    here = [rule for rule in rules if rule.country == country and rule.subdivision in ("", subdivision)]
    replaced = {(rule.subdivision, rule.name) for rule in here if rule.account_id}
    here = [rule for rule in here if rule.account_id or (rule.subdivision, rule.name) not in replaced]
    here = [rule for rule in here if rule.is_on]
    weekends = [rule for rule in here if rule.kind == RuleKind.WEEKEND]
    chosen = max(weekends, key=lambda rule: (rule.account_id is not None, rule.subdivision), default=None)
    weekend = frozenset(chosen.weekdays) if chosen else WorkDays().weekend
    if account.weekend is not None and country == account.country and len(set(account.weekend)) < 7:
        weekend = frozenset(account.weekend)
    holidays = [rule for rule in here if rule.kind == RuleKind.HOLIDAY]
    return WorkDays(
        weekend,
        frozenset(day for rule in holidays if not rule.is_yearly for day in _days(rule)),
        frozenset((day.month, day.day) for rule in holidays if rule.is_yearly for day in _days(rule)),
        tuple(_shorter(rule) for rule in here if rule.kind == RuleKind.HOURS),
    )


def of(debtor: Debtor, account: Account, phone: str = "", calendar: Calendar | None = None) -> WorkDays:
    """The working days of a debtor."""
    country = country_of(debtor, account, phone)
    subdivision = debtor.subdivision or (account.subdivision if country == account.country else "")
    return (calendar or calendar_of(account)).at(country, subdivision)


def country_of(debtor: Debtor, account: Account, phone: str = "") -> str:
    """The debtor's own country, else the phone's, else the account's (ISO 3166)."""
    country = debtor.country or debtor.subdivision[:2]
    if not country and (phone := phone or debtor.phone):
        country = phone_zones.country(phone)
    return country or account.country


def after(day: dt.date, working_days: int, days: WorkDays) -> dt.date:
    """The date so many working days later."""
    while working_days:
        day += _DAY
        working_days -= not days.is_off(day)
    return day


# --- Reading the rows --------------------------------------------------------------------------------------------

_remembered: ContextVar[dict[Any, Any] | None] = ContextVar("calendars", default=None)


@contextmanager
def remembered() -> Iterator[None]:
    """For one sweep of the clock: the rows are read once, as they were when it began."""
    if _remembered.get() is not None:
        yield
        return
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


def is_cached() -> bool:
    """Return True during a sweep."""
    return _remembered.get() is not None


def calendar_of(account: Account) -> Calendar:
    """Return the account's calendar. A sweep reads all rules once, else they are read when they are needed."""
    known: dict[Any, Any] | None = _remembered.get()
    if known is None:
        return Calendar(account, (), ())
    if account.pk not in known:
        if None not in known:
            known[None] = list(CalendarRule.objects.filter(account=None))
        own = list(CalendarRule.objects.filter(account=account)) if account.pk else []
        known[account.pk] = Calendar(account, [*known[None], *own])
    return known[account.pk]  # type: ignore[no-any-return]


@compiled
def _of_countries(*, account: uuid.UUID, country: str, other: str) -> QuerySet[CalendarRule]:
    return CalendarRule.objects.filter(Q(account=None) | Q(account=account), country__in=[country, other])


def _days(rule: Rule | CalendarRule) -> Iterator[dt.date]:
    assert rule.starts_on
    assert rule.last_day
    for number in range((rule.last_day - rule.starts_on).days + 1):
        yield rule.starts_on + number * _DAY


def _shorter(rule: Rule | CalendarRule) -> Shorter:
    return Shorter(
        minutes(rule.opens_at) if rule.opens_at else 0,
        minutes(rule.closes_at) if rule.closes_at else 2 * MIDNIGHT,
        rule.starts_on,
        rule.last_day,
        frozenset(rule.weekdays),
    )


def minutes(time: dt.time) -> int:
    return 60 * time.hour + time.minute
