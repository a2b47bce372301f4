"""The first reminder is planned once, whoever and however often looks, and taken back when the invoice closes."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.utils import timezone

from communications.engine import clock
from communications.models import Communication
from communications.schedule.calendar import Place
from inflow.accounts.models import Account
from invoices import lifecycle, narrative
from invoices.models import Invoice, TimelineEntry
from tests import make
from tests.parallel import at_once
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


def test_the_clock_plans_the_reminder_of_an_invoice_that_arrived_overdue(account: Account) -> None:
    invoice = make.invoice(account, due_in=-10)
    assert not Communication.objects.exists()
    lifecycle.age(account, invoice.pk)
    planned = Communication.objects.get()
    assert (planned.invoice, planned.debtor, planned.account) == (invoice, invoice.debtor, account)
    assert (planned.kind, planned.step, planned.channel, planned.status) == ("reminder", 1, "email", "scheduled")
    assert (planned.recipient, planned.language) == (invoice.debtor_email, "en")
    assert make.again(invoice).next_contact_at == planned.scheduled_for
    local = planned.scheduled_for.astimezone(account.zone)
    assert local.time() == dt.time(9)
    assert local.date() > account.today()
    entry = TimelineEntry.objects.get(invoice=invoice, kind="planned")
    assert narrative.in_english(entry) == f"Reminder scheduled for {local:%Y-%m-%d} 09:00 (Asia/Dubai)."


@pytest.mark.parametrize("find", [make.open_place, make.closed_place])
def test_one_that_fell_due_with_us_is_written_to_the_day_after_as_soon_as_the_window_opens(
    find: Callable[[], Place],
) -> None:
    place = find()
    account = make.account(time_zone=place.zone.key, country=place.country)
    before = timezone.now()
    arrived = before - dt.timedelta(days=20)
    make.overdue_invoice(account, due_in=-1, place=place, created_at=arrived)
    planned = Communication.objects.get()
    assert place.next_opening(before) <= planned.scheduled_for <= place.next_opening(timezone.now())


def test_looking_again_plans_nothing_more(account: Account) -> None:
    invoice = make.overdue_invoice(account)
    with nothing_happens(account):
        assert lifecycle.age_due(timezone.now()) == 0
        clock.look_at(account, invoice.pk)


@pytest.mark.parametrize("status", ["new", "disputed", "on_hold", "paid", "written_off", "cancelled"])
def test_looking_at_what_is_not_to_be_written_to_changes_nothing(account: Account, status: str) -> None:
    invoice = make.invoice_in(account, status)
    with nothing_happens(account):
        clock.look_at(account, invoice.pk)


@pytest.mark.parametrize("pause", ["disputed", "on_hold"])
def test_a_pause_keeps_the_plan_and_its_end_makes_no_second(account: Account, pause: str) -> None:
    invoice = make.overdue_invoice(account)
    lifecycle.change(account, invoice.pk, make.API, status=pause)
    assert Communication.objects.get().status == "scheduled"
    lifecycle.change(account, invoice.pk, make.API, status="overdue")
    assert Communication.objects.get().status == "scheduled"


@pytest.mark.parametrize(("closing", "reason"), [("paid", "paid"), ("cancelled", "closed"), ("written_off", "closed")])
def test_what_is_closed_is_not_written_to(account: Account, closing: str, reason: str) -> None:
    invoice = make.overdue_invoice(account)
    lifecycle.change(account, invoice.pk, make.STAFF, status=closing)
    dropped = Communication.objects.get()
    assert (dropped.status, dropped.suppressed_reason) == ("suppressed", reason)
    assert make.again(invoice).next_contact_at is None
    assert TimelineEntry.objects.filter(invoice=invoice, kind="suppressed").count() == 1


def test_a_part_of_the_money_keeps_the_plan(account: Account) -> None:
    invoice = make.overdue_invoice(account)
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(1))
    assert Communication.objects.get().status == "scheduled"


def test_a_payment_taken_back_plans_the_next_try(account: Account) -> None:
    invoice = make.overdue_invoice(account)
    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=invoice.amount)
    lifecycle.reverse_payment(account, invoice.pk, payment.pk, make.STAFF)
    tries = Communication.objects.order_by("try_number").values_list("try_number", "status")
    assert list(tries) == [(1, "suppressed"), (2, "scheduled")]
    assert make.again(invoice).next_contact_at is not None


@pytest.mark.parametrize("done", ["sent", "unknown", "failed"])
def test_a_step_that_is_done_is_not_planned_again(account: Account, done: str) -> None:
    invoice = make.overdue_invoice(account)
    Communication.objects.update(status=done)
    Invoice.objects.update(last_step=1)
    lifecycle.change(account, invoice.pk, make.API, status="paid")
    lifecycle.change(account, invoice.pk, make.API, payment_status="unpaid")
    assert Communication.objects.get().status == done
    assert make.again(invoice).next_contact_at


@pytest.mark.django_db(transaction=True)
def test_two_who_plan_at_once_plan_once() -> None:
    account = make.account()
    invoice = make.overdue_invoice(account)
    Communication.objects.all().delete()
    assert at_once(*[lambda: clock.look_at(account, invoice.pk)] * 5) == [None] * 5
    assert Communication.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_clocks_that_run_at_once_plan_once() -> None:
    account = make.account()
    for _ in range(5):
        make.invoice(account, due_in=-1)
    at_once(*[lambda: lifecycle.age_due(timezone.now())] * 4)
    assert Communication.objects.count() == 5
    assert Invoice.objects.filter(status="overdue", communications__isnull=False).distinct().count() == 5
