"""The hours in which a debtor may be contacted: a window in their time zone, on the working days of their country.

If only a phone number indicates the location, several time zones are possible. The hours common to all of them count.
"""

import datetime as dt
import functools
import zoneinfo
from dataclasses import dataclass, field

from inflow.accounts.models import Account
from invoices import workdays
from invoices.debtors import phone_regions
from invoices.models import Debtor
from invoices.workdays import WorkDays

OPENS, CLOSES = dt.time(9), dt.time(18)
# Several zones count only if they have at least this much of the window in common.
LEAST_IN_COMMON = dt.timedelta(hours=2)
_DAY = dt.timedelta(days=1)
# Calendar rules that close a place for more days than this are treated as a mistake.
_LOOKED_AHEAD = 400

Zones = tuple[zoneinfo.ZoneInfo, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The location of a debtor: time zone, country (ISO 3166) and contact hours.

    A window that closes before it opens spans midnight and belongs to the day on which it opened. Times are shown in
    `zone`. `candidates` are sets of possible zones, the most exact first. On each day the first set counts whose zones
    have two hours of the window in common; if there is none, the zone `otherwise`. Without candidates, `zone` counts.
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
        """Return `moment` if the window is open then, else the next opening. The result is in UTC."""
        moment = moment.astimezone(dt.UTC)
        every = [self.zone, *(zone for zones in self.candidates for zone in zones)]
        day = min(moment.astimezone(zone).date() for zone in every) - _DAY  # its window may span midnight
        for _ in range(_LOOKED_AHEAD):
            if window := self.days.window(day, self.opens, self.closes):
                opens, closes = _in_common(self.zones_on(day), day, *window)
                if opens < closes and moment < closes:
                    return max(moment, opens)
            day += _DAY
        return moment

    def zones_on(self, day: dt.date) -> Zones:
        """Return the time zones whose common hours count on a day."""
        wide = (zones for zones in self.candidates if _is_wide(zones, day, self.opens, self.closes))
        return next(wide, (self.otherwise or self.zone,))

    def next_day(self, moment: dt.datetime) -> dt.datetime:
        """Return the time at which the day after `moment` has begun in every zone that counts. In UTC."""
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
    """Return the place by the debtor's own time zone, else by the phone number, else by the account."""
    phone = phone or debtor.phone
    country = workdays.country_of(debtor, account, phone)
    days = workdays.of(debtor, account, phone, calendar)
    own = zoneinfo.ZoneInfo(account.time_zone)
    if debtor.time_zone:
        return Place(zoneinfo.ZoneInfo(debtor.time_zone), country, opens, closes, days)
    if not phone:
        return Place(own, country, opens, closes, days)
    today = account.today()
    numbers = phone_regions.of_number(phone)
    if len(numbers) == 1:
        return Place(zoneinfo.ZoneInfo(numbers[0]), country, opens, closes, days)
    candidates = tuple(_clocks(names, today.year) for names in (numbers, phone_regions.of_country(phone)) if names)
    zones = next((zones for zones in candidates if _is_wide(zones, today, opens, closes)), None)
    shown = _shown(zones, phone, today) if zones else own
    return Place(shown, country, opens, closes, days, candidates, own, is_zone_unknown=zones is None)


@functools.lru_cache(maxsize=500)
def _clocks(names: tuple[str, ...], year: int) -> Zones:
    """Return the zones without duplicates: zones with the same times this year and the next count once."""
    days = [dt.date(year, 1, 1) + number * _DAY for number in range(2 * 366)]
    found: dict[tuple[dt.datetime, ...], zoneinfo.ZoneInfo] = {}
    for zone in map(zoneinfo.ZoneInfo, names):
        found.setdefault(tuple(_at(zone, day, 12 * 60) for day in days), zone)
    return tuple(found.values())


def _shown(zones: Zones, phone: str, day: dt.date) -> zoneinfo.ZoneInfo:
    """Return the time zone for display: the one in which the common hours begin at opening time.

    Among equal zones, prefer the one of the phone number's country.
    """
    last = max(zones, key=lambda zone: _at(zone, day, 0))
    theirs = map(zoneinfo.ZoneInfo, phone_regions.of_country(phone))
    return next((zone for zone in theirs if _at(zone, day, 0) == _at(last, day, 0)), last)


def _is_wide(zones: Zones, day: dt.date, opens: dt.time, closes: dt.time) -> bool:
    """Return True if the zones have enough of the window in common on a day. A single zone always has."""
    begin, end = workdays.minutes(opens), workdays.minutes(closes)
    first, last = _in_common(zones, day, begin, end if end > begin else end + workdays.MIDNIGHT)
    return len(zones) == 1 or last - first >= LEAST_IN_COMMON


def _in_common(zones: Zones, day: dt.date, begin: int, end: int) -> tuple[dt.datetime, dt.datetime]:
    """Return the opening and closing time, in UTC, at which the window of a day is open in all zones."""
    return max(_at(zone, day, begin) for zone in zones), min(_at(zone, day, end) for zone in zones)


def _at(zone: zoneinfo.ZoneInfo, day: dt.date, minutes: int) -> dt.datetime:
    """Return a local time in UTC. Skipped times use the offset before the change, ambiguous ones the first one."""
    days, minutes = divmod(minutes, 24 * 60)
    time = dt.time(*divmod(minutes, 60))
    return dt.datetime.combine(day + days * _DAY, time, zone).astimezone(dt.UTC)
