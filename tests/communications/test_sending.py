"""A reminder leaves once or not at all, over real SMTP, and what became of it is on record."""

import datetime as dt
import email
import email.policy
import json
import socket
import time
import uuid
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.core import mail as captured
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone
from pytest_django import Settings

from communications import channels
from communications.api import representation
from communications.channels import outbox as outbox_room
from communications.contacts import addresses
from communications.delivery import gate, sender
from communications.models import Communication
from communications.signals import communication_sent
from inflow import masking
from inflow.accounts.models import Account
from inflow.api.json import dumps
from invoices import narrative
from invoices.models import Debtor, Invoice, TimelineEntry
from tests import make
from tests.communications.conftest import StartMail
from tests.mailserver import MailServer
from tests.parallel import at_once
from webhooks.models import Event

pytestmark = pytest.mark.django_db


def due_reminder(account: Account | None = None, **given: Any) -> Communication:
    """A reminder whose moment is now, to a debtor who may be written to now."""
    invoice = make.overdue_invoice(account or make.account(), place=make.open_place(), **given)
    return make.reminder_due(invoice)


def told(type: str) -> list[dict[str, Any]]:
    return [json.loads(event.body)["data"] for event in Event.objects.filter(type=type).order_by("seq")]


def subject(mail: EmailMessage) -> str:
    """A long one begins on a line of its own, after the fold's space."""
    return str(mail["Subject"]).lstrip()


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content


def test_a_due_reminder_is_sent_and_recorded(mail: MailServer) -> None:
    reminder = due_reminder(invoice_number="INV-7", amount="1234.50")
    assert sender.send_due() == 1
    (sent,) = mail.mails
    assert mail.recipients == ["ahmed@gulftrading.example"]
    assert sent["To"] == "ahmed@gulftrading.example"
    assert sent["From"] == "Falcon Trading LLC <no-reply@inflow.example>"
    assert sent["Subject"] == "Invoice INV-7 is overdue: AED 1,234.50"
    assert sent["Message-ID"] == f"<{reminder.message_id}@inflow>"
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent.get_content_type() == "multipart/alternative"
    assert "Dear Ahmed Al Rashid," in part(sent, "plain")
    assert 'lang="en" dir="ltr"' in part(sent, "html")

    row = Communication.objects.get()
    assert row.status == "sent"
    assert (row.subject, row.error) == (sent["Subject"], "")
    assert row.body.strip() == part(sent, "plain").replace("\r\n", "\n").strip()
    invoice = make.again(row.invoice)
    assert (invoice.last_contacted_at, invoice.last_step) == (row.sent_at, 1)
    assert invoice.next_contact_at
    assert row.sent_at
    assert invoice.next_contact_at > row.sent_at
    assert invoice.version == row.invoice.version
    entry = TimelineEntry.objects.get(kind="sent")
    assert narrative.in_english(entry) == "Reminder sent to ahmed@gulftrading.example by email."


def test_what_is_told_of_it_is_what_the_api_shows(mail: MailServer) -> None:
    due_reminder()
    sender.send_due()
    shown = Communication.objects.values(*representation.COLUMNS).get()
    assert told("communication.sent") == [json.loads(masking.mask_body(dumps(representation.of_row(shown))))]
    assert told("communication.sent")[0]["status"] == "sent"


def test_an_arabic_reminder_arrives_as_it_was_written(mail: MailServer) -> None:
    due_reminder(language="ar", debtor_name="أحمد الراشد", invoice_number="INV-8")
    assert sender.send_due() == 1
    (sent,) = mail.mails
    assert subject(sent).startswith("تذكير: الفاتورة \u2066INV-8\u2069")
    assert "\u2068أحمد الراشد\u2069" in part(sent, "plain")
    assert 'lang="ar" dir="rtl"' in part(sent, "html")


def test_sending_twice_sends_once(mail: MailServer) -> None:
    reminder = due_reminder()
    assert [sender.send_due(), sender.send_due(), sender.send(reminder.pk)] == [1, 0, False]
    assert len(mail.mails) == 1
    assert len(told("communication.sent")) == 1


def test_what_is_not_due_yet_stays(mail: MailServer) -> None:
    invoice = make.overdue_invoice(make.account(), place=make.open_place())
    assert sender.send_due() == 0
    assert not sender.send(Communication.objects.get().pk)
    assert Communication.objects.get().status == "scheduled"
    assert make.again(invoice).next_contact_at == Communication.objects.get().scheduled_for
    assert mail.mails == []


def test_nothing_is_sent_of_what_does_not_exist(mail: MailServer) -> None:
    assert sender.send(uuid.uuid4()) is False


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"on_recipient": "552 5.2.2 mailbox full"}, "RCPT 552 5.2.2 mailbox full"),
        ({"on_data": "554 this is spam"}, "content 554 this is spam"),
    ],
)
def test_a_refused_message_has_failed_is_no_contact_and_is_tried_again_later(
    start_mail: StartMail, how: dict[str, str], error: str
) -> None:
    server = start_mail(**how)
    due_reminder()
    assert [sender.send_due(), sender.send_due()] == [0, 0]
    failed, again = Communication.objects.order_by("try_number")
    assert (failed.status, failed.error) == ("failed", error)
    assert (again.status, again.try_number) == ("scheduled", 2)
    assert again.scheduled_for >= timezone.now() + dt.timedelta(minutes=14)
    assert make.again(failed.invoice).last_contacted_at is None
    assert server.mails == []
    assert [data["error"] for data in told("communication.failed")] == [error]
    assert told("communication.sent") == []
    assert TimelineEntry.objects.get(kind="failed").reason == error


def test_three_retries_are_all_and_then_it_is_a_person_s(start_mail: StartMail) -> None:
    start_mail(on_recipient="552 5.2.2 mailbox full")
    invoice = due_reminder().invoice
    for _ in range(3):
        assert sender.send_due() == 0
        make.reminder_due(invoice)
    assert sender.send_due() == 0
    tries = Communication.objects.filter(step=1).order_by("try_number").values_list("status", flat=True)
    assert list(tries) == ["failed"] * 4
    assert make.again(invoice).last_step == 1
    assert [data["reason"] for data in told("escalation.created")] == ["delivery_failed"]


def test_an_address_that_does_not_exist_is_not_written_to_again(start_mail: StartMail) -> None:
    server = start_mail(on_recipient="550 no such mailbox")
    invoice = due_reminder().invoice
    assert sender.send_due() == 0
    assert Communication.objects.get().error == "RCPT 550 no such mailbox"
    assert (make.again(invoice).last_step, make.again(invoice).escalation_level) == (1, 1)
    assert [data["reason"] for data in told("escalation.created")] == ["no_contact"]
    other = due_reminder(make.account(), debtor_email="ahmed@gulftrading.example")
    assert addresses.choose(other.invoice, ["email"]).address == "ahmed@gulftrading.example"
    later = make.overdue_invoice(invoice.account, place=make.open_place())
    assert sender.send_due() == 0
    make.reminder_due(later)
    assert sender.send_due() == 0
    assert Communication.objects.get(invoice=later).suppressed_reason == "invalid_contact"
    assert server.mails == []


def test_a_mail_server_that_is_away_took_nothing_and_the_message_waits(settings: Settings) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = unused.getsockname()
        due_reminder()
        assert sender.send_due() == 0
    row = Communication.objects.get()
    assert (row.status, row.waits_for, row.error) == ("scheduled", "away", "")
    assert "the mail server or gateway is unavailable" in narrative.in_english(
        TimelineEntry.objects.get(kind="postponed")
    )


@pytest.mark.parametrize("how", [{"drops_after_data": True}, {"hangs_after_data_s": 30.0}], ids=["drops", "hangs"])
def test_a_message_that_may_have_arrived_is_never_sent_again(
    start_mail: StartMail, settings: Settings, how: dict[str, Any]
) -> None:
    settings.EMAIL_TIMEOUT = 0.5
    server = start_mail(**how)
    due_reminder()
    assert [sender.send_due(), sender.send_due()] == [0, 0]
    assert len(server.mails) == 1
    row = Communication.objects.get()
    assert (row.status, row.error) == ("unknown", "SMTPServerDisconnected")
    assert make.again(row.invoice).last_contacted_at == row.sent_at
    assert [data["status"] for data in told("communication.failed")] == ["unknown"]


def test_the_gate_is_passed_only_once_the_server_has_greeted(start_mail: StartMail) -> None:
    server = start_mail(greets_after_s=1)
    reminder = due_reminder()
    before = timezone.now()
    assert sender.send(reminder.pk)
    sent_at = Communication.objects.get().sent_at
    assert sent_at
    assert sent_at - before >= dt.timedelta(seconds=1)
    assert len(server.mails) == 1


def test_what_could_not_begin_in_time_does_not_begin() -> None:
    with closing(channels.Mailer()) as mailer, pytest.raises(channels.DeliveryRefused, match="gate_expired"):
        mailer.deliver(EmailMultiAlternatives(), make.account(), deadline=time.monotonic() - 0.001)
    assert captured.outbox == []


def test_what_a_dead_worker_left_is_unknown_and_not_sent_again(mail: MailServer) -> None:
    reminder = due_reminder()
    assert gate.claim(reminder.pk)
    assert sender.send_due() == 0
    assert Communication.objects.get().status == "sending"
    Communication.objects.update(claimed_at=timezone.now() - sender.ORPHANED_AFTER - dt.timedelta(seconds=1))
    assert [sender.send_due(), sender.send_due()] == [0, 0]
    row = Communication.objects.get()
    assert (row.status, row.error) == ("unknown", "worker_died")
    assert mail.mails == []
    assert len(told("communication.failed")) == 1


def test_a_sending_that_could_not_be_told_is_not_recorded_as_sent(mail: MailServer) -> None:
    def refuse(sender: object, **_: Any) -> None:
        raise RuntimeError("the outbox is full")

    due_reminder()
    communication_sent.connect(refuse)
    try:
        assert sender.send_due() == 0
    finally:
        communication_sent.disconnect(refuse)
    assert len(mail.mails) == 1
    assert Communication.objects.get().status == "sending"
    assert told("communication.sent") == []
    assert not TimelineEntry.objects.filter(kind="sent").exists()
    assert sender.send_due() == 0
    assert len(mail.mails) == 1


def test_one_message_that_can_not_be_made_does_not_hold_up_the_rest(mail: MailServer) -> None:
    account = make.account()
    broken = due_reminder(account, debtor_email="broken@example.com")
    Debtor.objects.filter(pk=broken.debtor_id).update(time_zone="Nowhere/At_All")
    Communication.objects.update(scheduled_for=timezone.now() - dt.timedelta(days=1))
    due_reminder(account, debtor_email="sound@example.com")
    assert sender.send_due() == 1
    assert mail.recipients == ["sound@example.com"]
    assert Communication.objects.get(pk=broken.pk).status == "scheduled"


def test_no_message_of_a_test_account_leaves_the_machine(mail: MailServer) -> None:
    due_reminder(make.account(is_test=True))
    assert sender.send_due() == 1
    assert mail.mails == []
    assert captured.outbox == []
    row = Communication.objects.get()
    assert (row.status, bool(row.subject), bool(row.body), bool(row.html)) == ("sent", True, True, True)
    assert len(told("communication.sent")) == 1


@pytest.mark.parametrize("is_test", [False, True])
def test_the_local_outbox_has_one_file_for_each_message(outbox: Path, is_test: bool) -> None:
    reminder = due_reminder(make.account(is_test=is_test), language="ar")
    assert [sender.send_due(), sender.send_due()] == [1, 0]
    (file,) = outbox.iterdir()
    assert file.name == f"{reminder.message_id}.eml"
    written = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    row = Communication.objects.get()
    assert subject(written) == row.subject
    assert written["To"] == row.recipient
    assert outbox_room.read(str(reminder.message_id)) == file.read_bytes()
    assert outbox_room.read(str(uuid.uuid4())) is None


def test_messages_of_two_accounts_go_each_in_its_own_name(mail: MailServer) -> None:
    for name in ("Falcon", "Oryx"):
        due_reminder(make.account(name), debtor_email=f"{name.lower()}@example.com")
    assert sender.send_due() == 2
    said = {
        sent["To"]: part(sent, "plain").replace("\r", "").partition("\n\n--\n")[0].strip().rsplit("\n", 1)[1].strip()
        for sent in mail.mails
    }
    assert said == {"falcon@example.com": "Falcon", "oryx@example.com": "Oryx"}
    assert Invoice.objects.filter(last_contacted_at__isnull=False).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_given_up_changes_nothing_when_it_comes_back(start_mail: StartMail) -> None:
    server = start_mail(hangs_after_data_s=1.0)
    reminder = due_reminder()

    def give_up() -> int:
        deadline = time.monotonic() + 10
        while not server.mails and time.monotonic() < deadline:
            time.sleep(0.02)
        Communication.objects.update(claimed_at=timezone.now() - sender.ORPHANED_AFTER - dt.timedelta(seconds=1))
        return sender.send_due()

    at_once(lambda: sender.send(reminder.pk), give_up)
    row = Communication.objects.get()
    assert (row.status, row.error) == ("unknown", "worker_died")
    assert len(server.mails) == 1
    assert told("communication.sent") == []
    assert len(told("communication.failed")) == 1
