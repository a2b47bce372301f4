"""The calendars that come with InFlow, and an account's own: weekends, holidays and hours, by country and emirate."""

import datetime as dt
import zoneinfo
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from communications.engine import clock
from communications.models import Communication
from communications.schedule.calendar import Place, place_of
from inflow.accounts.models import Account
from invoices import lifecycle, seeding, workdays
from invoices.models import CalendarRule, Debtor, Promise
from invoices.workdays import Calendar, WorkDays
from tests import make
from tests.communications.test_ladder import account_at, at, sent

GULF = ["AE", "SA", "KW", "BH", "OM", "QA"]
ZONES = {
    "AE": "Asia/Dubai",
    "SA": "Asia/Riyadh",
    "KW": "Asia/Kuwait",
    "BH": "Asia/Bahrain",
    "OM": "Asia/Muscat",
    "QA": "Asia/Qatar",
    "GB": "Europe/London",
}
SHIPPED = [CalendarRule(**fields) for fields in seeding.shipped()]


def place(
    country: str, subdivision: str = "", *own: CalendarRule, opens: str = "09:00", closes: str = "18:00"
) -> Place:
    """A place by the rows that come with InFlow and the account's own."""
    days = Calendar(Account(), [*SHIPPED, *own]).at(country, subdivision)
    zone = zoneinfo.ZoneInfo(ZONES[country])
    return Place(zone, country, dt.time.fromisoformat(opens), dt.time.fromisoformat(closes), days)


def row(kind: str, name: str, country: str = "AE", **fields: Any) -> CalendarRule:
    """A row of an account's own."""
    return CalendarRule(account_id=Account().pk, country=country, kind=kind, name=name, **fields)


def opening(where: Place, local: str) -> str:
    moment = dt.datetime.fromisoformat(local).replace(tzinfo=where.zone)
    return f"{where.next_opening(moment).astimezone(where.zone):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("country", "subdivision", "moment", "opens"),
    [
        # Weekends.
        ("AE", "", "2026-04-10 12:00", "2026-04-10 12:00"),  # a Friday
        ("AE", "AE-DU", "2026-04-10 12:00", "2026-04-10 12:00"),
        ("AE", "AE-SH", "2026-04-10 12:00", "2026-04-13 09:00"),  # in Sharjah to Monday
        ("AE", "AE-SH", "2026-04-09 12:00", "2026-04-09 12:00"),
        ("SA", "", "2026-04-10 12:00", "2026-04-12 09:00"),
        ("KW", "", "2026-04-12 12:00", "2026-04-12 12:00"),  # a Sunday
        ("QA", "", "2026-04-11 12:00", "2026-04-12 09:00"),
        # Eids: whoever is due on the eve waits for the first working day after.
        ("AE", "", "2026-03-18 18:00", "2026-03-23 09:00"),
        ("AE", "", "2026-05-25 18:00", "2026-06-01 09:00"),
        ("SA", "", "2026-03-18 18:00", "2026-03-23 09:00"),
        ("OM", "", "2026-03-17 18:00", "2026-03-23 09:00"),
        ("AE", "", "2027-03-08 18:00", "2027-03-12 09:00"),
        ("AE", "", "2027-05-14 18:00", "2027-05-19 09:00"),
        # Fixed ones, in any year.
        ("AE", "", "2026-12-01 18:00", "2026-12-04 09:00"),
        ("AE", "", "2031-12-01 18:00", "2031-12-04 09:00"),
        ("SA", "", "2026-09-22 18:00", "2026-09-24 09:00"),
        ("KW", "", "2026-02-24 18:00", "2026-03-01 09:00"),
        ("BH", "", "2026-12-15 18:00", "2026-12-20 09:00"),
        ("OM", "", "2026-11-19 18:00", "2026-11-22 09:00"),
        ("QA", "", "2026-02-09 18:00", "2026-02-11 09:00"),  # Sport Day
        # Ramadan: until three.
        ("AE", "", "2026-02-18 14:59", "2026-02-18 14:59"),
        ("AE", "", "2026-02-18 15:00", "2026-02-19 09:00"),
        ("AE", "", "2026-02-17 15:00", "2026-02-17 15:00"),
        ("AE", "", "2027-02-08 15:00", "2027-02-09 09:00"),
        # Summer time has nothing to do with it.
        ("GB", "", "2026-03-27 18:00", "2026-03-30 09:00"),
        ("GB", "", "2026-10-23 18:00", "2026-10-26 09:00"),
    ],
)
def test_the_next_opening(country: str, subdivision: str, moment: str, opens: str) -> None:
    assert opening(place(country, subdivision), moment) == opens


def test_friday_until_noon_is_a_row_that_is_off_until_somebody_wants_it() -> None:
    friday = "2026-04-10 12:00"
    assert opening(place("AE"), friday) == friday
    mine = row("hours", "Friday until noon", weekdays=[4], closes_at=dt.time(12))
    mine.account_id = make.NOWHERE
    assert opening(place("AE", "", mine), friday) == "2026-04-13 09:00"
    assert opening(place("AE", "", mine), "2026-04-10 11:59") == "2026-04-10 11:59"
    assert opening(place("AE", "", mine, opens="14:00", closes="17:00"), "2026-04-09 17:00") == "2026-04-13 14:00"


def test_an_account_s_row_wins_over_everybody_s_of_that_name() -> None:
    works = row("holiday", "National Day", starts_on=dt.date(2026, 12, 2), is_yearly=True, is_on=False)
    longer = row("hours", "Ramadan 2026", starts_on=dt.date(2026, 2, 18), ends_on=dt.date(2026, 3, 19), is_on=True)
    longer.closes_at = dt.time(20)
    week = row("weekend", "Weekend", weekdays=[6])
    for own in (works, longer, week):
        own.account_id = make.NOWHERE
    where = place("AE", "", works, longer, week)
    assert opening(where, "2026-12-02 10:00") == "2026-12-02 10:00"
    assert opening(where, "2026-02-18 17:00") == "2026-02-18 17:00"
    assert opening(where, "2026-02-21 10:00") == "2026-02-21 10:00"  # a Saturday
    assert opening(place("AE", "AE-SH", week), "2026-04-10 10:00") == "2026-04-10 10:00"


def test_the_order_in_which_rows_are_read_changes_nothing() -> None:
    rows = [
        row("weekend", "A", weekdays=[6]),
        row("weekend", "B", weekdays=[0]),
        row("hours", "C", starts_on=dt.date(2026, 6, 1), ends_on=dt.date(2026, 6, 30), closes_at=dt.time(12)),
        row("hours", "D", starts_on=dt.date(2026, 6, 2), ends_on=dt.date(2026, 6, 30), opens_at=dt.time(14)),
    ]
    days = Calendar(Account(), rows).at("AE")
    assert days.weekend == {6}
    assert Calendar(Account(), rows[::-1]).at("AE") == days


def test_a_window_outside_of_ramadans_hours_gives_way_to_them() -> None:
    evenings = place("AE", opens="16:00", closes="20:00")
    assert opening(evenings, "2026-02-17 21:00") == "2026-02-18 09:00"
    assert opening(evenings, "2026-04-06 21:00") == "2026-04-07 16:00"


def test_where_no_row_is_of_the_debtor_s_country_the_account_s_counts() -> None:
    account = Account(country="SA", time_zone="Asia/Riyadh")
    calendar = Calendar(account, SHIPPED)
    assert place_of(Debtor(country="MT"), account, calendar=calendar).days == calendar.at("SA")
    assert place_of(Debtor(country="GB"), account, calendar=calendar).days == calendar.at("GB")
    sharjah = Account(country="AE", subdivision="AE-SH")
    calendar = Calendar(sharjah, SHIPPED)
    assert 4 in place_of(Debtor(), sharjah, calendar=calendar).days.weekend
    assert 4 not in place_of(Debtor(subdivision="AE-DU"), sharjah, calendar=calendar).days.weekend
    assert place_of(Debtor(country="GB"), sharjah, calendar=calendar).days == calendar.at("GB")
    assert place_of(Debtor(subdivision="AE-SH"), account, calendar=Calendar(account, SHIPPED)).country == "AE"


def test_each_gulf_state_has_both_years_and_what_the_moon_decides_is_marked() -> None:
    for country in GULF:
        rows = [rule for rule in SHIPPED if rule.country == country]
        for year in ("2026", "2027"):
            moving = [rule for rule in rows if rule.name.endswith(year) and not rule.name.startswith("Sport")]
            assert {"Ramadan", "Eid al-Fitr"} <= {rule.name.removesuffix(f" {year}") for rule in moving}
            assert all(rule.is_expected and rule.starts_on and str(rule.starts_on.year) == year for rule in moving)
    for rule in SHIPPED:
        rule.clean()
        assert rule.source


def test_working_days_are_counted_over_holidays() -> None:
    dubai = Calendar(Account(), SHIPPED).at("AE")
    assert workdays.after(dt.date(2026, 3, 18), 2, dubai) == dt.date(2026, 3, 24)
    assert workdays.after(dt.date(2026, 3, 18), 2, WorkDays()) == dt.date(2026, 3, 20)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "weekend", "weekdays": [0, 1, 2, 3, 4, 5, 6]},
        {"kind": "weekend", "weekdays": []},
        {"kind": "holiday"},
        {"kind": "holiday", "starts_on": dt.date(2026, 1, 1), "ends_on": dt.date(2026, 12, 31)},
        {"kind": "holiday", "starts_on": dt.date(2026, 1, 2), "ends_on": dt.date(2026, 1, 1)},
        {"kind": "hours", "weekdays": [4]},
        {"kind": "hours", "closes_at": dt.time(12)},
        {"kind": "hours", "weekdays": [4], "opens_at": dt.time(12), "closes_at": dt.time(9)},
        {"kind": "weekend", "weekdays": [4], "subdivision": "SA-01"},
        {"kind": "weekend", "weekdays": [4], "country": "XX"},
    ],
)
def test_a_row_that_closes_for_good_or_does_nothing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CalendarRule(**{"country": "AE", "name": "Broken", **fields}).clean()


def test_even_broken_rows_are_no_silence_without_end() -> None:
    closed = Place(zoneinfo.ZoneInfo("Asia/Dubai"), "AE", days=WorkDays(frozenset(range(7))))
    moment = dt.datetime(2026, 4, 7, 8, tzinfo=dt.UTC)
    assert closed.next_opening(moment) == moment


@pytest.mark.django_db
def test_migrations_bring_the_rows_and_leave_what_staff_made_of_them() -> None:
    eid = CalendarRule.objects.get(account=None, country="AE", name="Eid al-Fitr 2027")
    assert eid.is_expected
    eid.starts_on, eid.is_expected = dt.date(2027, 3, 10), False
    eid.save()
    count = CalendarRule.objects.count()
    call_command("migrate", verbosity=0)
    assert CalendarRule.objects.count() == count == len(SHIPPED)
    eid.refresh_from_db()
    assert (eid.starts_on, eid.is_expected) == (dt.date(2027, 3, 10), False)


@pytest.mark.django_db
def test_a_message_due_in_eid_goes_on_the_first_working_day_after() -> None:
    account = account_at("2026-03-02 08:00")
    make.invoice(account, issue_date=dt.date(2026, 3, 1), due_date=dt.date(2026, 3, 18))
    clock.set_clock(account, at("2026-03-23 12:00"))
    assert sent(account) == [("reminder", "03-16 09:00"), ("reminder", "03-23 09:00")]


@pytest.mark.django_db
def test_a_promise_holds_two_working_days_of_the_debtor_s_place() -> None:
    account = account_at("2026-03-02 08:00")
    invoice = make.invoice(account, issue_date=dt.date(2026, 2, 1), due_date=dt.date(2026, 2, 20))
    lifecycle.promise(account, invoice.pk, make.STAFF, dt.date(2026, 3, 18))
    assert Promise.objects.get().hold_until == dt.date(2026, 3, 24)


@pytest.mark.django_db
def test_an_account_in_sharjah_writes_from_monday_to_thursday() -> None:
    account = account_at("2026-04-01 08:00")
    Account.objects.filter(pk=account.pk).update(subdivision="AE-SH")
    account.refresh_from_db()
    make.invoice(account, issue_date=dt.date(2026, 3, 1), due_date=dt.date(2026, 4, 9))
    clock.set_clock(account, at("2026-04-14 08:00"))
    assert sent(account) == [("reminder", "04-06 09:00"), ("reminder", "04-13 09:00")]


@pytest.mark.django_db
def test_the_rows_are_read_once_for_a_sweep() -> None:
    account = account_at("2026-04-01 08:00")
    for number in range(3):
        make.invoice(
            account,
            issue_date=dt.date(2026, 3, 1),
            due_date=dt.date(2026, 4, 8),
            debtor_email=f"debtor{number}@example.com",
        )
    with CaptureQueriesContext(connection) as queries:
        clock.set_clock(account, at("2026-04-14 08:00"))
    assert Communication.objects.filter(status="sent").count() == 6
    assert len([query for query in queries if 'FROM "invoices_calendarrule"' in query["sql"]]) == 2
