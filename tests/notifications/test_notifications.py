"""Notifications by email to the people of an account."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.utils import timezone

from communications.inbound import replies
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from inflow.notifications import digest, mailing
from inflow.notifications.models import Notification, Preferences
from invoices import lifecycle, notes, signals, staff_tasks
from invoices.models import Debtor, Invoice, Promise
from tests import make
from tests.parallel import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make.account("Falcon")


@pytest.fixture
def anna(account: Account) -> User:
    return _person(account, "anna")


@pytest.fixture
def invoice(account: Account, anna: User) -> Invoice:
    invoice = make.invoice(
        account, invoice_number="INV-7", debtor_email="pay@buyer.example", debtor_name="Buyer", debtor_company=""
    )
    Debtor.objects.filter(pk=invoice.debtor_id).update(owner=anna)
    found: Invoice = Invoice.objects.select_related("debtor", "account").get(pk=invoice.pk)
    return found


def _person(account: Account, name: str, **fields: Any) -> User:
    fields = {"role": Role.AGENT, "account": account, **fields}
    return User.objects.create_user(f"{name}@firm.example", **fields)


def _mailed() -> list[tuple[str, str]]:
    mailing.send_due()
    return [(message.to[0], str(message.subject)) for message in mail.outbox]


def test_a_mention_is_mailed_once_with_the_note_and_a_link(account: Account, anna: User, invoice: Invoice) -> None:
    note = notes.add_to_debtor(account, invoice.debtor_id, make.STAFF, "@anna & @anna@firm.example: they moved <b>.")
    signals.note_added.send(type(note), note=note, actor=make.STAFF, mentioned=[anna])
    assert _mailed() == [("anna@firm.example", f"{make.STAFF.name} mentioned you")]
    mailing.send_due()
    (message,) = mail.outbox
    assert "they moved <b>." in message.body
    assert f"http://testserver/admin/invoices/debtor/{invoice.debtor_id}/change/" in message.body


def test_nobody_is_notified_of_their_own_actions(account: Account, anna: User, invoice: Invoice) -> None:
    notes.add(account, invoice.pk, make.STAFF.__class__(anna.email, make.STAFF.channel), "@anna remember")
    assert _mailed() == []


def test_a_reply_goes_to_the_debtors_owner_and_to_those_who_chose_all(
    account: Account, anna: User, invoice: Invoice
) -> None:
    everything, nothing = _person(account, "boss"), _person(account, "quiet")
    _person(make.account("Other"), "stranger")
    Preferences.objects.create(user=everything, reply="all")
    Preferences.objects.create(user=nothing, reply="none")
    replies.receive(account, "email", "pay@buyer.example", "We will pay on Friday", "M1")
    assert replies.receive(account, "email", "pay@buyer.example", "We will pay on Friday", "M1") is None
    assert sorted(_mailed()) == [
        ("anna@firm.example", "Buyer has replied"),
        ("boss@firm.example", "Buyer has replied"),
    ]


def test_an_owner_who_switched_a_kind_off_gets_none(account: Account, anna: User, invoice: Invoice) -> None:
    Preferences.objects.create(user=anna, dispute="none")
    lifecycle.change(account, invoice.pk, make.API, status="disputed")
    assert _mailed() == []


def test_each_dispute_of_an_invoice_is_notified(account: Account, anna: User, invoice: Invoice) -> None:
    lifecycle.change(account, invoice.pk, make.API, status="disputed")
    lifecycle.change(account, invoice.pk, make.API, notes="Twice the same.")
    assert _mailed() == [("anna@firm.example", "Invoice INV-7 is disputed")]
    assert Notification.objects.count() == 1


def test_several_notifications_of_a_person_are_one_mail(account: Account, anna: User, invoice: Invoice) -> None:
    make.escalation(invoice)
    replies.receive(account, "email", "pay@buyer.example", "Which invoice?", "M2")
    assert _mailed() == [("anna@firm.example", "2 new notifications")]
    assert "INV-7" in mail.outbox[0].body
    assert "Buyer has replied." in mail.outbox[0].body


def test_a_broken_promise_is_notified_once_without_its_case(account: Account, anna: User, invoice: Invoice) -> None:
    promise = lifecycle.promise(account, invoice.pk, make.STAFF, account.today())
    signals.promise_broken.send(Promise, promise=promise)
    signals.promise_broken.send(Promise, promise=promise)
    assert _mailed() == [("anna@firm.example", "Broken promise: invoice INV-7")]


def test_the_uploader_is_notified_of_a_finished_import(account: Account, anna: User) -> None:
    file = make.import_of(account, anna, "open.csv")
    file.phase = "done"
    file.save()
    signals.import_ended.send(type(file), file=file)
    signals.import_ended.send(type(file), file=file)
    assert _mailed() == [("anna@firm.example", "Import finished: open.csv")]


def test_mail_is_in_the_persons_language(account: Account, invoice: Invoice) -> None:
    _person(account, "noura", language="ar")
    notes.add(account, invoice.pk, make.STAFF, "@noura تحققي من الفاتورة")
    mailing.send_due()
    assert "أشار إليكم" in mail.outbox[0].subject
    assert "INV-7" in mail.outbox[0].body


def test_a_person_who_left_gets_nothing(account: Account, anna: User, invoice: Invoice) -> None:
    notes.add(account, invoice.pk, make.STAFF, "@anna")
    anna.is_active = False
    anna.save()
    assert _mailed() == []
    assert Notification.objects.get().due_at is None


def test_a_test_account_is_quiet_while_its_clock_is_set(anna: User, invoice: Invoice) -> None:
    account = invoice.account
    account.is_test, account.clock = True, timezone.now()
    account.save()
    notes.add(account, invoice.pk, make.STAFF, "@anna")
    assert not Notification.objects.exists()


def test_a_failure_is_tried_again_and_delays_nobody_else(
    account: Account, anna: User, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    _person(account, "omar")
    send = EmailMessage.send

    def fail_for_anna(self: EmailMessage, *args: Any, **kwargs: Any) -> int:
        if self.to == ["anna@firm.example"]:
            raise OSError("refused")
        return send(self, *args, **kwargs)

    notes.add(account, invoice.pk, make.STAFF, "@anna @omar")
    monkeypatch.setattr(EmailMessage, "send", fail_for_anna)
    assert [to for to, _ in _mailed()] == ["omar@firm.example"]
    monkeypatch.setattr(EmailMessage, "send", send)
    assert [to for to, _ in _mailed()] == ["omar@firm.example"]  # its lease still runs
    Notification.objects.exclude(due_at=None).update(due_at=timezone.now())
    assert [to for to, _ in _mailed()] == ["omar@firm.example", "anna@firm.example"]


def test_a_worker_that_is_killed_before_it_sends_loses_nothing_and_nothing_is_mailed_twice(
    account: Account, anna: User, invoice: Invoice
) -> None:
    notes.add(account, invoice.pk, make.STAFF, "@anna")
    assert mailing._claim()  # and the worker dies here
    assert _mailed() == []
    Notification.objects.update(due_at=timezone.now())
    assert len(_mailed()) == 1
    assert len(_mailed()) == 1


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_mail_each_notification_once(account: Account, anna: User, invoice: Invoice) -> None:
    _person(account, "omar")
    for number in range(6):
        notes.add(account, invoice.pk, make.STAFF, f"@anna @omar {number}.")

    def work(_: int) -> int:
        try:
            return mailing.send_due()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))
    for name in ("anna", "omar"):
        bodies = "".join(str(message.body) for message in mail.outbox if message.to == [f"{name}@firm.example"])
        assert [bodies.count(f"@anna @omar {number}.") for number in range(6)] == [1] * 6


def test_a_digest_comes_at_the_persons_hour_once_a_day(account: Account, anna: User, invoice: Invoice) -> None:
    staff_tasks.create(
        account, make.STAFF, text="Send the copy.", due_on=account.today(), owner=anna, invoice_id=invoice.pk
    )
    due = timezone.now() - dt.timedelta(minutes=1)
    Preferences.objects.create(user=anna, digest=True, digest_hour=8, time_zone="Asia/Tokyo", digest_due_at=due)
    assert (digest.queue_due(), digest.queue_due()) == (1, 0)
    mailing.send_due()
    (message,) = mail.outbox
    assert message.subject.endswith(": 1 task due")
    assert "Send the copy." in message.body
    following = Preferences.objects.get().digest_due_at
    assert following
    assert following > timezone.now()
    assert (following.hour, following.minute) == (23, 0)  # 08:00 in Tokyo


def test_an_empty_digest_is_not_sent(account: Account, anna: User) -> None:
    Preferences.objects.create(user=anna, digest=True, digest_due_at=timezone.now())
    digest.queue_due()
    assert _mailed() == []


def test_a_person_chooses_on_their_own_page(client: Client, anna: User) -> None:
    client.force_login(anna)
    page = "/admin/notifications/"
    assert client.get(page).status_code == 200
    chosen = {"reply": "all", "dispute": "none", "case": "mine", "broken_promise": "mine"}
    answer = client.post(page, {**chosen, "digest": "on", "digest_hour": "7", "time_zone": "Asia/Riyadh"})
    assert answer.status_code == 302
    saved = Preferences.objects.get(user=anna)
    assert (saved.reply, saved.dispute, saved.mention, saved.digest_hour) == ("all", "none", False, 7)
    assert saved.digest_due_at
    assert saved.digest_due_at.astimezone(saved.zone).hour == 7


@pytest.mark.django_db(transaction=True)
def test_choices_that_are_saved_twice_at_once_for_the_first_time_are_saved() -> None:
    account, clients = make.account(), [Client() for _time in range(6)]
    said = dict.fromkeys(("reply", "dispute", "case", "broken_promise"), "all") | {"digest_hour": "8"}
    for number in range(3):
        person = _person(account, f"person{number}")
        for client in clients:
            client.force_login(person)
        calls = [partial(client.post, "/admin/notifications/", said) for client in clients]
        assert [getattr(answer, "status_code", answer) for answer in at_once(*calls)] == [302] * 6
        assert Preferences.objects.get(user=person).reply == "all"
