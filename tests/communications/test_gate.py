"""The last gate: what the facts say at the moment of sending decides, whatever was planned."""

import datetime as dt
import threading
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from communications.delivery import gate, sender
from communications.models import Communication
from inflow.accounts.models import Account
from invoices import lifecycle, narrative
from invoices.models import Invoice, TimelineEntry
from invoices.signals import payment_recorded
from tests import make
from tests.mailserver import MailServer
from tests.parallel import at_once
from webhooks.models import Event

pytestmark = pytest.mark.django_db


def due_reminder(account: Account | None = None, **given: Any) -> Communication:
    invoice = make.overdue_invoice(account or make.account(), place=make.open_place(), **given)
    return make.reminder_due(invoice)


def pay(invoice: Invoice) -> None:
    lifecycle.record_payment(invoice.account, invoice.pk, make.API, amount=invoice.balance)


def test_a_payment_between_plan_and_gate_leaves_no_mail(mail: MailServer) -> None:
    reminder = due_reminder()
    pay(reminder.invoice)
    assert sender.send_due() == 0
    assert sender.send(reminder.pk) is False
    assert mail.mails == []
    row = Communication.objects.get()
    assert (row.status, row.suppressed_reason, row.sent_at) == ("suppressed", "paid", None)


@pytest.mark.parametrize(("closing", "reason"), [("paid", "paid"), ("cancelled", "closed"), ("written_off", "closed")])
def test_the_gate_itself_refuses_what_is_closed(mail: MailServer, closing: str, reason: str) -> None:
    reminder = due_reminder()
    lifecycle.change(reminder.account, reminder.invoice_id, make.STAFF, status=closing)
    Communication.objects.update(status="scheduled", suppressed_reason="")
    assert sender.send_due() == 0
    row = Communication.objects.get()
    assert (row.status, row.suppressed_reason) == ("suppressed", reason)
    assert mail.mails == []
    assert make.again(row.invoice).next_contact_at is None
    assert TimelineEntry.objects.filter(kind="suppressed", params__because=reason).count() == 1


def test_nobody_to_write_to_is_final_and_said(mail: MailServer) -> None:
    due_reminder(debtor_email="")
    assert sender.send_due() == 0
    row = Communication.objects.get()
    assert (row.status, row.suppressed_reason) == ("suppressed", "no_contact")
    assert mail.mails == []
    assert (
        narrative.in_english(TimelineEntry.objects.get(kind="suppressed"))
        == "Reminder not sent: the debtor has no contact details."
    )


@pytest.mark.parametrize("pause", ["disputed", "on_hold"])
def test_a_pause_postpones_and_its_end_lets_it_go(mail: MailServer, pause: str) -> None:
    reminder = due_reminder()
    lifecycle.change(reminder.account, reminder.invoice_id, make.API, status=pause)
    make.reminder_due(reminder.invoice)
    assert sender.send_due() == 0
    row = Communication.objects.get()
    assert row.status == "scheduled"
    assert row.scheduled_for >= timezone.now() + dt.timedelta(hours=12)
    assert make.again(row.invoice).next_contact_at == row.scheduled_for
    assert f"the invoice is {pause.replace('_', ' ')}" in narrative.in_english(
        TimelineEntry.objects.get(kind="postponed")
    )
    assert [sender.send_due(), TimelineEntry.objects.filter(kind="postponed").count()] == [0, 1]
    lifecycle.change(reminder.account, reminder.invoice_id, make.API, status="overdue")
    make.reminder_due(reminder.invoice)
    assert sender.send_due() == 1
    assert len(mail.mails) == 1


def test_a_suspended_account_writes_to_nobody_until_it_is_back(mail: MailServer) -> None:
    reminder = due_reminder()
    Account.objects.update(suspended_at=timezone.now())
    assert sender.send_due() == 0
    assert Communication.objects.get().status == "scheduled"
    assert "the account is suspended" in narrative.in_english(TimelineEntry.objects.get(kind="postponed"))
    Account.objects.update(suspended_at=None)
    make.reminder_due(reminder.invoice)
    assert sender.send_due() == 1
    assert len(mail.mails) == 1


def test_outside_the_window_it_waits_for_the_next_opening(mail: MailServer) -> None:
    place = make.closed_place()
    invoice = make.overdue_invoice(make.account(), place=place)
    make.reminder_due(invoice)
    before = timezone.now()
    assert sender.send_due() == 0
    row = Communication.objects.get()
    assert (row.status, row.scheduled_for) == ("scheduled", place.next_opening(before))
    assert make.again(invoice).next_contact_at == row.scheduled_for
    assert mail.mails == []


def test_the_message_says_what_is_open_at_the_gate_and_a_payment_is_a_contact() -> None:
    reminder = due_reminder(make.account(is_test=True), amount=1_000)
    lifecycle.record_payment(reminder.account, reminder.invoice_id, make.API, amount=Decimal(400))
    make.reminder_due(reminder.invoice)
    assert sender.send_due() == 0  # a payment is a contact too
    assert "the contact limit" in narrative.in_english(TimelineEntry.objects.get(kind="postponed"))
    postponed = Communication.objects.get()
    assert postponed.scheduled_for >= timezone.now() + dt.timedelta(hours=71)
    Account.objects.update(clock=postponed.scheduled_for)
    assert sender.send(postponed.pk)
    assert "AED 600.00" in Communication.objects.get(status="sent").subject


@pytest.mark.parametrize(
    ("hour", "until_hour"), [(8, 9), (12, None), (18, 9)], ids=["before opening", "open", "after closing"]
)
def test_the_gate_judges_by_the_account_s_own_time(hour: int, until_hour: int | None) -> None:
    account = make.account(time_zone="Asia/Dubai", is_test=True)
    invoice = make.overdue_invoice(account)
    moment = dt.datetime(2036, 3, 4, hour, tzinfo=account.zone)
    Communication.objects.update(scheduled_for=moment)
    Account.objects.update(clock=moment)
    assert bool(gate.claim(Communication.objects.get().pk)) == (until_hour is None)
    row = Communication.objects.get()
    if until_hour is not None:
        day = 4 if hour < 9 else 5
        assert row.scheduled_for == dt.datetime(2036, 3, day, until_hour, tzinfo=account.zone)
        assert make.again(invoice).next_contact_at == row.scheduled_for


class Meanwhile:
    """Holds a payment's transaction open, its row locked, until the test says so."""

    def __init__(self, invoice: Invoice) -> None:
        self.invoice = invoice
        self.locked, self.go_on = threading.Event(), threading.Event()

    def wait(self, sender: object, **_: Any) -> None:
        self.locked.set()
        assert self.go_on.wait(10)

    def pay(self) -> None:
        payment_recorded.connect(self.wait)
        try:
            pay(self.invoice)
        finally:
            payment_recorded.disconnect(self.wait)

    def send(self) -> bool:
        assert self.locked.wait(10)
        threading.Timer(0.3, self.go_on.set).start()
        return sender.send(Communication.objects.get().pk)


@pytest.mark.django_db(transaction=True)
def test_a_payment_that_is_being_committed_is_waited_for(mail: MailServer) -> None:
    meanwhile = Meanwhile(due_reminder().invoice)
    calls: list[Callable[[], Any]] = [meanwhile.pay, meanwhile.send]
    assert at_once(*calls) == [None, False]
    assert mail.mails == []
    assert Communication.objects.get().suppressed_reason == "paid"


@pytest.mark.django_db(transaction=True)
def test_workers_that_run_at_once_send_each_message_once(mail: MailServer) -> None:
    account = make.account()
    for number in range(6):
        due_reminder(account, debtor_email=f"debtor{number}@example.com")
    results = at_once(*[lambda: sender.send_due()] * 4)
    assert sum(result for result in results if isinstance(result, int)) == 6
    assert sorted(mail.recipients) == [f"debtor{number}@example.com" for number in range(6)]
    assert Communication.objects.filter(status="sent").count() == 6
    assert Event.objects.filter(type="communication.sent").count() == 6


@pytest.mark.django_db(transaction=True)
def test_payments_and_sending_at_once_end_in_a_mail_or_in_none_and_say_which(mail: MailServer) -> None:
    account = make.account()
    reminders = [due_reminder(account, debtor_email=f"debtor{number}@example.com") for number in range(6)]
    calls: list[Callable[[], Any]] = [lambda: sender.send_due(), lambda: sender.send_due()]
    calls += [partial(pay, reminder.invoice) for reminder in reminders]
    assert not [result for result in at_once(*calls) if isinstance(result, Exception)]
    sent = Communication.objects.filter(status="sent")
    assert sorted(mail.recipients) == sorted(sent.values_list("recipient", flat=True))
    assert Communication.objects.filter(status="suppressed", suppressed_reason="paid").count() == 6 - sent.count()
