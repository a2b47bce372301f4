"""Undoing a cancellation or a write-off within ten minutes."""

import datetime as dt
from decimal import Decimal

import pytest

from communications.models import Communication
from invoices import disputes, ledger, lifecycle, reopening
from invoices.cases import cases
from invoices.errors import Refused, StaffOnly
from invoices.models import Invoice, Promise
from tests import make
from tests.communications import history
from tests.communications.test_ladder import account_at, at
from tests.communications.test_one_future import MONDAY, agree, now_of, owing, planned, until

pytestmark = pytest.mark.django_db
CLOSED = pytest.mark.parametrize("status", ["cancelled", "written_off"])


def close(invoice: Invoice, status: str) -> None:
    lifecycle.change(now_of(invoice), invoice.pk, make.STAFF, status=status, reason="Wrong button")


def undo(invoice: Invoice) -> Invoice:
    return reopening.undo_closing(now_of(invoice), invoice.pk, make.STAFF)


@CLOSED
def test_the_invoice_is_reopened_and_its_message_is_rescheduled(status: str) -> None:
    account = account_at(MONDAY)
    invoice = owing(account)
    until(account, "2026-04-06 12:00")
    close(invoice, status)
    assert not Communication.objects.filter(status="scheduled").exists()
    undo(invoice)
    assert make.again(invoice).status == "overdue"
    assert planned(invoice).scheduled_for == at("2026-04-07 09:00")
    assert invoice.timeline.filter(kind="closing_undone").count() == 1
    assert make.events_of(account)[-2:] == ["invoice.status_changed"] * 2
    agree(account)
    until(account, "2026-04-07 12:00")
    assert Communication.objects.filter(status="sent").count() == 1
    history.check(account)


@CLOSED
def test_a_promise_and_its_hold_apply_again(status: str) -> None:
    account = account_at(MONDAY)
    invoice = owing(account)
    until(account, "2026-04-06 12:00")
    promise = lifecycle.promise(now_of(invoice), invoice.pk, make.STAFF, dt.date(2026, 4, 10))
    close(invoice, status)
    undo(invoice)
    after = make.again(invoice)
    assert (after.status, after.hold_until) == ("on_hold", promise.hold_until)
    assert Promise.objects.get().status == "open"
    agree(account)


@CLOSED
def test_a_dispute_with_its_part_and_a_case_are_open_again(status: str) -> None:
    account = account_at(MONDAY)
    invoice = owing(account, amount=1000)
    until(account, "2026-04-06 12:00")
    dispute = disputes.open_dispute(now_of(invoice), invoice.pk, make.STAFF, amount=Decimal(400))
    cases.open_manually(now_of(invoice), invoice.pk, make.STAFF)
    close(invoice, status)
    undo(invoice)
    after = make.again(invoice)
    assert (after.status, after.contested, after.escalation_level) == ("disputed", Decimal(400), 1)
    dispute.refresh_from_db()
    assert (dispute.status, dispute.outcome) == ("open", "")
    assert invoice.disputes.count() == 1
    agree(account)


def test_money_that_a_cancellation_released_covers_the_invoice_again() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, amount=1000, amount_paid=Decimal(300))
    lifecycle.record_payment(now_of(invoice), invoice.pk, make.API, amount=Decimal(200))
    close(invoice, "cancelled")
    assert make.again(invoice).amount_paid == 0
    undo(invoice)
    assert (make.again(invoice).amount_paid, make.again(invoice).balance) == (Decimal(500), Decimal(500))
    assert lifecycle.count_underived(account) == ledger.count_unbalanced(account) == 0


def test_undo_is_refused_after_ten_minutes_for_a_taken_number_for_an_open_invoice_and_to_a_program() -> None:
    account = account_at(MONDAY)
    invoice = owing(account)
    with pytest.raises(Refused):
        undo(invoice)
    close(invoice, "cancelled")
    with pytest.raises(StaffOnly):
        reopening.undo_closing(now_of(invoice), invoice.pk, make.API)
    owing(account)
    with pytest.raises(Refused, match="INV-1"):
        undo(invoice)
    assert make.again(invoice).status == "cancelled"
    other = owing(account, "INV-2")
    close(other, "written_off")
    until(account, "2026-04-06 12:00")
    with pytest.raises(Refused, match="10 minutes"):
        undo(other)


def test_another_accounts_invoice_is_not_found() -> None:
    invoice = owing(account_at(MONDAY))
    close(invoice, "cancelled")
    with pytest.raises(lifecycle.NotFound):
        reopening.undo_closing(make.account(), invoice.pk, make.STAFF)


def test_a_payment_from_before_registration_is_posted_once_if_closed_and_undone_twice_at_the_same_time() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, amount=1000, amount_paid=Decimal(300))
    for _time in range(2):
        close(invoice, "cancelled")
        undo(invoice)
    assert (make.again(invoice).amount_paid, make.again(invoice).balance) == (Decimal(300), Decimal(700))


def test_a_hold_applies_again_if_the_cancellation_of_what_was_written_off_is_undone_too() -> None:
    account = account_at(MONDAY)
    invoice = owing(account)
    promise = lifecycle.promise(now_of(invoice), invoice.pk, make.STAFF, dt.date(2026, 4, 10))
    close(invoice, "written_off")
    close(invoice, "cancelled")
    assert undo(invoice).status == "written_off"
    assert undo(invoice).status == "on_hold"
    assert make.again(invoice).hold_until == promise.hold_until
    assert Promise.objects.get().status == "open"


def test_other_systems_are_told_that_a_dispute_is_open_again() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, amount=1000)
    disputes.open_dispute(now_of(invoice), invoice.pk, make.STAFF, amount=Decimal(400))
    close(invoice, "written_off")
    undo(invoice)
    told = [name for name in make.events_of(account) if name.startswith("dispute")]
    assert told == ["dispute.opened", "dispute.resolved", "dispute.opened"]
