"""When a debtor may be written to: a window on their own wall clock, on the working days of their country."""

import datetime as dt
import zoneinfo
from dataclasses import dataclass

import phonenumbers
from phonenumbers import timezone as phone_zones

from inflow.accounts.models import Account
from invoices.models import Debtor

OPENS, CLOSES = dt.time(9), dt.time(18)
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
_ZONES = zoneinfo.available_timezones()  # once: it walks the file system

# The weekend, where it differs from Saturday and Sunday.
_FRIDAY_AND_SATURDAY = ["BH", "DZ", "EG", "IQ", "JO", "KW", "LY", "OM", "QA", "SA", "SD", "SY", "YE"]
_WEEKENDS = {**{country: {FRIDAY, SATURDAY} for country in _FRIDAY_AND_SATURDAY}, "BN": {FRIDAY, SUNDAY}}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a debtor is: their wall clock and their country (ISO 3166)."""

    zone: zoneinfo.ZoneInfo
    country: str

    def next_opening(self, moment: dt.datetime) -> dt.datetime:
        """`moment` itself if the window is open, else when it opens next. UTC in, UTC out."""
        local = moment.astimezone(self.zone)
        if local.time() >= CLOSES:
            local = self._at_opening(local.date() + dt.timedelta(days=1))
        elif local.time() < OPENS:
            local = self._at_opening(local.date())
        while local.weekday() in self.weekend:
            local = self._at_opening(local.date() + dt.timedelta(days=1))
        return local.astimezone(dt.UTC)

    @property
    def weekend(self) -> set[int]:
        return _WEEKENDS.get(self.country, {SATURDAY, SUNDAY})

    def _at_opening(self, day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, OPENS, self.zone)


def place_of(debtor: Debtor, account: Account, phone: str = "") -> Place:
    """The debtor's own zone and country, else the phone's (one of several zones says nothing), else the account's."""
    zone, country = debtor.time_zone, debtor.country
    if (not zone or not country) and (phone := phone or debtor.phone):
        number = phonenumbers.parse(phone)
        zones = phone_zones.time_zones_for_number(number)
        if not zone and len(zones) == 1 and zones[0] in _ZONES:
            zone = zones[0]
        country = country or phonenumbers.region_code_for_number(number) or ""
    return Place(zoneinfo.ZoneInfo(zone or account.time_zone), country or account.country)
