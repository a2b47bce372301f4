"""Wall clocks of debtors and accounts: both weekends of summer time, windows over midnight, days off."""

import datetime as dt
import zoneinfo

import pytest

from communications.engine import clock
from communications.models import CollectionSettings, Communication
from communications.schedule.calendar import Place
from invoices.models import Debtor
from tests import make

UTC = dt.UTC


def place(zone: str, country: str, opens: str = "09:00", closes: str = "18:00") -> Place:
    return Place(zoneinfo.ZoneInfo(zone), country, dt.time.fromisoformat(opens), dt.time.fromisoformat(closes))


NEW_YORK, AUCKLAND = place("America/New_York", "US"), place("Pacific/Auckland", "NZ")
NIGHT = place("Asia/Dubai", "AE", "22:00", "02:00")
SPRING = place("America/New_York", "US", "02:30", "05:00")


@pytest.mark.parametrize(
    ("where", "moment", "opening"),
    [
        # Summer time begins on Sunday 8 March 2026 in New York and ends on Sunday 1 November.
        (NEW_YORK, "2026-03-06T18:00-05:00", "2026-03-09T09:00-04:00"),
        (NEW_YORK, "2026-10-30T18:00-04:00", "2026-11-02T09:00-05:00"),
        # In Auckland it ends on Sunday 5 April and begins on Sunday 27 September.
        (AUCKLAND, "2026-04-03T18:00+13:00", "2026-04-06T09:00+12:00"),
        (AUCKLAND, "2026-09-25T18:00+12:00", "2026-09-28T09:00+13:00"),
        # A night window belongs to the day on which it opened: Friday's goes on into Saturday, Sunday's does not exist.
        (NIGHT, "2026-02-13T23:30+04:00", "2026-02-13T23:30+04:00"),
        (NIGHT, "2026-02-14T01:59+04:00", "2026-02-14T01:59+04:00"),
        (NIGHT, "2026-02-14T02:00+04:00", "2026-02-16T22:00+04:00"),
        (NIGHT, "2026-02-16T01:00+04:00", "2026-02-16T22:00+04:00"),
        (NIGHT, "2026-02-17T12:00+04:00", "2026-02-17T22:00+04:00"),
        # 02:30 is an ordinary hour on each working day, also after the Sunday that skips it.
        (SPRING, "2026-03-07T12:00-05:00", "2026-03-09T02:30-04:00"),
    ],
)
def test_the_next_opening(where: Place, moment: str, opening: str) -> None:
    assert where.next_opening(dt.datetime.fromisoformat(moment)) == dt.datetime.fromisoformat(opening)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "country", "leaves"),
    [
        # Due on Saturday 14 February 2026. What a person there would expect.
        ("Asia/Dubai", "AE", ["02-11 09:00", "02-16 09:00", "02-23 09:00", "03-02 09:00", "03-09 09:00"]),
        ("America/New_York", "US", ["02-11 09:00", "02-16 09:00", "02-23 09:00", "03-02 09:00", "03-09 09:00"]),
        ("Pacific/Auckland", "NZ", ["02-11 09:00", "02-16 09:00", "02-23 09:00", "03-02 09:00", "03-09 09:00"]),
        # 22 February is Saudi Arabia's Founding Day.
        ("Asia/Riyadh", "SA", ["02-11 09:00", "02-15 09:00", "02-23 09:00", "03-01 09:00", "03-08 09:00"]),
    ],
)
def test_the_days_of_the_ladder_are_those_of_the_account_and_the_debtor(
    zone: str, country: str, leaves: list[str]
) -> None:
    account = make.account(time_zone=zone, country=country, is_test=True)
    local = zoneinfo.ZoneInfo(zone)
    clock.set_clock(account, dt.datetime(2026, 1, 15, 10, tzinfo=local))
    make.invoice(account, issue_date=dt.date(2026, 1, 15), due_date=dt.date(2026, 2, 14))
    clock.set_clock(account, dt.datetime(2026, 4, 1, 12, tzinfo=local))
    sent = Communication.objects.filter(status="sent").order_by("sent_at").values_list("sent_at", flat=True)
    assert [f"{moment.astimezone(local):%m-%d %H:%M}" for moment in sent if moment] == leaves


@pytest.mark.django_db
def test_the_window_goes_by_the_debtor_and_the_day_by_the_account() -> None:
    account = make.account(is_test=True)
    clock.set_clock(account, dt.datetime(2026, 3, 2, 4, tzinfo=UTC))
    make.invoice(account, issue_date=dt.date(2026, 2, 1), due_date=dt.date(2026, 3, 3))
    Debtor.objects.update(time_zone="America/New_York", country="US")
    clock.set_clock(account, dt.datetime(2026, 3, 6, tzinfo=UTC))
    # 4 March begins in Dubai at 15:00 of 3 March in New York, whose window is open.
    assert Communication.objects.get(status="sent").sent_at == dt.datetime(2026, 3, 3, 20, tzinfo=UTC)


@pytest.mark.django_db
def test_an_account_s_own_hours_and_days_off_are_kept() -> None:
    account = make.account(is_test=True)
    account.weekend = [6]
    account.save()
    CollectionSettings.objects.create(account=account, opens_at=dt.time(22), closes_at=dt.time(2))
    clock.set_clock(account, dt.datetime(2026, 2, 12, 4, tzinfo=UTC))
    make.invoice(account, issue_date=dt.date(2026, 2, 1), due_date=dt.date(2026, 2, 13))
    clock.set_clock(account, dt.datetime(2026, 2, 15, tzinfo=UTC))
    sent_at = Communication.objects.get(status="sent").sent_at
    assert sent_at == dt.datetime(2026, 2, 13, 20, tzinfo=UTC)  # Saturday begins at midnight, in Friday's window


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "country", "due", "leaves"),
    [
        # Over the weekend on which summer time begins or ends there, in March and April, September, October, November.
        ("America/New_York", "US", "2026-03-05", ["03-06 09:00", "03-12 09:00", "03-19 09:00", "03-26 09:00"]),
        ("America/New_York", "US", "2026-10-29", ["10-30 09:00", "11-05 09:00", "11-12 09:00", "11-19 09:00"]),
        ("Pacific/Auckland", "NZ", "2026-04-02", ["04-03 09:00", "04-09 09:00", "04-16 09:00", "04-23 09:00"]),
        ("Pacific/Auckland", "NZ", "2026-09-24", ["09-25 09:00", "10-01 09:00", "10-08 09:00", "10-15 09:00"]),
    ],
)
def test_the_ladder_keeps_its_hour_over_both_weekends_of_summer_time(
    zone: str, country: str, due: str, leaves: list[str]
) -> None:
    account = make.account(time_zone=zone, country=country, is_test=True)
    local, due_date = zoneinfo.ZoneInfo(zone), dt.date.fromisoformat(due)
    clock.set_clock(account, dt.datetime.combine(due_date - dt.timedelta(days=1), dt.time(10), local))
    make.invoice(account, issue_date=due_date - dt.timedelta(days=30), due_date=due_date)
    clock.set_clock(account, dt.datetime.combine(due_date + dt.timedelta(days=30), dt.time(12), local))
    sent = Communication.objects.filter(status="sent").order_by("sent_at").values_list("sent_at", flat=True)
    assert [f"{moment.astimezone(local):%m-%d %H:%M}" for moment in sent if moment] == leaves


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("own", "theirs", "country", "arrives", "leaves"),
    [
        # Far west: on the account's next day, which begins there at noon.
        ("Asia/Dubai", "America/Los_Angeles", "US", "2026-03-03 10:00", "2026-03-03 12:00"),
        # The account's next day begins there an hour after the arrival, which is not yet another day.
        ("Asia/Dubai", "America/New_York", "US", "2026-03-03 23:00", "2026-03-04 09:00"),
        # East: it is another day there already when the invoice arrives.
        ("Asia/Dubai", "Asia/Karachi", "PK", "2026-03-03 23:30", "2026-03-05 09:00"),
        ("America/New_York", "Pacific/Auckland", "NZ", "2026-03-03 10:00", "2026-03-05 09:00"),
    ],
)
def test_who_arrives_overdue_is_written_to_on_a_later_day_here_and_there(
    own: str, theirs: str, country: str, arrives: str, leaves: str
) -> None:
    account = make.account(time_zone=own, is_test=True)
    moment = dt.datetime.fromisoformat(arrives).replace(tzinfo=zoneinfo.ZoneInfo(own))
    clock.set_clock(account, moment)
    make.invoice(account, issue_date=dt.date(2026, 1, 15), due_date=dt.date(2026, 2, 14))
    Debtor.objects.update(time_zone=theirs, country=country)
    clock.set_clock(account, moment + dt.timedelta(days=4))
    sent_at = Communication.objects.get(status="sent").sent_at
    assert sent_at
    assert f"{sent_at.astimezone(zoneinfo.ZoneInfo(theirs)):%Y-%m-%d %H:%M}" == leaves
