"""Birth and change of an invoice: what is written, what is announced, and what is undone with it."""

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.dispatch import Signal

from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account
from invoices import lifecycle, narrative, signals
from invoices.api import representation
from invoices.models import Invoice, TimelineEntry
from tests import make
from tests.unchanged import nothing_happens
from webhooks.models import Event


class Broken(Exception):
    """What a listener raises that could not write down what it heard."""


@contextmanager
def broken_listener(signal: Signal) -> Iterator[None]:
    def refuse(sender: object, **_: Any) -> None:
        raise Broken

    signal.connect(refuse)
    try:
        yield
    finally:
        signal.disconnect(refuse)


@pytest.mark.parametrize("due_in", [30, 0, -1, -300])
def test_an_invoice_is_born_new_also_past_its_due_date(account: Account, due_in: int) -> None:
    invoice = make.again(make.invoice(account, due_in=due_in))
    assert (invoice.status, invoice.payment_status, invoice.version) == ("new", "unpaid", 1)
    assert invoice.aged_on is None
    assert invoice.next_contact_at  # it stands on the ladder from its birth
    assert invoice.next_contact_at > account.now()
    assert make.events_of(account) == ["invoice.created"]
    entry = TimelineEntry.objects.get(invoice=invoice)
    assert (entry.kind, entry.actor, entry.channel) == ("created", "a key", "api")
    assert narrative.in_english(entry) == "Invoice of AED 25,000.00 registered."


def test_without_an_issue_date_it_is_today_or_the_due_date_before_that(account: Account) -> None:
    assert make.invoice(account, due_in=5).issue_date == account.today()
    past = make.invoice(account, due_in=-5)
    assert past.issue_date == past.due_date


def test_its_language_is_its_own_else_the_account_s(account: Account) -> None:
    arabic = make.account(language="ar")
    assert make.invoice(arabic).language == "ar"
    assert make.invoice(arabic, language="en").language == "en"
    assert make.invoice(account).language == "en"


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"amount": 0}, "amount", "not_positive"),
        ({"amount": -5}, "amount", "not_positive"),
        ({"amount": "1.5", "currency": "JPY"}, "amount", "too_many_decimals"),
        ({"amount": "1.001"}, "amount", "too_many_decimals"),
        ({"amount": "1.0001", "currency": "KWD"}, "amount", "too_many_decimals"),
        ({"amount_paid": "-1"}, "amount_paid", "not_positive"),
        ({"amount_paid": "0.001"}, "amount_paid", "too_many_decimals"),
        ({"due_date": dt.date(2026, 2, 14), "issue_date": dt.date(2026, 2, 15)}, "due_date", "before_issue_date"),
    ],
)
def test_an_impossible_invoice_is_refused(account: Account, given: Any, field: str, code: str) -> None:
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refused:
        make.invoice(account, **given)
    assert (refused.value.field, refused.value.code) == (field, code)


def test_each_currency_keeps_its_own_decimals(account: Account) -> None:
    for currency, amount in (("KWD", "1234.567"), ("AED", "0.01"), ("JPY", "999999999999999")):
        made = make.invoice(account, currency=currency, amount=amount)
        assert make.again(made).amount == Decimal(amount)


def test_a_number_that_is_taken_names_the_invoice_that_has_it(account: Account) -> None:
    first = make.invoice(account, invoice_number="INV-2026-001")
    with nothing_happens(account), pytest.raises(lifecycle.Refused, match=str(first.pk)) as refused:
        make.invoice(account, invoice_number="INV-2026-001", debtor_email="another@example.com")
    assert (refused.value.field, refused.value.code) == ("invoice_number", "duplicate")


def test_a_number_may_be_another_account_s_too(account: Account) -> None:
    make.invoice(account, invoice_number="INV-1")
    make.invoice(make.account("Oryx"), invoice_number="INV-1")
    assert Invoice.objects.filter(invoice_number="INV-1").count() == 2


def test_another_account_s_invoice_is_not_found(account: Account) -> None:
    invoice = make.invoice(account)
    other = make.account("Oryx")
    with nothing_happens(account):
        for verb in (
            lambda: lifecycle.change(other, invoice.pk, make.STAFF, status="cancelled"),
            lambda: lifecycle.record_payment(other, invoice.pk, make.STAFF, amount=Decimal(1)),
            lambda: lifecycle.reverse_payment(other, invoice.pk, uuid.uuid4(), make.STAFF),
            lambda: lifecycle.write_off(other, invoice.pk, make.STAFF, reason="gone"),
            lambda: lifecycle.age(other, invoice.pk),
        ):
            with pytest.raises(lifecycle.NotFound):
                verb()


def test_notes_are_a_change_without_an_event(account: Account) -> None:
    invoice = make.invoice(account, notes="first")
    lifecycle.change(account, invoice.pk, make.API, notes="second")
    changed = make.again(invoice)
    assert (changed.notes, changed.version) == ("second", 2)
    assert make.events_of(account) == ["invoice.created"]
    assert TimelineEntry.objects.filter(invoice=invoice, kind="changed").count() == 1
    with nothing_happens(account):
        lifecycle.change(account, invoice.pk, make.API, notes="second")


def test_where_the_ladder_stands_is_no_change_of_the_invoice(account: Account) -> None:
    invoice = make.invoice(account)
    lifecycle.update_schedule(invoice, next_contact_at=account.now(), last_contacted_at=account.now())
    moved = make.again(invoice)
    assert moved.next_contact_at is not None
    assert moved.last_contacted_at is not None
    assert (moved.version, moved.updated_at) == (1, invoice.updated_at)
    assert make.events_of(account) == ["invoice.created"]


def test_a_change_for_another_version_is_refused(account: Account) -> None:
    invoice = make.invoice(account)
    lifecycle.change(account, invoice.pk, make.API, notes="on to version 2")
    with nothing_happens(account), pytest.raises(lifecycle.VersionMismatch):
        lifecycle.change(account, invoice.pk, make.API, status="disputed", if_version_in=(1,))
    assert lifecycle.change(account, invoice.pk, make.API, status="disputed", if_version_in=(2,)).version == 3


def test_a_hold_lasts_30_days_unless_said_otherwise(account: Account) -> None:
    invoice = make.invoice(account)
    held = lifecycle.change(account, invoice.pk, make.API, status="on_hold")
    assert held.hold_until == account.today() + dt.timedelta(days=30)
    until = account.today() + dt.timedelta(days=3)
    held = lifecycle.change(account, invoice.pk, make.API, status="on_hold", hold_until=until)
    assert (held.hold_until, held.version) == (until, 3)
    assert make.events_of(account) == ["invoice.created", "invoice.status_changed"]


@pytest.mark.django_db
@pytest.mark.parametrize("time_zone", [make.EARLIEST_ZONE, make.LATEST_ZONE])
def test_a_hold_and_a_promise_end_within_180_days_of_the_account(time_zone: str) -> None:
    account = make.account(time_zone=time_zone)
    held, promised = make.overdue_invoice(account), make.overdue_invoice(account)
    last = account.today() + dt.timedelta(days=180)
    lifecycle.change(account, held.pk, make.API, status="on_hold", hold_until=last)
    lifecycle.promise(account, promised.pk, make.API, last)
    later = last + dt.timedelta(days=1)
    with nothing_happens(account), pytest.raises(lifecycle.Refused, match=last.isoformat()):
        lifecycle.change(account, held.pk, make.API, status="on_hold", hold_until=later)
    with nothing_happens(account), pytest.raises(lifecycle.Refused, match=last.isoformat()):
        lifecycle.promise(account, promised.pk, make.STAFF, later)


def test_the_day_of_a_managers_longer_hold_may_be_sent_again(account: Account) -> None:
    invoice, later = make.invoice(account), account.today() + dt.timedelta(days=400)
    manager = Actor("manager@example.com", Channel.DASHBOARD, is_manager=True)
    lifecycle.change(account, invoice.pk, manager, status="on_hold", hold_until=later)
    with nothing_happens(account):
        lifecycle.change(account, invoice.pk, make.API, status="on_hold", hold_until=later)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"status": "on_hold", "days": -1}, "in_the_past"),
        ({"status": "on_hold", "days": 181}, "too_far_ahead"),
        ({"status": "disputed", "days": 5}, "without_hold"),
        ({"days": 5}, "without_hold"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(account: Account, asked: dict[str, Any], code: str) -> None:
    invoice = make.invoice(account)
    until = account.today() + dt.timedelta(days=asked["days"])
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refused:
        lifecycle.change(account, invoice.pk, make.API, status=asked.get("status"), hold_until=until)
    assert (refused.value.field, refused.value.code) == ("hold_until", code)


@pytest.mark.parametrize("closing", ["cancelled", "written_off"])
def test_what_is_given_up_is_not_on_hold(account: Account, closing: str) -> None:
    invoice = make.invoice_in(account, "on_hold")
    lifecycle.change(account, invoice.pk, make.STAFF, status=closing)
    assert make.again(invoice).hold_until is None


def test_what_is_paid_is_shown_without_its_hold(account: Account) -> None:
    invoice = make.invoice_in(account, "on_hold")
    paid = lifecycle.change(account, invoice.pk, make.STAFF, status="paid")
    assert representation.of_invoice(paid)["hold_until"] is None
    assert make.again(invoice).hold_until == invoice.hold_until


def test_writing_off_says_why(account: Account) -> None:
    invoice = make.invoice(account)
    lifecycle.write_off(account, invoice.pk, make.STAFF, reason="The company was dissolved.")
    entry = TimelineEntry.objects.get(invoice=invoice, kind="status_changed")
    assert (entry.reason, entry.actor, entry.channel) == (
        "The company was dissolved.",
        make.STAFF.name,
        "dashboard",
    )
    assert narrative.in_english(entry) == "Status: new → written_off."


def test_an_invoice_whose_creation_nobody_could_write_down_does_not_exist(account: Account) -> None:
    with broken_listener(signals.invoices_created), nothing_happens(account), pytest.raises(Broken):
        make.invoice(account, amount_paid=100)


def test_a_change_that_nobody_could_write_down_did_not_happen(account: Account) -> None:
    invoice = make.overdue_invoice(account)
    with nothing_happens(account):
        with broken_listener(signals.invoice_changed), pytest.raises(Broken):
            lifecycle.change(account, invoice.pk, make.API, status="disputed")
        with broken_listener(signals.payment_recorded), pytest.raises(Broken):
            lifecycle.change(account, invoice.pk, make.API, status="paid")
        with broken_listener(signals.payment_recorded), pytest.raises(Broken):
            lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(1))


def test_every_path_announces_each_move_once(account: Account) -> None:
    invoice = make.invoice(account, due_in=-1)
    lifecycle.age(account, invoice.pk)
    lifecycle.change(account, invoice.pk, make.API, status="on_hold")
    lifecycle.change(account, invoice.pk, make.STAFF, status="overdue")
    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=invoice.amount)
    lifecycle.reverse_payment(account, invoice.pk, payment.pk, make.STAFF)
    lifecycle.write_off(account, invoice.pk, make.STAFF, reason="gone")
    lifecycle.change(account, invoice.pk, make.API, status="cancelled")
    moves = [
        (data["previous_status"], data["status"], data["payment_status"])
        for event in Event.objects.filter(type="invoice.status_changed").order_by("seq")
        for data in [json.loads(event.body)["data"]]
    ]
    assert moves == [
        ("new", "overdue", "unpaid"),
        ("overdue", "on_hold", "unpaid"),
        ("on_hold", "overdue", "unpaid"),
        ("overdue", "paid", "paid"),
        ("paid", "overdue", "unpaid"),
        ("overdue", "written_off", "unpaid"),
        ("written_off", "cancelled", "unpaid"),
    ]
    assert make.again(invoice).version == 8
