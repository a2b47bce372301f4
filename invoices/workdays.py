"""Working days, by the debtor's country."""

import datetime as dt
from collections.abc import Collection

import phonenumbers

from inflow.accounts.models import Account
from invoices.models import Debtor

FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
# The weekend, where it differs from Saturday and Sunday.
_FRIDAY_AND_SATURDAY = ["BH", "DZ", "EG", "IQ", "JO", "KW", "LY", "OM", "QA", "SA", "SD", "SY", "YE"]
_WEEKENDS = {**{country: {FRIDAY, SATURDAY} for country in _FRIDAY_AND_SATURDAY}, "BN": {FRIDAY, SUNDAY}}


def country_of(debtor: Debtor, account: Account, phone: str = "") -> str:
    """The debtor's own country, else the phone's, else the account's (ISO 3166)."""
    country = debtor.country
    if not country and (phone := phone or debtor.phone):
        country = phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or ""
    return country or account.country


def weekend_of(country: str, account: Account | None = None) -> frozenset[int]:
    """Weekdays, Monday is 0. An account may have its own for its own country."""
    if account and account.weekend is not None and country == account.country and len(set(account.weekend)) < 7:
        return frozenset(account.weekend)
    return frozenset(_WEEKENDS.get(country, {SATURDAY, SUNDAY}))


def after(day: dt.date, working_days: int, weekend: Collection[int]) -> dt.date:
    """The date so many working days later."""
    while working_days:
        day += dt.timedelta(days=1)
        working_days -= day.weekday() not in weekend
    return day
