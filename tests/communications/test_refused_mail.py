"""A mail server that refuses for reasons of its own costs no address, no attempt and no step, and is not hammered."""

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from communications.channels import Mailer, TransportUnavailable, pauses
from communications.delivery import manual, notices, sender
from communications.delivery.manual import MessageRequest
from communications.models import Address, Communication, SenderHealth
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.models import Escalation, TimelineEntry
from tests import make
from tests.communications.conftest import StartMail
from tests.mailserver import MailServer
from tests.parallel import at_once

pytestmark = pytest.mark.django_db
RELAY, LIMIT = "554 5.7.1 Relay access denied", "550 5.4.5 Daily user sending limit exceeded"
OURS = [RELAY, LIMIT, "451 4.7.1 Greylisted, try again in 300 s", "421 4.3.2 Service shutting down"]


def due_mail(account: Account, number: int = 0, **given: Any) -> Communication:
    """A reminder whose moment is now, to a debtor of its own."""
    given = {"debtor_email": f"d{number}@debtor{number}.example", "debtor_company": f"Debtor {number}", **given}
    arrived = account.now() - dt.timedelta(days=5)
    return make.reminder_due(make.overdue_invoice(account, place=make.open_place(), created_at=arrived, **given))


def come_due() -> None:
    """All that waits has waited long enough."""
    Communication.objects.filter(status="scheduled").update(scheduled_for=timezone.now() - dt.timedelta(seconds=1))


def pass_time(minutes: float) -> None:
    """The state of the senders, as it will be seen so much later."""
    for health in SenderHealth.objects.all():
        gap = dt.timedelta(minutes=minutes)
        health.refused_at = [at - gap for at in health.refused_at]
        health.paused_until = health.paused_until and health.paused_until - gap
        health.probe_until = health.probe_until and health.probe_until - gap
        health.save()


def attempts(server: MailServer) -> int:
    return sum(server.asked.values())


# --- It waits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", OURS)
@pytest.mark.parametrize("stage", ["on_sender", "on_recipient", "on_data"])
def test_a_refusal_of_ours_uses_up_nothing(
    start_mail: StartMail, caplog: pytest.LogCaptureFixture, reply: str, stage: str
) -> None:
    start_mail(**{stage: reply})
    row = due_mail(make.account())
    before = make.again(row.invoice)
    assert sender.send_due() == 0
    row = Communication.objects.get()
    assert (row.status, row.waits_for, row.try_number, row.refusals) == ("scheduled", "refused", 1, 1)
    assert row.error.endswith(reply)
    assert (row.sent_at, row.subject, row.body, row.html) == (None, "", "", "")
    assert row.scheduled_for >= timezone.now() + dt.timedelta(minutes=4)
    after = make.again(row.invoice)
    assert (after.last_step, after.slip_days, after.last_contacted_at) == (before.last_step, before.slip_days, None)
    assert after.next_contact_at == row.scheduled_for
    assert not Address.objects.filter(invalid_at__isnull=False).exists()
    assert not Escalation.objects.exists()
    assert reply in TimelineEntry.objects.get(kind="postponed").reason
    assert [record for record in caplog.records if "message_refused" in record.getMessage()]


def test_the_gaps_grow_and_the_timeline_says_it_once(start_mail: StartMail) -> None:
    start_mail(on_recipient=RELAY)
    due_mail(make.account())
    gaps = []
    for _ in range(5):
        pass_time(60)
        come_due()
        assert sender.send_due() == 0
        gaps.append((Communication.objects.get().scheduled_for - timezone.now()).total_seconds() / 60)
    assert [round(gap) for gap in gaps[:3]] == [5, 15, 60]
    assert gaps[4] >= 239
    assert TimelineEntry.objects.filter(kind="postponed").count() == 1
    assert Communication.objects.get().refusals == 5


def test_what_was_refused_for_a_while_is_sent_once_in_full_and_its_step_is_done(start_mail: StartMail) -> None:
    start_mail(on_recipient=LIMIT)
    row = due_mail(make.account())
    assert sender.send_due() == 0
    server = start_mail()
    come_due()
    assert [sender.send_due(), sender.send_due()] == [1, 0]
    row.refresh_from_db()
    assert (row.status, row.error, row.waits_for, row.try_number) == ("sent", "", "", 1)
    assert (len(server.mails), make.again(row.invoice).last_step) == (1, 1)
    assert Communication.objects.count() == 1


def test_the_probe_of_a_pause_is_a_message_that_was_not_refused_before(start_mail: StartMail) -> None:
    """Otherwise three recipients that refuse us for good keep everybody else waiting."""
    account = make.account()
    for number in range(3):
        row = due_mail(account, number)
        Communication.objects.filter(pk=row.pk).update(refusals=2, scheduled_for=timezone.now() - dt.timedelta(hours=1))
    good = due_mail(account, 3)
    SenderHealth.objects.create(key="email", pauses=1, paused_until=timezone.now() - dt.timedelta(seconds=1))
    server = start_mail(on_recipient=RELAY)
    assert sender.send_due() == 0
    assert server.asked == Counter({make.again(good.invoice).debtor_email: 1})


def test_a_manual_message_that_waited_says_what_the_person_wrote_once(start_mail: StartMail) -> None:
    start_mail(on_recipient=RELAY)
    account = make.account()
    invoice = make.overdue_invoice(account, place=make.open_place())
    request = MessageRequest("manual", "email", "en", "About your order", "Please call us about it.")
    seen = manual.preview(account, invoice.pk, make.STAFF, request)
    sent = manual.send(account, invoice.pk, make.STAFF, request, key=invoice.pk, digest=seen.digest)
    assert (sent.status, sent.waits_for, sent.body) == ("scheduled", "refused", "Please call us about it.")
    server = start_mail()
    come_due()
    assert sender.send(sent.pk)
    text = server.mails[0].get_body(("plain",))
    assert text
    assert text.get_content().count("Please call us about it.") == 1
    assert server.mails[0]["Subject"] == "About your order"


def test_an_invoice_paid_while_its_message_waits_is_not_written_to(start_mail: StartMail) -> None:
    start_mail(on_recipient=RELAY)
    account = make.account()
    row = due_mail(account)
    sender.send_due()
    lifecycle.change(account, row.invoice_id, make.API, status="paid")
    server = start_mail()
    come_due()
    assert (sender.send_due(), server.mails) == (0, [])
    row.refresh_from_db()
    assert (row.status, row.suppressed_reason) == ("suppressed", "paid")


# --- The sender is paused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [RELAY, LIMIT])
def test_thirteen_debtors_of_a_relay_that_refuses_for_a_while_get_one_message_each(
    start_mail: StartMail, reply: str
) -> None:
    server = start_mail(on_recipient=reply)
    account = make.account()
    for number in range(13):
        due_mail(account, number)
    assert sender.send_due() == 0
    assert attempts(server) == 3
    assert Counter(Communication.objects.values_list("waits_for", flat=True)) == {"refused": 3, "paused": 10}
    come_due()
    assert sender.send_due() == 0
    assert attempts(server) == 3, "it is paused"
    pass_time(15)
    come_due()
    assert sender.send_due() == 0
    assert attempts(server) == 4, "one message probes"
    server.on_recipient = "250 OK"
    pass_time(15)
    come_due()
    assert [sender.send_due(), sender.send_due()] == [13, 0]
    assert Counter(server.recipients) == {f"d{number}@debtor{number}.example": 1 for number in range(13)}
    assert set(Communication.objects.values_list("status", "try_number")) == {("sent", 1)}
    assert not Address.objects.filter(invalid_at__isnull=False).exists()
    assert not Escalation.objects.exists()
    health = SenderHealth.objects.get()
    assert (health.refused_at, health.paused_until, health.pauses) == ([], None, 0)


def test_an_acceptance_in_between_or_time_forgets_the_refusals(start_mail: StartMail) -> None:
    server = start_mail()
    account = make.account()
    for number, reply in enumerate([RELAY, RELAY, "250 OK", RELAY, RELAY]):
        server.on_recipient = reply
        due_mail(account, number)
        sender.send_due()
    assert attempts(server) == 5
    assert SenderHealth.objects.get().paused_until is None
    pass_time(6)
    server.on_recipient = RELAY
    due_mail(account, 6)
    sender.send_due()
    assert SenderHealth.objects.get().paused_until is None


@pytest.mark.parametrize("reply", ["550 5.1.1 User unknown", "552 5.2.2 mailbox full"])
def test_a_refusal_about_the_recipient_never_pauses_anything(start_mail: StartMail, reply: str) -> None:
    server = start_mail(on_recipient=reply)
    account = make.account()
    for number in range(6):
        due_mail(account, number)
    sender.send_due()
    assert attempts(server) == 6
    assert not SenderHealth.objects.exclude(refused_at=[]).exists()


def test_a_probe_that_meets_a_dead_address_leaves_the_probe_to_the_next(start_mail: StartMail) -> None:
    server = start_mail(on_recipient=RELAY)
    account = make.account()
    for number in range(4):
        due_mail(account, number)
    sender.send_due()
    server.on_recipient = "550 5.1.1 User unknown"
    pass_time(15)
    come_due()
    sender.send_due()
    assert Address.objects.filter(invalid_at__isnull=False).count() == 4
    assert SenderHealth.objects.get().paused_until is not None, "nothing was accepted"
    server.on_recipient = "250 OK"
    due_mail(account, 9)
    assert sender.send_due() == 1


@pytest.mark.django_db(transaction=True)
def test_one_message_probes_however_many_workers_there_are(start_mail: StartMail) -> None:
    server = start_mail(on_recipient=RELAY)
    account = make.account()
    rows = [due_mail(account, number) for number in range(8)]
    sender.send_due()
    asked = attempts(server)
    pass_time(15)
    come_due()
    at_once(*(lambda pk=row.pk: sender.send(pk) for row in rows))
    assert attempts(server) - asked == 1


@pytest.mark.django_db(transaction=True)
def test_a_probe_that_is_accepted_by_one_of_many_workers_lets_all_go_once(start_mail: StartMail) -> None:
    server = start_mail(on_recipient=RELAY)
    account = make.account()
    rows = [due_mail(account, number) for number in range(6)]
    sender.send_due()
    server.on_recipient = "250 OK"
    pass_time(15)
    come_due()
    at_once(*(lambda pk=row.pk: sender.send(pk) for row in rows))
    come_due()
    sender.send_due()
    assert Counter(server.recipients) == {f"d{number}@debtor{number}.example": 1 for number in range(6)}


def test_a_worker_that_died_with_the_probe_stops_nobody_for_good(start_mail: StartMail) -> None:
    server = start_mail(on_recipient=RELAY)
    account = make.account()
    for number in range(3):
        due_mail(account, number)
    sender.send_due()
    pass_time(15)
    assert pauses.acquire("email", timezone.now()).is_probe
    come_due()
    server.on_recipient = "250 OK"
    assert sender.send_due() == 0
    pass_time(6)
    come_due()
    assert sender.send_due() == 3


def test_a_server_that_does_not_let_us_in_is_paused_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        asked.append(1)
        raise TransportUnavailable("535 5.7.8 Authentication failed")

    asked: list[int] = []
    monkeypatch.setattr(Mailer, "connect", away)
    account = make.account()
    for number in range(5):
        due_mail(account, number)
    assert sender.send_due() == 0
    assert len(asked) == 3
    assert Counter(Communication.objects.values_list("waits_for", flat=True)) == {"away": 3, "paused": 2}


# --- A mailbox that does not take it --------------------------------------------------------------------------------


def test_a_full_mailbox_is_tried_for_three_working_days_and_then_a_person_is_called(start_mail: StartMail) -> None:
    start_mail(on_recipient="552 5.2.2 mailbox full")
    row = due_mail(make.account())
    for number in range(1, 4):
        assert sender.send_due() == 0
        again = Communication.objects.get(try_number=number + 1)
        assert (again.status, again.channel) == ("scheduled", "email")
        assert again.scheduled_for > timezone.now() + dt.timedelta(minutes=14)
        assert not Escalation.objects.exists()
        come_due()
    assert sender.send_due() == 0
    assert Escalation.objects.get().reason == "delivery_failed"
    assert list(Communication.objects.values_list("status", "refusal")) == [("failed", "mailbox")] * 4
    assert make.again(row.invoice).last_step == 1


# --- People are told ------------------------------------------------------------------------------------------------


def test_the_admins_and_platform_staff_are_told_once_a_day(start_mail: StartMail) -> None:
    start_mail(on_recipient=RELAY)
    account = make.account()
    make.user(account, email="admin@falcon.example")
    make.user(None, email="staff@inflow.example")
    due_mail(account)
    sender.send_due()
    now = timezone.now()
    assert notices.notify_refusals(now) == 0, "the server refuses the notice as well"
    server = start_mail()
    assert [
        notices.notify_refusals(now + notices.RETRY_AFTER),
        notices.notify_refusals(now + 2 * notices.RETRY_AFTER),
    ] == [1, 0]
    assert sorted(server.recipients) == ["admin@falcon.example", "staff@inflow.example"]
    assert RELAY in server.mails[0].get_content()
    assert notices.notify_refusals(now + notices.RETRY_AFTER + notices.INTERVAL) == 1


def test_nobody_is_told_of_what_went_since(start_mail: StartMail) -> None:
    start_mail(on_recipient=RELAY)
    account = make.account()
    make.user(account, email="admin@falcon.example")
    due_mail(account)
    sender.send_due()
    server = start_mail()
    come_due()
    sender.send_due()
    assert notices.notify_refusals() == 0
    assert len(server.mails) == 1
