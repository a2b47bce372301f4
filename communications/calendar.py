"""When a debtor may be written to: a window on their own wall clock, on the working days of their country."""

import datetime as dt
import zoneinfo
from dataclasses import dataclass

import phonenumbers
from phonenumbers import timezone as phone_zones

from inflow.accounts.models import Account
from invoices import workdays
from invoices.models import Debtor

OPENS, CLOSES = dt.time(9), dt.time(18)
_DAY = dt.timedelta(days=1)
_ZONES = zoneinfo.available_timezones()  # once: it walks the file system


@dataclass(frozen=True, slots=True)
class Place:
    """Where a debtor is: their wall clock, their country (ISO 3166), and the hours for writing there.

    A window that closes before it opens goes across midnight and belongs to the day on which it opened.
    """

    zone: zoneinfo.ZoneInfo
    country: str
    opens: dt.time = OPENS
    closes: dt.time = CLOSES
    days_off: frozenset[int] | None = None

    @property
    def weekend(self) -> frozenset[int]:
        return workdays.weekend_of(self.country) if self.days_off is None else self.days_off

    def next_opening(self, moment: dt.datetime) -> dt.datetime:
        """`moment` itself if the window is open, else when it opens next. UTC in, UTC out."""
        moment = moment.astimezone(dt.UTC)
        day = moment.astimezone(self.zone).date() - _DAY  # yesterday's window may reach over midnight
        while True:
            if day.weekday() not in self.weekend:
                opens, closes = self._window(day)
                if moment < closes:
                    return max(moment, opens)
            day += _DAY

    def _window(self, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
        last = day if self.opens < self.closes else day + _DAY
        return self._at(day, self.opens), self._at(last, self.closes)

    def _at(self, day: dt.date, time: dt.time) -> dt.datetime:
        """A time that the clocks skip is read as the hour before read it; one that comes twice is its first."""
        return dt.datetime.combine(day, time, self.zone).astimezone(dt.UTC)


def place_of(
    debtor: Debtor, account: Account, phone: str = "", *, opens: dt.time = OPENS, closes: dt.time = CLOSES
) -> Place:
    """The debtor's own zone and country, else the phone's (one of several zones says nothing), else the account's."""
    zone = debtor.time_zone
    if not zone and (phone := phone or debtor.phone):
        zones = phone_zones.time_zones_for_number(phonenumbers.parse(phone))
        if len(zones) == 1 and zones[0] in _ZONES:
            zone = zones[0]
    country = workdays.country_of(debtor, account, phone)
    days_off = workdays.weekend_of(country, account) if account.weekend is not None else None
    return Place(zoneinfo.ZoneInfo(zone or account.time_zone), country, opens, closes, days_off)
