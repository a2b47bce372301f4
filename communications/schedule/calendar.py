"""The hours in which a debtor may be written to: a window on their own wall clock, on the working days of their place.

Where only a phone number says where they are, it may be one of several zones: then the hours common to all of them
count.
"""

import datetime as dt
import functools
import zoneinfo
from dataclasses import dataclass, field

from inflow.accounts.models import Account
from invoices import workdays
from invoices.debtors import phone_zones
from invoices.models import Debtor
from invoices.workdays import WorkDays

OPENS, CLOSES = dt.time(9), dt.time(18)
# Hours that several zones have in common: fewer say nothing of where a debtor is.
LEAST_IN_COMMON = dt.timedelta(hours=2)
_DAY = dt.timedelta(days=1)
# Rows that close a place for longer are a mistake, and no reason to be silent without end.
_LOOKED_AHEAD = 400

Zones = tuple[zoneinfo.ZoneInfo, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a debtor is: their wall clock, their country (ISO 3166), and the hours for writing there.

    A window that closes before it opens goes across midnight and belongs to the day on which it opened. `zone` is the
    one in which times are shown. `candidates` are sets of zones, the most exact first: on each day the first counts
    whose zones have two hours of the window in common; if none has, the zone `otherwise`. Without any, `zone` alone
    counts.
    """

    zone: zoneinfo.ZoneInfo
    country: str
    opens: dt.time = OPENS
    closes: dt.time = CLOSES
    days: WorkDays = field(default_factory=WorkDays)
    candidates: tuple[Zones, ...] = ()
    otherwise: zoneinfo.ZoneInfo | None = None
    is_zone_unknown: bool = False

    def next_opening(self, moment: dt.datetime) -> dt.datetime:
        """`moment` itself if the window is open, else when it opens next. UTC in, UTC out."""
        moment = moment.astimezone(dt.UTC)
        every = [self.zone, *(zone for zones in self.candidates for zone in zones)]
        day = min(moment.astimezone(zone).date() for zone in every) - _DAY  # its window may reach over midnight
        for _ in range(_LOOKED_AHEAD):
            if window := self.days.window(day, self.opens, self.closes):
                opens, closes = _in_common(self.zones_on(day), day, *window)
                if opens < closes and moment < closes:
                    return max(moment, opens)
            day += _DAY
        return moment

    def zones_on(self, day: dt.date) -> Zones:
        """Return the zones whose common hours count on a day."""
        wide = (zones for zones in self.candidates if _is_wide(zones, day, self.opens, self.closes))
        return next(wide, (self.otherwise or self.zone,))

    def next_day(self, moment: dt.datetime) -> dt.datetime:
        """Return when a later day than that of `moment` has begun there, in every zone that counts."""
        zones = self.zones_on(moment.astimezone(dt.UTC).date())
        return max(_at(zone, moment.astimezone(zone).date() + _DAY, 0) for zone in zones)


def place_of(
    debtor: Debtor,
    account: Account,
    phone: str = "",
    *,
    opens: dt.time = OPENS,
    closes: dt.time = CLOSES,
    calendar: workdays.Calendar | None = None,
) -> Place:
    """The debtor's own zone and country, else the phone's, else the account's."""
    phone = phone or debtor.phone
    country = workdays.country_of(debtor, account, phone)
    days = workdays.of(debtor, account, phone, calendar)
    own = zoneinfo.ZoneInfo(account.time_zone)
    if debtor.time_zone:
        return Place(zoneinfo.ZoneInfo(debtor.time_zone), country, opens, closes, days)
    if not phone:
        return Place(own, country, opens, closes, days)
    today = account.today()
    numbers = phone_zones.of_number(phone)
    if len(numbers) == 1:
        return Place(zoneinfo.ZoneInfo(numbers[0]), country, opens, closes, days)
    candidates = tuple(_clocks(names, today.year) for names in (numbers, phone_zones.of_country(phone)) if names)
    zones = next((zones for zones in candidates if _is_wide(zones, today, opens, closes)), None)
    shown = _shown(zones, phone, today) if zones else own
    return Place(shown, country, opens, closes, days, candidates, own, is_zone_unknown=zones is None)


@functools.lru_cache(maxsize=500)
def _clocks(names: tuple[str, ...], year: int) -> Zones:
    """Return the zones, of those that show the same time on each day of this year and the next only the first."""
    days = [dt.date(year, 1, 1) + number * _DAY for number in range(2 * 366)]
    found: dict[tuple[dt.datetime, ...], zoneinfo.ZoneInfo] = {}
    for zone in map(zoneinfo.ZoneInfo, names):
        found.setdefault(tuple(_at(zone, day, 12 * 60) for day in days), zone)
    return tuple(found.values())


def _shown(zones: Zones, phone: str, day: dt.date) -> zoneinfo.ZoneInfo:
    """Return the zone in which times are shown: where the common hours begin in the morning, by the name that the
    number's own country uses."""
    last = max(zones, key=lambda zone: _at(zone, day, 0))
    theirs = map(zoneinfo.ZoneInfo, phone_zones.of_country(phone))
    return next((zone for zone in theirs if _at(zone, day, 0) == _at(last, day, 0)), last)


def _is_wide(zones: Zones, day: dt.date, opens: dt.time, closes: dt.time) -> bool:
    """Say if the zones have enough of the window in common on a day. One zone alone always has."""
    begin, end = workdays.minutes(opens), workdays.minutes(closes)
    first, last = _in_common(zones, day, begin, end if end > begin else end + workdays.MIDNIGHT)
    return len(zones) == 1 or last - first >= LEAST_IN_COMMON


def _in_common(zones: Zones, day: dt.date, begin: int, end: int) -> tuple[dt.datetime, dt.datetime]:
    """Return when the window of a day is open in all of the zones: it opens there last, and closes there first."""
    return max(_at(zone, day, begin) for zone in zones), min(_at(zone, day, end) for zone in zones)


def _at(zone: zoneinfo.ZoneInfo, day: dt.date, minutes: int) -> dt.datetime:
    """A time that the clocks skip is read as the hour before read it; one that comes twice is its first."""
    days, minutes = divmod(minutes, 24 * 60)
    time = dt.time(*divmod(minutes, 60))
    return dt.datetime.combine(day + days * _DAY, time, zone).astimezone(dt.UTC)
