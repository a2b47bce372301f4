"""Each of several recipients gets one copy of its own, over real SMTP and HTTP, and the message counts once."""

import datetime as dt
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from email.message import EmailMessage
from subprocess import PIPE
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from communications import channels
from communications.channels import Refusal
from communications.contacts import addresses, recipients
from communications.delivery import gate, manual, restored, sender, status_updates
from communications.delivery.manual import MessageRequest
from communications.delivery.status_updates import StatusUpdate
from communications.engine import clock, forecast
from communications.inbound import inbox, replies
from communications.inbound.inbox import Mail
from communications.models import (
    Address,
    CollectionSettings,
    Communication,
    ConsentEntry,
    Copy,
    PolicyStep,
    State,
)
from communications.schedule import limits
from inflow.accounts.models import Account
from inflow.restores import highwater
from inflow.restores.errors import SendingHeld
from inflow.restores.gap import Gap
from invoices import lifecycle
from invoices.cases import cases
from invoices.models import Contact, Debtor, Escalation, Invoice, TimelineEntry
from invoices.models.identities import ContactCorrection
from tests import make
from tests.api.client import caller
from tests.communications.conftest import StartMail
from tests.communications.provider import PHONE, Provider
from tests.communications.test_ladder import account_at, at
from tests.mailserver import MailServer
from tests.parallel import at_once
from tests.scripted import ScriptedServer

pytestmark = pytest.mark.django_db
MAIN, SECOND, THIRD = "ahmed@gulftrading.example", "books@gulftrading.example", "cfo@gulftrading.example"
MISSING, FULL = "550 5.1.1 no such user", "552 5.2.2 mailbox full"
RELAY = "451 4.7.1 try again later"
WORKER = "import django; django.setup(); from communications.delivery import sender; sender.send_due()"


def contact(debtor: Debtor, email: str = "", **given: Any) -> Contact:
    position = Contact.objects.filter(debtor=debtor).count()
    made: Contact = Contact.objects.create(
        account=debtor.account, debtor=debtor, email=email, position=position, **given
    )
    return made


def named(email: str = "", **given: Any) -> dict[str, Any]:
    """A contact as an invoice stores it."""
    return {"name": "", "role": "", "email": email, "phone": "", "language": "", "receives": [], **given}


def due(account: Account | None = None, *others: str, **given: Any) -> Communication:
    """A reminder that is due now, to the debtor's own address and these contacts of the debtor."""
    invoice = make.overdue_invoice(account or make.account(), place=make.open_place(), **given)
    for email in others:
        contact(invoice.debtor, email)
    return make.reminder_due(invoice)


def give(invoice: Invoice, *contacts: dict[str, Any]) -> None:
    Invoice.objects.filter(pk=invoice.pk).update(contacts=list(contacts))


def states(row: Communication | None = None) -> dict[str, str]:
    copies = Copy.objects.order_by("position")
    if row:
        copies = copies.filter(message_id=Communication.objects.get(pk=row.pk).message_id)
    return dict(copies.values_list("recipient", "status"))


def to(server: MailServer) -> list[str]:
    return server.recipients


def text(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def after_first(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once the first copy was handed over."""
    deliver, done = channels.Transports.deliver, list[bool]()

    def delivering(self: channels.Transports, *given: Any, **named: Any) -> str:
        try:
            return deliver(self, *given, **named)
        finally:
            if not done:
                done.append(True)
                act()

    monkeypatch.setattr(channels.Transports, "deliver", delivering)


# --- Who receives a copy -----------------------------------------------------------------------------------------


def addresses_of(invoice: Invoice, kind: str = "reminder", channel: str = "email") -> list[str]:
    return [each.address for each in recipients.of(make.again(invoice), kind, channel)]


def test_the_contacts_of_the_invoice_come_before_those_of_the_debtor(account: Account) -> None:
    invoice = make.invoice(account)
    contact(invoice.debtor, THIRD)
    give(invoice, named(MAIN, name="Ahmed"), named(SECOND, name="Books", language="ar"))
    found = recipients.of(make.again(invoice), "reminder", "email")
    assert [each.address for each in found] == [MAIN, SECOND, THIRD]
    assert [(each.name, each.language) for each in found] == [("Ahmed", ""), ("Books", "ar"), ("", "")]


def test_an_address_is_a_recipient_once_however_it_is_spelled(account: Account) -> None:
    invoice = make.invoice(account)
    give(invoice, named(MAIN.upper()), named(SECOND.title()))
    contact(invoice.debtor, SECOND.upper())
    contact(invoice.debtor, f" {MAIN} ")
    assert addresses_of(invoice) == [MAIN, SECOND]


def test_a_contact_receives_its_kinds_of_messages_only(account: Account) -> None:
    invoice = make.invoice(account)
    give(invoice, named(SECOND, receives=["final_notice"]))
    contact(invoice.debtor, THIRD, receives=["statement", "reminder"])
    assert addresses_of(invoice) == [MAIN, THIRD]
    assert addresses_of(invoice, "final_notice") == [MAIN, SECOND]
    give(invoice, named(MAIN, receives=["statement"]), named(SECOND))
    assert addresses_of(invoice) == [SECOND, THIRD]


def test_who_opted_out_bounced_or_did_not_agree_to_whatsapp_is_no_recipient(account: Account) -> None:
    make.gateway(account, "whatsapp")
    invoice = make.invoice(account, debtor_phone=PHONE)
    contact(invoice.debtor, SECOND, phone="+971507654321")
    contact(invoice.debtor, THIRD)
    addresses.opt_out(account, "email", SECOND.upper(), account.now())
    addresses.mark_invalid(account, "email", THIRD, account.now(), "no such user")
    assert addresses_of(invoice) == [MAIN]
    assert addresses_of(invoice, channel="whatsapp") == []
    make.agreed_to_whatsapp(account, "+971507654321")
    assert addresses_of(invoice, channel="whatsapp") == ["+971507654321"]


def test_an_invoice_without_an_address_goes_to_the_debtor_s_contacts(mail: MailServer) -> None:
    row = due(None, SECOND, THIRD, debtor_email="")
    assert sender.send_due() == 1
    assert sorted(to(mail)) == [SECOND, THIRD]
    assert Communication.objects.get(pk=row.pk).recipient == SECOND


def test_one_who_opted_out_does_not_stop_the_others(mail: MailServer) -> None:
    row = due(None, SECOND)
    addresses.opt_out(row.account, "email", MAIN, row.account.now())
    assert sender.send_due() == 1
    assert to(mail) == [SECOND]
    sent = Communication.objects.get(pk=row.pk)
    assert (sent.recipient, sent.has_copies) == (SECOND, False)


def test_of_a_debtor_with_two_parties_the_contacts_belong_to_the_one_with_its_name(account: Account) -> None:
    own = make.invoice(account)
    other = make.invoice(account, debtor_company="Oryx LLC", debtor_email="pay@oryx.example")
    Invoice.objects.filter(pk=other.pk).update(debtor=own.debtor)
    contact(own.debtor, SECOND)
    assert addresses_of(own) == [MAIN, SECOND]
    assert addresses_of(other) == ["pay@oryx.example"]


def test_staff_s_correction_applies_to_the_contacts_of_the_invoice(account: Account) -> None:
    invoice = make.invoice(account)
    give(invoice, named(MAIN), named(SECOND))
    correction = {"kind": "email", "old": SECOND, "new": THIRD, "actor": "staff", "at": account.now()}
    ContactCorrection.objects.create(account=account, debtor=invoice.debtor, **correction)
    assert addresses_of(invoice) == [MAIN, THIRD]


# --- Sending -----------------------------------------------------------------------------------------------------


def test_each_recipient_gets_one_copy_and_the_message_counts_once(mail: MailServer) -> None:
    row = due(None, SECOND, THIRD)
    assert [sender.send_due(), sender.send_due()] == [1, 0]
    assert to(mail) == [MAIN, SECOND, THIRD]
    assert [sent["To"] for sent in mail.mails] == [MAIN, SECOND, THIRD]
    assert len({sent["Message-ID"] for sent in mail.mails}) == 3
    assert len({sent["List-Unsubscribe"] for sent in mail.mails}) == 3
    sent = Communication.objects.get(pk=row.pk)
    assert (sent.status, sent.recipient, sent.has_copies) == ("sent", MAIN, True)
    assert states() == {MAIN: "sent", SECOND: "sent", THIRD: "sent"}
    assert make.events_of(row.account).count("communication.sent") == 1
    assert len(limits.contacts(row.debtor_id, row.account.now())) == 1
    notes = TimelineEntry.objects.filter(kind="sent").order_by("id")
    assert [note.params["address"] for note in notes] == [MAIN, SECOND, THIRD]


def test_a_message_with_one_recipient_has_no_copies(mail: MailServer) -> None:
    row = due(None, MAIN.upper())
    with CaptureQueriesContext(connection) as statements:
        assert sender.send(row.pk)
    assert not [each for each in statements if "communications_copy" in each["sql"]]
    assert to(mail) == [MAIN]
    assert not Copy.objects.exists()
    assert not Communication.objects.get(pk=row.pk).has_copies


def test_twenty_contacts_get_twenty_copies(mail: MailServer) -> None:
    due(None, *(f"contact{number}@gulftrading.example" for number in range(19)))
    assert sender.send_due() == 1
    assert len(set(to(mail))) == len(to(mail)) == 20


def test_each_copy_unsubscribes_its_own_address(mail: MailServer, visitor: Client, settings: Settings) -> None:
    row = due(None, SECOND)
    sender.send_due()
    first, second = mail.mails
    link = "".join(str(second["List-Unsubscribe"]).split()).strip("<>")
    signed = link.rpartition("/")[2][:22]  # what follows is the time
    assert signed in text(second)
    assert signed not in text(first)
    assert visitor.post(link.removeprefix(settings.BASE_URL)).status_code == 200
    (record,) = Address.objects.filter(opted_out_at__isnull=False)
    assert record.address == SECOND
    assert ConsentEntry.objects.get().debtor_id == row.debtor_id
    assert addresses_of(row.invoice) == [MAIN]


def test_a_contact_gets_its_copy_in_its_own_language(mail: MailServer) -> None:
    row = due()
    contact(row.invoice.debtor, SECOND, language="ar")
    assert sender.send_due() == 1
    english, arabic = mail.mails
    assert (english["Content-Language"], arabic["Content-Language"]) == ("en", "ar")
    assert "Dear Ahmed" in text(english)
    assert "تذكير" in str(arabic["Subject"])
    assert "Dear" not in text(arabic)
    assert 'dir="rtl"' in text(arabic, "html")
    assert Communication.objects.get(pk=row.pk).language == "en"
    assert list(Copy.objects.order_by("position").values_list("language", flat=True)) == ["en", "ar"]


def test_the_only_recipient_gets_its_own_language(mail: MailServer) -> None:
    row = due()
    give(row.invoice, named(MAIN, language="ar"))
    assert sender.send_due() == 1
    assert mail.mails[0]["Content-Language"] == "ar"
    assert Communication.objects.get(pk=row.pk).language == "ar"


def test_sms_go_to_each_phone_and_are_known_by_their_ids(account: Account, settings: Settings) -> None:
    settings.TRY_OUT = True
    other = "+971507654321"
    with Provider() as provider:
        make.gateway(account, base_url=provider.base_url)
        PolicyStep.objects.filter(policy__account=account).update(channels=["sms"])
        row = due(account, debtor_email="", debtor_phone=PHONE, created_at=account.now() - dt.timedelta(days=5))
        contact(row.invoice.debtor, phone=other)
        assert sender.send_due() == 1
        assert [form["To"] for form in provider.forms] == [PHONE, other]
    first, second = Copy.objects.order_by("position")
    assert len({first.provider_id, second.provider_id, ""}) == 3
    assert f"message={second.pk}" in provider.forms[1]["StatusCallback"]
    assert status_updates.apply(account, "sms", StatusUpdate(second.provider_id, State.DELIVERED, second.pk))
    assert states() == {PHONE: "sent", other: "delivered"}
    assert Communication.objects.get(pk=row.pk).status == "delivered"


def test_a_step_that_opens_a_level_2_case_is_sent_to_each_recipient(mail: MailServer, account: Account) -> None:
    PolicyStep.objects.filter(policy__account=account).update(escalates_to=2)
    row = due(account, SECOND, THIRD)
    make.escalation(row.invoice)
    assert sender.send_due() == 1
    assert make.again(row.invoice).escalation_level == 2
    assert states() == {MAIN: "sent", SECOND: "sent", THIRD: "sent"}
    assert sorted(to(mail)) == sorted([MAIN, SECOND, THIRD])


def test_another_level_2_case_cancels_further_copies(
    mail: MailServer, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    PolicyStep.objects.filter(policy__account=account).update(escalates_to=2)
    row = due(account, SECOND)
    make.escalation(row.invoice)

    def escalate() -> None:
        other = make.invoice(account)
        assert other.debtor_id == row.debtor_id
        make.escalation(other)
        cases.open_manually(account, other.pk, make.STAFF, level=2)

    after_first(monkeypatch, escalate)
    sender.send_due()
    assert states() == {MAIN: "sent", SECOND: "cancelled"}


def test_the_same_address_on_two_debtors_gets_a_copy_from_each(mail: MailServer) -> None:
    account = make.account()
    first = due(account, SECOND)
    second = due(account, SECOND, debtor_company="Oryx LLC", debtor_email="pay@oryx.example", invoice_number="O-1")
    assert first.debtor_id != second.debtor_id
    assert sender.send_due() == 2
    assert sorted(to(mail)) == sorted([MAIN, SECOND, "pay@oryx.example", SECOND])
    assert ["O-1" in text(sent) for sent in mail.mails] == [False, False, True, True]


# --- Messages about several invoices -----------------------------------------------------------------------------


def two_due(account: Account) -> tuple[Communication, Communication]:
    rows = [due(account, invoice_number=number) for number in ("INV-A", "INV-B")]
    return rows[0], rows[1]


def test_invoices_with_the_same_recipients_go_as_one_message(mail: MailServer) -> None:
    first, second = two_due(make.account())
    contact(first.invoice.debtor, SECOND)
    assert sender.send_due() == 1
    assert to(mail) == [MAIN, SECOND]
    assert all("INV-A" in text(sent) and "INV-B" in text(sent) for sent in mail.mails)
    rows = Communication.objects.filter(pk__in=[first.pk, second.pk])
    assert {(row.status, row.has_copies) for row in rows} == {("sent", True)}
    assert len({row.message_id for row in rows}) == 1


def test_a_contact_of_one_invoice_does_not_read_of_another(mail: MailServer) -> None:
    _first, second = two_due(make.account())
    give(second.invoice, named(SECOND))
    assert sender.send_due() == 1
    CollectionSettings.objects.update(hours_between=1, most_in_7_days=9)
    Communication.objects.filter(sent_at__isnull=False).update(sent_at=timezone.now() - dt.timedelta(days=4))
    Communication.objects.filter(status="scheduled", step=1).update(scheduled_for=timezone.now())
    sender.send_due()
    given = {address: [text(mail) for mail in mail.mails if mail["To"] == address] for address in (MAIN, SECOND)}
    assert len(given[SECOND]) == 1
    assert "INV-B" in given[SECOND][0]
    assert "INV-A" not in given[SECOND][0]
    assert any("INV-A" in each for each in given[MAIN])


# --- Refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [MAIN, SECOND])
def test_a_refused_copy_does_not_stop_the_other(mail: MailServer, missing: str) -> None:
    mail.on[missing] = MISSING
    row = due(None, SECOND)
    assert [sender.send_due(), sender.send_due()] == [1, 0]
    (accepted,) = {MAIN, SECOND} - {missing}
    assert to(mail) == [accepted]
    assert states() == {missing: "failed", accepted: "sent"}
    assert Communication.objects.get(pk=row.pk).status == "sent"
    assert [record.address for record in Address.objects.filter(invalid_at__isnull=False)] == [missing]
    assert make.events_of(row.account).count("communication.sent") == 1
    assert "communication.failed" not in make.events_of(row.account)
    assert TimelineEntry.objects.get(kind="failed").params["address"] == missing
    assert mail.asked == {MAIN: 1, SECOND: 1}
    assert not Escalation.objects.exists()


def test_if_all_addresses_are_missing_a_person_is_asked(mail: MailServer) -> None:
    mail.on = {MAIN: MISSING, SECOND: MISSING}
    row = due(None, SECOND)
    assert [sender.send_due(), sender.send_due()] == [0, 0]
    failed = Communication.objects.get(pk=row.pk)
    assert (failed.status, failed.refusal) == ("failed", "address")
    assert Address.objects.filter(invalid_at__isnull=False).count() == 2
    assert Escalation.objects.get().reason == "no_contact"
    assert mail.asked == {MAIN: 1, SECOND: 1}
    assert make.events_of(row.account).count("communication.failed") == 1
    assert make.again(row.invoice).last_contacted_at is None


def test_a_full_mailbox_is_tried_again_and_a_missing_one_is_not(mail: MailServer) -> None:
    mail.on = {MAIN: FULL, SECOND: MISSING}
    row = due(None, SECOND)
    assert sender.send_due() == 0
    failed = Communication.objects.get(pk=row.pk)
    assert (failed.status, failed.refusal, failed.error) == ("failed", "mailbox", f"RCPT {FULL}")
    mail.on = {}
    make.reminder_due(row.invoice)
    assert sender.send_due() == 1
    assert mail.asked == {MAIN: 2, SECOND: 1}
    assert to(mail) == [MAIN]


def test_a_relay_that_refuses_the_first_copy_lets_the_whole_message_wait(mail: MailServer) -> None:
    mail.on_recipient = RELAY
    row = due(None, SECOND)
    assert sender.send_due() == 0
    waiting = Communication.objects.get(pk=row.pk)
    assert (waiting.status, waiting.refusals, waiting.waits_for) == ("scheduled", 1, "refused")
    assert (waiting.has_copies, waiting.body, waiting.sent_at) == (False, "", None)
    assert not Copy.objects.exists()
    mail.on_recipient = "250 OK"
    make.reminder_due(row.invoice)
    assert sender.send_due() == 1
    assert to(mail) == [MAIN, SECOND]


def test_a_relay_that_refuses_the_second_copy_gets_that_one_again(mail: MailServer) -> None:
    mail.on[SECOND] = RELAY
    row = due(None, SECOND, THIRD)
    assert sender.send_due() == 1
    assert states() == {MAIN: "sent", SECOND: "scheduled", THIRD: "sent"}
    assert Communication.objects.get(pk=row.pk).status == "sent"
    waiting = Copy.objects.get(recipient=SECOND)
    assert waiting.scheduled_for >= timezone.now() + dt.timedelta(minutes=4)
    assert sender.send_due() == 0
    mail.on = {}
    Copy.objects.filter(pk=waiting.pk).update(scheduled_for=timezone.now())
    assert [sender.send_due(), sender.send_due()] == [0, 0]
    assert to(mail) == [MAIN, THIRD, SECOND]
    assert set(states().values()) == {"sent"}
    assert make.events_of(row.account).count("communication.sent") == 1


def test_a_first_copy_that_is_unknown_is_never_sent_again(start_mail: StartMail, settings: Settings) -> None:
    server = start_mail(drops_after_data=True)
    row = due(None, SECOND)
    assert [sender.send_due(), sender.send_due()] == [0, 0]
    assert to(server) == [MAIN, SECOND]
    assert Communication.objects.get(pk=row.pk).status == "unknown"
    assert states() == {MAIN: "unknown", SECOND: "unknown"}


def test_one_accepted_copy_makes_the_message_sent_if_another_is_unknown(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_first() -> None:
        raise ConnectionResetError

    after_first(monkeypatch, break_first)
    row = due(None, SECOND)
    sender.send_due()
    assert states() == {MAIN: "unknown", SECOND: "sent"}
    assert Communication.objects.get(pk=row.pk).status == "sent"


def test_a_server_that_goes_away_after_the_first_copy_gets_the_others_later(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = due(None, SECOND)
    with monkeypatch.context() as patch:

        def leave() -> None:
            def refuse(*_: Any) -> None:
                raise channels.TransportUnavailable("away")

            patch.setattr(channels.Transports, "connect", refuse)

        after_first(patch, leave)
        assert sender.send_due() == 1
    assert states() == {MAIN: "sent", SECOND: "scheduled"}
    assert sender.send_due() == 0
    Copy.objects.filter(recipient=SECOND).update(scheduled_for=timezone.now())
    sender.send_due()
    assert to(mail) == [MAIN, SECOND]
    assert Communication.objects.get(pk=row.pk).status == "sent"


# --- What changes between two copies -----------------------------------------------------------------------------


def pay(row: Communication) -> None:
    lifecycle.change(row.account, row.invoice_id, make.API, status="paid")


def pay_part(row: Communication) -> None:
    lifecycle.record_payment(row.account, row.invoice_id, make.API, amount=Decimal(100))


def dispute(row: Communication) -> None:
    lifecycle.change(row.account, row.invoice_id, make.API, status="disputed", reason="No")


def stop(row: Communication) -> None:
    CollectionSettings.objects.update_or_create(account=row.account, defaults={"is_stopped": True})


def reply(row: Communication) -> None:
    sent = Communication.objects.get(pk=row.pk)
    copy = Copy.objects.get(message_id=sent.message_id, position=0)
    replies.receive(row.account, "email", MAIN, "We will look into it", "reply-1", answered=Mail(sent, copy))


def opt_out(row: Communication) -> None:
    addresses.opt_out(row.account, "email", SECOND, row.account.now())


def remove(row: Communication) -> None:
    Contact.objects.all().delete()


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (pay, "paid"),
        (pay_part, "changed"),
        (dispute, "dispute"),
        (stop, "stopped"),
        (reply, "answer"),
        (opt_out, "no_recipient"),
        (remove, "no_recipient"),
    ],
)
def test_what_happens_after_the_first_copy_is_seen_before_the_second(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch, act: Callable[[Communication], None], why: str
) -> None:
    row = due(None, SECOND)
    after_first(monkeypatch, lambda: act(row))
    sender.send_due()
    assert to(mail) == [MAIN]
    cancelled = Copy.objects.get(recipient=SECOND)
    assert (cancelled.status, cancelled.error) == ("cancelled", why)
    assert sender.send_due() == 0
    assert to(mail) == [MAIN]


def test_a_payment_of_another_listed_invoice_is_seen_as_well(mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    account = make.account()
    row = due(account, SECOND)
    other = make.overdue_invoice(account, due_in=-3)
    Communication.objects.filter(invoice=other).update(scheduled_for=timezone.now() + dt.timedelta(days=9))
    after_first(monkeypatch, lambda: lifecycle.change(account, other.pk, make.API, status="paid"))
    sender.send_due()
    assert to(mail) == [MAIN]
    assert states(row) == {MAIN: "sent", SECOND: "cancelled"}


def test_a_payment_after_a_refused_first_copy_ends_the_whole_message(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.on[MAIN] = MISSING
    row = due(None, SECOND)
    after_first(monkeypatch, lambda: pay(row))
    assert [sender.send_due(), sender.send_due()] == [0, 0]
    assert to(mail) == []
    ended = Communication.objects.get(pk=row.pk)
    assert (ended.status, ended.suppressed_reason, ended.sent_at) == ("suppressed", "paid", None)
    assert "communication.sent" not in make.events_of(row.account)


def test_a_hold_after_a_refused_first_copy_returns_the_message_to_its_gate(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.on[MAIN] = MISSING
    row = due(None, SECOND)
    after_first(monkeypatch, lambda: stop(row))
    sender.send_due()
    stopped = Communication.objects.get(pk=row.pk)
    assert (stopped.status, stopped.has_copies) == ("scheduled", False)
    assert not Escalation.objects.exists()
    CollectionSettings.objects.update(is_stopped=False)
    make.reminder_due(row.invoice)
    assert sender.send_due() == 1
    assert to(mail) == [SECOND]


# --- Status ------------------------------------------------------------------------------------------------------


def update(copy: Copy, state: State, refusal: Refusal = Refusal.MAILBOX) -> bool:
    known_as = copy.provider_id or channels.mail_id(copy.pk)
    return status_updates.apply(copy.account, copy.channel, StatusUpdate(known_as, state, copy.pk, "said", refusal))


def sent_copies(mail: MailServer) -> tuple[Communication, Copy, Copy]:
    row = due(None, SECOND)
    assert sender.send_due() == 1
    first, second = Copy.objects.select_related("account").order_by("position")
    return row, first, second


def test_the_message_is_what_its_best_copy_is_and_never_moves_backwards(mail: MailServer) -> None:
    row, first, second = sent_copies(mail)
    seen = []
    for copy, state in ((second, State.DELIVERED), (first, State.READ), (first, State.DELIVERED), (second, State.SENT)):
        assert update(copy, state)
        seen.append(Communication.objects.get(pk=row.pk).status)
    assert seen == ["delivered", "read", "read", "read"]
    assert states() == {MAIN: "read", SECOND: "delivered"}


def test_a_message_has_bounced_when_all_its_copies_have(mail: MailServer) -> None:
    row, first, second = sent_copies(mail)
    assert update(first, State.BOUNCED, Refusal.ADDRESS)
    assert Communication.objects.get(pk=row.pk).status == "sent"
    assert make.again(row.invoice).last_contacted_at
    assert not Escalation.objects.exists()
    assert update(second, State.BOUNCED, Refusal.ADDRESS)
    assert update(second, State.BOUNCED, Refusal.ADDRESS)
    bounced = Communication.objects.get(pk=row.pk)
    assert (bounced.status, bounced.refusal) == ("bounced", "address")
    assert Address.objects.filter(invalid_at__isnull=False).count() == 2
    assert make.again(row.invoice).last_contacted_at is None
    assert make.events_of(row.account).count("communication.failed") == 1
    assert Escalation.objects.get().reason == "no_contact"


def test_one_that_failed_and_one_that_bounced_are_all(mail: MailServer) -> None:
    mail.on[MAIN] = MISSING
    account = make.account()
    row = due(account, SECOND, created_at=account.now() - dt.timedelta(days=5))
    sender.send_due()
    assert update(Copy.objects.select_related("account").get(recipient=SECOND), State.BOUNCED, Refusal.MAILBOX)
    bounced = Communication.objects.get(pk=row.pk)
    assert (bounced.status, bounced.refusal) == ("bounced", "mailbox")
    again = Communication.objects.get(status="scheduled")
    assert again.try_number == 2


def test_a_reply_to_a_copy_counts_for_the_debtor(mail: MailServer) -> None:
    row, _first, second = sent_copies(mail)
    sent = Communication.objects.select_related("account", "debtor").get(pk=row.pk)
    received = replies.receive(row.account, "email", "x@other.example", "STOP", "r-1", answered=Mail(sent, second))
    assert received
    assert (received.debtor_id, received.recipient, received.took_effect) == (row.debtor_id, SECOND, True)
    assert states() == {MAIN: "sent", SECOND: "replied"}
    assert Communication.objects.get(pk=row.pk).status == "replied"
    assert addresses_of(row.invoice) == [MAIN]  # only the address of the copy has opted out


def test_a_reference_without_an_id_finds_no_message(mail: MailServer) -> None:
    due()
    assert Communication.objects.get().provider_id == ""
    assert inbox.find_mail(provider_ids=["@x", ""]) is None


def test_a_text_message_from_a_contact_is_of_its_debtor(account: Account) -> None:
    make.gateway(account)
    row = due(account)
    contact(row.invoice.debtor, phone=PHONE)
    received = replies.receive(account, "sms", PHONE, "We pay next week", "SM1")
    assert received
    assert received.debtor_id == row.debtor_id
    assert Debtor.objects.get(pk=row.debtor_id).answered_at


# --- Workers that die --------------------------------------------------------------------------------------------


def environment(port: int) -> dict[str, str]:
    at = connection.settings_dict
    address = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    return os.environ | {"DATABASE_URL": address, "EMAIL_URL": f"smtp://127.0.0.1:{port}"}


def orphan() -> None:
    long_ago = timezone.now() - sender.ORPHANED_AFTER - dt.timedelta(seconds=1)
    Communication.objects.filter(status="sending").update(claimed_at=long_ago)
    Copy.objects.filter(status="sending").update(claimed_at=long_ago)


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_its_second_copy_leaves_each_sent_once_or_unknown(start_mail: StartMail) -> None:
    row = due(None, SECOND, THIRD)
    first_server = start_mail()
    killed = f"""
import os, signal, django; django.setup()
from communications import channels
from communications.delivery import sender
deliver = channels.Transports.deliver
def delivering(self, message, *given, **named):
    if message.recipient == {SECOND!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    return deliver(self, message, *given, **named)
channels.Transports.deliver = delivering
sender.send_due()
"""
    worker = subprocess.run(
        [sys.executable, "-c", killed], env=environment(first_server.port), timeout=60, check=False, stderr=PIPE
    )
    assert worker.returncode == -signal.SIGKILL, worker.stderr
    assert to(first_server) == [MAIN]
    assert states() == {MAIN: "sent", SECOND: "sending", THIRD: "scheduled"}
    assert Communication.objects.get(pk=row.pk).status == "sent"
    sender.send_due()
    assert to(first_server) == [MAIN, THIRD]
    orphan()
    assert [sender.send_due(), sender.send_due()] == [0, 0]
    assert to(first_server) == [MAIN, THIRD]
    assert states() == {MAIN: "sent", SECOND: "unknown", THIRD: "sent"}
    assert make.events_of(row.account).count("communication.sent") == 1


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("every", [25, pytest.param(1, marks=pytest.mark.nightly)])
def test_a_worker_killed_at_any_line_never_sends_a_copy_twice(start_mail: StartMail, every: int) -> None:
    server = start_mail()

    def reminder(number: int) -> Communication:
        return due(None, f"copy{number}@example.com", debtor_email=f"main{number}@example.com")

    command = [sys.executable, "-m", "tests.communications.killed", str(every)]
    with subprocess.Popen(command, env=environment(server.port), stdin=PIPE, stdout=PIPE, text=True) as worker:
        assert worker.stdin
        assert worker.stdout
        print(reminder(0).pk, reminder(1).pk, sep="\n", file=worker.stdin, flush=True)
        lines = int(worker.stdout.readline())
        rows = [reminder(number) for number in range(2, lines + 2)]
        print(*[row.pk for row in rows], sep="\n", file=worker.stdin, flush=True)
    assert worker.returncode == 0
    assert lines > 60 / every
    sender.send_due()
    orphan()
    sender.send_due()
    assert sender.send_due() == 0
    assert max(Counter(to(server)).values()) == 1
    ends = dict(Copy.objects.values_list("recipient", "status"))
    assert set(ends.values()) == {"sent", "unknown"}
    assert len(ends) == 2 * (lines + 2)
    assert {address for address, status in ends.items() if status == "sent"} <= set(to(server))
    assert set(Communication.objects.filter(step=1).values_list("status", flat=True)) <= {"sent", "unknown"}


def test_a_worker_that_died_before_its_first_call_leaves_the_others_to_be_sent(mail: MailServer) -> None:
    row = due(None, SECOND)
    assert gate.claim(row.pk)
    assert states() == {MAIN: "sending", SECOND: "scheduled"}
    sender.send_due()
    assert to(mail) == [SECOND]
    orphan()
    sender.send_due()
    assert states() == {MAIN: "unknown", SECOND: "sent"}
    assert Communication.objects.get(pk=row.pk).status == "sent"
    assert to(mail) == [SECOND]


@pytest.mark.django_db(transaction=True)
def test_eight_workers_send_each_copy_once(start_mail: StartMail) -> None:
    server = start_mail()
    row = due(None, SECOND, THIRD)

    def work() -> None:
        sender.send(row.pk)
        sender.send_due()

    assert at_once(*[work] * 8) == [None] * 8
    sender.send_due()
    assert sorted(to(server)) == sorted([MAIN, SECOND, THIRD])
    assert set(states().values()) == {"sent"}


def test_the_provider_call_of_a_copy_begins_in_time_or_not_at_all(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = due(None, SECOND)
    after_first(monkeypatch, lambda: monkeypatch.setattr(sender, "GATE_VALID_SECONDS", -1.0))
    sender.send_due()
    assert to(mail) == [MAIN]
    waiting = Copy.objects.get(recipient=SECOND)
    assert (waiting.status, waiting.error) == ("scheduled", "gate_expired")
    assert Communication.objects.get(pk=row.pk).status == "sent"


def test_a_held_database_keeps_the_copies_that_did_not_leave(mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def hold() -> None:
        raise SendingHeld("held")

    row = due(None, SECOND)
    with monkeypatch.context() as patch:
        patch.setattr(highwater, "advance", hold)
        assert sender.send_due() == 0
    waiting = Communication.objects.get(pk=row.pk)
    assert (waiting.status, waiting.has_copies) == ("scheduled", False)
    assert not Copy.objects.exists()
    with monkeypatch.context() as patch:
        after_first(patch, lambda: patch.setattr(highwater, "advance", hold))
        assert sender.send_due() == 1
    assert states() == {MAIN: "sent", SECOND: "scheduled"}
    sender.send_due()
    assert to(mail) == [MAIN, SECOND]


def test_after_a_restore_a_copy_that_may_have_left_is_unknown(mail: MailServer) -> None:
    mail.on[SECOND] = RELAY
    row = due(None, SECOND)
    sender.send_due()
    now = timezone.now()
    Copy.objects.filter(recipient=SECOND).update(scheduled_for=now)
    gap = Gap(now - dt.timedelta(minutes=1), now + dt.timedelta(minutes=1))
    assert [each.recipient for each in restored.end_as_unknown(gap, dry_run=True)] == [SECOND]
    assert states() == {MAIN: "sent", SECOND: "scheduled"}
    assert [each.recipient for each in restored.end_as_unknown(gap)] == [SECOND]
    assert states() == {MAIN: "sent", SECOND: "unknown"}
    mail.on = {}
    sender.send_due()
    assert to(mail) == [MAIN]
    assert Communication.objects.get(pk=row.pk).status == "sent"


# --- Test accounts, forecasts, staff and the API -----------------------------------------------------------------


def test_copies_of_a_test_account_are_captured(mail: MailServer) -> None:
    row = due(make.account(is_test=True), SECOND)
    assert sender.send_due() == 1
    assert mail.mails == []
    assert states() == {MAIN: "sent", SECOND: "sent"}
    assert Communication.objects.get(pk=row.pk).status == "sent"


def test_a_forecast_names_the_first_recipient_and_leaves_nothing() -> None:
    account = account_at("2026-02-01 10:00")
    invoice = make.invoice(account, due_date=dt.date(2026, 2, 14))
    contact(invoice.debtor, SECOND)
    foreseen = forecast.forecast(account, 20).entries
    assert {entry.recipient for entry in foreseen} == {MAIN}
    assert not Copy.objects.exists()
    clock.set_clock(account, at("2026-02-21 10:00"))
    sent = Communication.objects.filter(sent_at__isnull=False).order_by("sent_at")
    assert [entry.scheduled_for for entry in foreseen][: len(sent)] == [row.sent_at for row in sent]
    assert Copy.objects.filter(status="sent").count() == 2 * len(sent)


def test_the_api_shows_the_copies_in_one_statement(mail: MailServer, django_assert_max_num_queries: Any) -> None:
    account = make.account()
    for number in range(3):
        due(account, SECOND, debtor_company=f"Company {number}", invoice_number=f"INV-{number}")
    sender.send_due()
    api = caller(account)
    api.get("communications")
    with django_assert_max_num_queries(2):
        shown = api.get("communications").json
    assert [[copy["recipient"] for copy in row["copies"]] for row in shown] == [[MAIN, SECOND]] * 3
    copy = shown[0]["copies"][1]
    assert set(copy) == {"recipient", "status", "sent_at", "delivered_at", "error"}
    assert (copy["status"], copy["delivered_at"], copy["error"]) == ("sent", None, None)
    assert copy["sent_at"].endswith("Z")
    Copy.objects.all().delete()
    (only,) = api.get("communications?limit=1").json[0]["copies"]
    assert only["recipient"] == MAIN


def test_the_page_of_a_message_shows_its_copies_and_their_texts(mail: MailServer, client: Client) -> None:
    mail.on[SECOND] = MISSING
    account = make.account()
    row = due(account)
    contact(row.invoice.debtor, SECOND)
    contact(row.invoice.debtor, THIRD, name="Ms. Nouf", language="ar")
    sender.send_due()
    client.force_login(make.user(account))
    html = client.get(f"/admin/communications/communication/{row.pk}/change/").content.decode()
    assert all(address in html for address in (MAIN, SECOND, THIRD, "Ms. Nouf", "5.1.1 no such user"))
    assert 'lang="ar" dir="rtl"' in html
    assert Copy.objects.get(recipient=THIRD).body.splitlines()[0] in html


def test_a_person_sees_all_recipients_and_sends_to_each_once(mail: MailServer) -> None:
    account = make.account()
    invoice = make.overdue_invoice(account, place=make.open_place())
    contact(invoice.debtor, SECOND, language="ar")
    request = MessageRequest("manual", "email", "en", "A word", "Please pay {{ balance }}.")
    seen = manual.preview(account, invoice.pk, make.STAFF, request)
    assert list(seen.recipients) == [MAIN, SECOND]
    assert not Copy.objects.exists()
    key = uuid.uuid4()
    for _ in range(2):
        sent = manual.send(account, invoice.pk, make.STAFF, request, key=key, digest=seen.digest)
        assert sent.status == "sent"
    assert to(mail) == [MAIN, SECOND]
    assert all("Please pay AED 25,000.00." in text(each) for each in mail.mails)
    contact(invoice.debtor, THIRD)
    assert manual.preview(account, invoice.pk, make.STAFF, request).digest != seen.digest


@pytest.mark.django_db(transaction=True)
def test_a_server_that_hangs_up_at_the_second_copy_never_gets_the_first_again(settings: Settings) -> None:
    with ScriptedServer("RCPT", "drop") as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 0.4
        row = due(None, SECOND)
        assert sender.send_due() == 0
        assert server.contents == 0
    assert Communication.objects.get(pk=row.pk).status == "scheduled"
    assert not Copy.objects.exists()
