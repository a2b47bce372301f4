"""When a debtor may be written to: nine to six on their own clock, on their working days."""

import datetime as dt
import zoneinfo

import pytest

from communications.schedule import holding, ladder, policies
from communications.schedule.calendar import Place, place_of
from inflow.accounts.models import Account
from invoices.models import Debtor
from invoices.workdays import FRIDAY, SATURDAY, Calendar, WorkDays
from tests import make

DUBAI = Place(zoneinfo.ZoneInfo("Asia/Dubai"), "AE")
RIYADH = Place(zoneinfo.ZoneInfo("Asia/Riyadh"), "SA", days=WorkDays(frozenset({FRIDAY, SATURDAY})))
NEW_YORK = Place(zoneinfo.ZoneInfo("America/New_York"), "US")


@pytest.mark.parametrize(
    ("place", "moment", "opening"),
    [
        (DUBAI, "2026-02-16T09:00:00+04:00", "2026-02-16T09:00:00+04:00"),
        (DUBAI, "2026-02-16T17:59:59+04:00", "2026-02-16T17:59:59+04:00"),
        (DUBAI, "2026-02-16T18:00:00+04:00", "2026-02-17T09:00:00+04:00"),
        (DUBAI, "2026-02-16T08:59:59+04:00", "2026-02-16T09:00:00+04:00"),
        (DUBAI, "2026-02-16T00:00:00+04:00", "2026-02-16T09:00:00+04:00"),
        (DUBAI, "2026-02-13T12:00:00+04:00", "2026-02-13T12:00:00+04:00"),  # a Friday
        (DUBAI, "2026-02-13T18:30:00+04:00", "2026-02-16T09:00:00+04:00"),
        (DUBAI, "2026-02-14T12:00:00+04:00", "2026-02-16T09:00:00+04:00"),
        (DUBAI, "2026-02-15T23:59:00+04:00", "2026-02-16T09:00:00+04:00"),
        (RIYADH, "2026-02-12T18:00:00+03:00", "2026-02-15T09:00:00+03:00"),  # Thursday evening to Sunday
        (RIYADH, "2026-02-13T12:00:00+03:00", "2026-02-15T09:00:00+03:00"),
        (RIYADH, "2026-02-15T10:00:00+03:00", "2026-02-15T10:00:00+03:00"),
        (NEW_YORK, "2026-03-06T18:00:00-05:00", "2026-03-09T09:00:00-04:00"),  # summer time begins in between
        (NEW_YORK, "2026-10-30T18:00:00-04:00", "2026-11-02T09:00:00-05:00"),  # and ends
        (NEW_YORK, "2026-03-09T13:00:00+00:00", "2026-03-09T13:00:00+00:00"),
        (NEW_YORK, "2026-03-06T13:00:00+00:00", "2026-03-06T14:00:00+00:00"),
        (NEW_YORK, "2026-07-04T12:00:00+00:00", "2026-07-06T13:00:00+00:00"),
    ],
)
def test_the_next_opening(place: Place, moment: str, opening: str) -> None:
    found = place.next_opening(dt.datetime.fromisoformat(moment))
    assert found == dt.datetime.fromisoformat(opening)
    assert found.utcoffset() == dt.timedelta(0)


@pytest.mark.parametrize("place", [DUBAI, RIYADH, NEW_YORK])
def test_an_opening_is_open_and_never_in_the_past(place: Place) -> None:
    moment = dt.datetime(2026, 2, 27, 0, 7, tzinfo=dt.UTC)
    for _ in range(300):
        opening = place.next_opening(moment)
        local = opening.astimezone(place.zone)
        assert opening >= moment
        assert opening - moment < dt.timedelta(days=3, hours=1)
        assert dt.time(9) <= local.time() < dt.time(18)
        assert not place.days.is_off(local.date())
        assert place.next_opening(opening) == opening
        moment += dt.timedelta(hours=1, minutes=13)


@pytest.mark.parametrize(
    ("debtor", "zone", "country"),
    [
        (Debtor(), "Asia/Dubai", "AE"),
        (Debtor(phone="+966501234567"), "Asia/Riyadh", "SA"),
        (Debtor(phone="+12125550100"), "America/New_York", "US"),
        (Debtor(phone="+5511987654321"), "America/Sao_Paulo", "BR"),
        (Debtor(phone="+79123456789"), "Asia/Dubai", "RU"),  # eleven zones have no hours in common
        (Debtor(phone="+966501234567", time_zone="Europe/London", country="GB"), "Europe/London", "GB"),
        (Debtor(phone="+966501234567", country="GB"), "Asia/Riyadh", "GB"),
    ],
)
def test_where_a_debtor_is(debtor: Debtor, zone: str, country: str) -> None:
    account = Account(time_zone="Asia/Dubai", country="AE")
    place = place_of(debtor, account, calendar=Calendar(account, []))
    assert (place.zone.key, place.country) == (zone, country)


UK, IRISH, SPANISH, PORTUGUESE = "+447700900123", "+353861234567", "+34612345678", "+351912345678"


@pytest.mark.parametrize(
    ("phone", "day", "opens", "closes", "shown"),
    [
        # Several zones with one clock.
        (UK, "2026-03-03", "09:00+00:00", "18:00+00:00", "Europe/London"),
        (UK, "2026-07-07", "09:00+01:00", "18:00+01:00", "Europe/London"),
        ("+447400123456", "2026-07-07", "09:00+01:00", "18:00+01:00", "Europe/London"),
        (IRISH, "2026-03-03", "09:00+00:00", "18:00+00:00", "Europe/Dublin"),
        (IRISH, "2026-07-07", "09:00+01:00", "18:00+01:00", "Europe/Dublin"),
        # The hours that Madrid and the Canaries, Lisbon and the Azores have in common.
        (SPANISH, "2026-03-03", "10:00+01:00", "18:00+01:00", "Atlantic/Canary"),
        (SPANISH, "2026-07-07", "10:00+02:00", "18:00+02:00", "Atlantic/Canary"),
        (PORTUGUESE, "2026-03-03", "10:00+00:00", "18:00+00:00", "Atlantic/Azores"),
        # By their area codes.
        ("+12125550100", "2026-03-03", "09:00-05:00", "18:00-05:00", "America/New_York"),
        ("+13105550100", "2026-03-03", "09:00-08:00", "18:00-08:00", "America/Los_Angeles"),
        ("+14165550123", "2026-03-03", "09:00-05:00", "18:00-05:00", "America/Toronto"),
        ("+5511987654321", "2026-03-03", "09:00-03:00", "18:00-03:00", "America/Sao_Paulo"),
        # Without one: from Perth (and the Cocos Islands, half an hour and an hour behind it) to Lord Howe.
        ("+61412345678", "2026-07-07", "09:00+06:30", "18:00+10:30", "Indian/Cocos"),
        # A number of all North America has no hours in common with Guam; the United States have.
        ("+18005550100", "2026-03-03", "09:00-10:00", "18:00-05:00", "America/Adak"),
    ],
)
def test_a_phone_with_several_zones_is_written_to_in_the_hours_common_to_all(
    phone: str, day: str, opens: str, closes: str, shown: str
) -> None:
    account = Account(time_zone="Asia/Dubai", country="AE")
    place = place_of(Debtor(), account, phone, calendar=Calendar(account, []))
    opening, closing = (dt.datetime.fromisoformat(f"{day}T{time}") for time in (opens, closes))
    minute = dt.timedelta(minutes=1)
    assert place.next_opening(opening - minute) == opening
    assert place.next_opening(closing - minute) == closing - minute
    assert place.next_opening(closing) > closing + dt.timedelta(hours=10)
    assert not place.is_zone_unknown
    assert place.zone.key == shown


def test_a_phone_without_common_hours_goes_by_the_account_and_is_said_to_be_unknown() -> None:
    account = Account(time_zone="Asia/Dubai", country="AE")
    place = place_of(Debtor(phone="+79161234567"), account, calendar=Calendar(account, []))
    assert place.is_zone_unknown
    opening = dt.datetime.fromisoformat("2026-03-03T09:00+04:00")
    assert place.next_opening(opening - dt.timedelta(hours=1)) == opening
    known = place_of(Debtor(phone="+79161234567", time_zone="Europe/Moscow"), account, calendar=Calendar(account, []))
    assert (known.is_zone_unknown, known.zone.key) == (False, "Europe/Moscow")


def test_the_common_hours_are_those_of_the_account_s_own_window() -> None:
    account = Account(time_zone="Asia/Dubai", country="AE")

    def opening(opens: int, closes: int) -> dt.datetime:
        window = {"opens": dt.time(opens), "closes": dt.time(closes)}
        place = place_of(Debtor(), account, SPANISH, calendar=Calendar(account, []), **window)
        return place.next_opening(dt.datetime(2026, 3, 3, 3, tzinfo=dt.UTC))

    assert opening(8, 12) == dt.datetime(2026, 3, 3, 8, tzinfo=dt.UTC)  # 9:00 in Madrid, 8:00 in the Canaries
    # One hour in common is too little: the account's clock.
    assert opening(9, 11) == dt.datetime(2026, 3, 3, 5, tzinfo=dt.UTC)
    # Across midnight.
    assert opening(22, 2) == dt.datetime(2026, 3, 3, 22, tzinfo=dt.UTC)


def test_a_later_day_has_begun_in_every_zone_of_a_phone() -> None:
    account = Account(time_zone="Asia/Dubai", country="AE")
    place = place_of(Debtor(), account, PORTUGUESE, calendar=Calendar(account, []))
    assert place.next_day(dt.datetime(2026, 3, 3, 0, 30, tzinfo=dt.UTC)) == dt.datetime(2026, 3, 4, tzinfo=dt.UTC)


def test_the_invoice_s_own_phone_says_where_before_the_debtor_s() -> None:
    account = Account()
    place = place_of(Debtor(phone="+966501234567"), account, phone="+96550012345", calendar=Calendar(account, []))
    assert (place.zone.key, place.country) == ("Asia/Kuwait", "KW")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("place", "arrives", "due", "leaves"),
    [
        # Arrived overdue: the opening of the next working day, whatever the hour of arrival.
        (DUBAI, "2036-03-04T10:00:00+04:00", "2036-02-14", "2036-03-05T09:00:00+04:00"),
        (DUBAI, "2036-03-04T00:00:01+04:00", "2036-02-14", "2036-03-05T09:00:00+04:00"),
        (DUBAI, "2036-03-04T23:59:59+04:00", "2036-02-14", "2036-03-05T09:00:00+04:00"),
        (DUBAI, "2036-03-07T10:00:00+04:00", "2036-02-14", "2036-03-10T09:00:00+04:00"),  # Friday to Monday
        (RIYADH, "2036-03-05T10:00:00+03:00", "2036-02-14", "2036-03-06T09:00:00+03:00"),
        (RIYADH, "2036-03-06T10:00:00+03:00", "2036-02-14", "2036-03-09T09:00:00+03:00"),  # Thursday to Sunday
        (NEW_YORK, "2036-03-07T10:00:00-05:00", "2036-02-14", "2036-03-10T09:00:00-04:00"),
        (NEW_YORK, "2036-10-31T10:00:00-04:00", "2036-02-14", "2036-11-03T09:00:00-05:00"),
        # Fell due with us, also when it came on its due date: the day after that.
        (DUBAI, "2036-03-01T10:00:00+04:00", "2036-03-11", "2036-03-12T09:00:00+04:00"),
        (DUBAI, "2036-03-11T23:00:00+04:00", "2036-03-11", "2036-03-12T09:00:00+04:00"),
        (DUBAI, "2036-03-01T10:00:00+04:00", "2036-03-14", "2036-03-17T09:00:00+04:00"),
        (RIYADH, "2036-03-01T10:00:00+03:00", "2036-03-13", "2036-03-16T09:00:00+03:00"),
    ],
)
def test_the_first_reminder_leaves_at_an_opening(place: Place, arrives: str, due: str, leaves: str) -> None:
    account = make.account(time_zone=place.zone.key, country=place.country)
    due_date = dt.date.fromisoformat(due)
    invoice = make.invoice(account, due_date=due_date, issue_date=dt.date(2026, 1, 15))
    invoice.entered_on = dt.datetime.fromisoformat(arrives).astimezone(place.zone).date()
    invoice.last_step = -3
    step = ladder.next_step(invoice, policies.steps_of(invoice), account.today())
    assert step
    assert step.offset_days == 1
    opening = place.next_opening(holding.beginning(account, ladder.day_of(invoice, step)))
    assert opening == dt.datetime.fromisoformat(leaves)
