"""Working days and hours of a country, emirate or region, from the rows of `CalendarRule`.

The debtor's place is used if its country has rows, and the account's place if not. An account's own row replaces the
shared row of the same place and name.
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
from invoices.debtors import phone_regions
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
class ShorterHours:
    """Shorter hours between two dates, on some weekdays, or both. `opens` and `closes` are minutes since midnight."""

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
    """The calendar of one place. Weekdays start with Monday as 0; `yearly` holds pairs of month and day."""

    weekend: frozenset[int] = frozenset({SATURDAY, SUNDAY})
    holidays: frozenset[dt.date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()
    shorter: tuple[ShorterHours, ...] = ()

    def is_off(self, day: dt.date) -> bool:
        return day.weekday() in self.weekend or day in self.holidays or (day.month, day.day) in self.yearly

    def window(self, day: dt.date, opens: dt.time, closes: dt.time) -> tuple[int, int] | None:
        """Return the window from `opens` to `closes` within the hours of that day, or None if nothing is left of it.

        Both ends are minutes since the day's midnight; a window across midnight ends after 24 hours. Hours between two
        dates last for weeks, so where they leave nothing of the window, they replace it.
        """
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
    """The calendar rules of an account, shared and its own: of all countries, or of those in `countries`."""

    def __init__(
        self, account: Account, rules: Iterable[Rule | CalendarRule], countries: Collection[str] | None = None
    ) -> None:
        self._account, self._rules, self._countries = account, list(rules), countries
        self._resolved: dict[tuple[str, str], WorkDays] = {}

    def at(self, country: str, subdivision: str = "") -> WorkDays:
        """Return the working days of a place. The rules of a further country are read when they are needed."""
        place = country, subdivision
        if place not in self._resolved:
            rules: Sequence[Rule | CalendarRule] = self._rules
            if self._countries is not None and country not in self._countries:
                rules = _of_countries(account=self._account.pk, country=country, other=self._account.country)
            self._resolved[place] = resolve(rules, self._account, *place)
        return self._resolved[place]


def resolve(rules: Sequence[Rule | CalendarRule], account: Account, country: str, subdivision: str) -> WorkDays:
    """Return the working days of a place, or of the account's place if the country has no rows."""
    if not any(rule.country == country for rule in rules):
        country, subdivision = account.country, account.subdivision
    here = [rule for rule in rules if rule.country == country and rule.subdivision in ("", subdivision)]
    replaced = {(rule.subdivision, rule.name) for rule in here if rule.account_id}
    here = [rule for rule in here if rule.account_id or (rule.subdivision, rule.name) not in replaced if rule.is_on]
    here.sort(key=lambda rule: (rule.subdivision, rule.starts_on or dt.date.max, rule.name))
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
    """Return the working days of a debtor. `phone` is the invoice's, if it has its own."""
    country = country_of(debtor, account, phone)
    subdivision = debtor.subdivision or (account.subdivision if country == account.country else "")
    return (calendar or calendar_of(account)).at(country, subdivision)


def country_of(debtor: Debtor, account: Account, phone: str = "") -> str:
    """Return the ISO 3166 code of the debtor's country, or else of the phone's, or else of the account's."""
    country = debtor.country or debtor.subdivision[:2]
    if not country and (phone := phone or debtor.phone):
        country = phone_regions.country(phone)
    return country or account.country


def after(day: dt.date, working_days: int, days: WorkDays) -> dt.date:
    """Return the date that is `working_days` working days after `day`."""
    while working_days:
        day += _DAY
        working_days -= not days.is_off(day)
    return day


# --- Reading rows ------------------------------------------------------------------------------------------------
_cache: ContextVar[dict[Any, Any] | None] = ContextVar("calendars", default=None)


@contextmanager
def cached() -> Iterator[None]:
    """Read the calendar rows once for all work within this context."""
    if _cache.get() is not None:
        yield
        return
    token = _cache.set({})
    try:
        yield
    finally:
        _cache.reset(token)


def is_cached() -> bool:
    """Return True within `cached`."""
    return _cache.get() is not None


def calendar_of(account: Account) -> Calendar:
    """Return the account's calendar. Within `cached`, all rules are read once, otherwise when they are needed."""
    cache: dict[Any, Any] | None = _cache.get()
    if cache is None:
        return Calendar(account, (), ())
    if account.pk not in cache:
        if None not in cache:
            cache[None] = list(CalendarRule.objects.filter(account=None))
        own = list(CalendarRule.objects.filter(account=account)) if account.pk else []
        cache[account.pk] = Calendar(account, [*cache[None], *own])
    return cache[account.pk]  # type: ignore[no-any-return]


@compiled
def _of_countries(*, account: uuid.UUID, country: str, other: str) -> QuerySet[CalendarRule]:
    return CalendarRule.objects.filter(Q(account=None) | Q(account=account), country__in=[country, other])


def _days(rule: Rule | CalendarRule) -> Iterator[dt.date]:
    assert rule.starts_on
    assert rule.last_day
    for days in range((rule.last_day - rule.starts_on).days + 1):
        yield rule.starts_on + days * _DAY


def _shorter(rule: Rule | CalendarRule) -> ShorterHours:
    return ShorterHours(
        minutes(rule.opens_at) if rule.opens_at else 0,
        minutes(rule.closes_at) if rule.closes_at else 2 * MIDNIGHT,
        rule.starts_on,
        rule.last_day,
        frozenset(rule.weekdays),
    )


def minutes(time: dt.time) -> int:
    return 60 * time.hour + time.minute
