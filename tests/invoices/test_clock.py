"""The clock: what fell due becomes overdue and holds end, each on its account's own calendar.

Between the earliest and the latest zone lie 25 hours: "today" here is always at least tomorrow there.
"""

import datetime as dt

import pytest
from django.conf import settings
from django.utils import timezone
from structlog.testing import capture_logs

from inflow.accounts.models import Account
from invoices import lifecycle, narrative, tasks
from invoices.models import Debtor, Invoice, TimelineEntry
from tests import make
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db


def tick() -> int:
    return lifecycle.age_due(timezone.now())


def let_a_day_pass(account: Account) -> None:
    """For an account that lives where the day begins last: it moves to where it began first."""
    assert account.time_zone == make.LATEST_ZONE
    account.time_zone = make.EARLIEST_ZONE
    account.save()


@pytest.mark.parametrize(("due_in", "status"), [(1, "new"), (0, "new"), (-1, "overdue"), (-400, "overdue")])
def test_the_due_date_is_not_overdue_and_the_day_after_is(due_in: int, status: str) -> None:
    invoice = make.invoice(make.account(), due_in=due_in)
    assert tick() == (status == "overdue")
    assert make.again(invoice).status == status


def test_each_account_has_its_own_midnight() -> None:
    late, early = make.account(time_zone=make.LATEST_ZONE), make.account(time_zone=make.EARLIEST_ZONE)
    due = late.today()
    not_yet, over = make.invoice(late, due_date=due), make.invoice(early, due_date=due)
    assert tick() == 1
    assert (make.again(not_yet).status, make.again(over).status) == ("new", "overdue")
    assert make.again(over).aged_on == early.today()
    let_a_day_pass(late)
    assert tick() == 1
    assert make.again(not_yet).status == "overdue"


def test_the_clock_says_so_once() -> None:
    account = make.account()
    invoice = make.invoice(account, due_in=-1)
    assert tick() == 1
    with nothing_happens(account):
        assert tick() == 0
        assert lifecycle.age(account, invoice.pk) is False
    assert make.events_of(account) == ["invoice.created", "invoice.status_changed"]
    entry = TimelineEntry.objects.get(invoice=invoice, kind="status_changed")
    assert (entry.actor, entry.channel, narrative.in_english(entry)) == ("clock", "clock", "Status: new → overdue.")


@pytest.mark.parametrize(("due_in", "status"), [(30, "new"), (-10, "overdue")])
def test_a_hold_ends_after_its_last_day(due_in: int, status: str) -> None:
    account = make.account(time_zone=make.LATEST_ZONE)
    invoice = make.invoice(account, due_in=due_in)
    lifecycle.change(account, invoice.pk, make.API, status="on_hold", hold_until=account.today())
    assert tick() == 0
    assert make.again(invoice).status == "on_hold"
    let_a_day_pass(account)
    assert tick() == 1
    resumed = make.again(invoice)
    assert (resumed.status, resumed.hold_until) == (status, None)


@pytest.mark.parametrize("status", ["disputed", "on_hold", "paid", "written_off", "cancelled"])
def test_the_clock_leaves_what_is_held_or_closed(status: str) -> None:
    account = make.account()
    invoice = make.invoice(account, due_in=-10)
    lifecycle.change(account, invoice.pk, make.STAFF, status=status)
    with nothing_happens(account):
        assert tick() == 0


def test_the_due_before_others_come_first_when_there_are_too_many() -> None:
    account = make.account()
    young, old = make.invoice(account, due_in=-1), make.invoice(account, due_in=-50)
    assert lifecycle.age_due(timezone.now(), limit=1) == 1
    assert (make.again(young).status, make.again(old).status) == ("new", "overdue")


def test_one_invoice_that_can_not_be_aged_does_not_stop_the_clock_for_the_rest() -> None:
    account = make.account()
    broken = make.invoice(account, due_in=-50, debtor_email="broken@example.com")
    Debtor.objects.filter(pk=broken.debtor_id).update(time_zone="Nowhere/At_All")
    sound = make.invoice(account, due_in=-1)
    assert tick() == 1
    assert (make.again(broken).status, make.again(sound).status) == ("new", "overdue")


def test_what_is_overdue_today_needs_no_clock() -> None:
    account = make.account()
    invoice = make.invoice(account, due_in=-3)
    wide = Invoice.objects.for_account(account).past_due(on=account.today())
    assert list(wide) == [invoice]
    lifecycle.change(account, invoice.pk, make.API, status="disputed")
    assert wide.all().count() == 1
    assert not Invoice.objects.for_account(account).past_due(on=account.today() - dt.timedelta(days=3)).exists()
    lifecycle.change(account, invoice.pk, make.API, status="paid")
    assert not wide.all().exists()


@pytest.mark.parametrize(
    "wrong", [{"status": "new"}, {"payment_status": "partially_paid"}, {"amount_paid": 5}, {"escalation_level": 1}]
)
def test_what_is_stored_but_not_derived_is_found_at_night(account: Account, wrong: dict[str, object]) -> None:
    invoice = make.overdue_invoice(account)
    make.escalation(make.overdue_invoice(account, amount_paid=5))
    assert tasks.check_derivation() == 0
    Invoice.objects.filter(pk=invoice.pk).update(**wrong)
    with capture_logs() as logs:
        assert tasks.check_derivation() == 1
    assert [(entry["event"], entry["log_level"], entry["invoice"]) for entry in logs] == [
        ("stored_is_not_derived", "error", str(invoice.pk))
    ]
    assert settings.CELERY_BEAT_SCHEDULE["check-derivation"]["task"] == "invoices.tasks.check_derivation"
