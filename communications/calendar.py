"""When a debtor may be written to: a window on their own wall clock, on the working days of their place."""

import datetime as dt
import zoneinfo
from dataclasses import dataclass, field

import phonenumbers
from phonenumbers import timezone as phone_zones

from inflow.accounts.models import Account
from invoices import workdays
from invoices.models import Debtor
from invoices.workdays import WorkDays

OPENS, CLOSES = dt.time(9), dt.time(18)
_DAY = dt.timedelta(days=1)
# Rows that close a place for longer are a mistake, and no reason to be silent without end.
_LOOKED_AHEAD = 400
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
    days: WorkDays = field(default_factory=WorkDays)

    def next_opening(self, moment: dt.datetime) -> dt.datetime:
        """`moment` itself if the window is open, else when it opens next. UTC in, UTC out."""
        moment = moment.astimezone(dt.UTC)
        day = moment.astimezone(self.zone).date() - _DAY  # yesterday's window may reach over midnight
        for _ in range(_LOOKED_AHEAD):
            if window := self.days.window(day, self.opens, self.closes):
                opens, closes = (self._at(day, minutes) for minutes in window)
                if moment < closes:
                    return max(moment, opens)
            day += _DAY
        return moment

    def _at(self, day: dt.date, minutes: int) -> dt.datetime:
        """A time that the clocks skip is read as the hour before read it; one that comes twice is its first."""
        days, minutes = divmod(minutes, 24 * 60)
        time = dt.time(*divmod(minutes, 60))
        return dt.datetime.combine(day + days * _DAY, time, self.zone).astimezone(dt.UTC)


def place_of(
    debtor: Debtor,
    account: Account,
    phone: str = "",
    *,
    opens: dt.time = OPENS,
    closes: dt.time = CLOSES,
    calendar: workdays.Calendar | None = None,
) -> Place:
    """The debtor's own zone and country, else the phone's (one of several zones says nothing), else the account's."""
    zone = debtor.time_zone
    if not zone and (phone := phone or debtor.phone):
        zones = phone_zones.time_zones_for_number(phonenumbers.parse(phone))
        if len(zones) == 1 and zones[0] in _ZONES:
            zone = zones[0]
    country = workdays.country_of(debtor, account, phone)
    days = workdays.of(debtor, account, phone, calendar)
    return Place(zoneinfo.ZoneInfo(zone or account.time_zone), country, opens, closes, days)
