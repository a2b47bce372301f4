"""When a debtor may be written to: nine to six on their own clock, on their working days."""

import datetime as dt
import zoneinfo

import pytest

from communications import ladder, policies
from communications.calendar import Place, place_of
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
        (Debtor(phone="+79123456789"), "Asia/Dubai", "RU"),  # one of several zones says nothing
        (Debtor(phone="+966501234567", time_zone="Europe/London", country="GB"), "Europe/London", "GB"),
        (Debtor(phone="+966501234567", country="GB"), "Asia/Riyadh", "GB"),
    ],
)
def test_where_a_debtor_is(debtor: Debtor, zone: str, country: str) -> None:
    account = Account(time_zone="Asia/Dubai", country="AE")
    place = place_of(debtor, account, calendar=Calendar(account, []))
    assert place == Place(zoneinfo.ZoneInfo(zone), country)


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
    opening = place.next_opening(ladder.beginning(account, ladder.day_of(invoice, step)))
    assert opening == dt.datetime.fromisoformat(leaves)
