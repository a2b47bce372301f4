"""What the last gate asks before SMS and WhatsApp: consent, the day after the debtor's word, approval, the sender."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from communications.contacts import addresses, consent
from communications.delivery import sender
from communications.engine import forecast
from communications.inbound import replies
from communications.models import Address, Communication, ConsentEntry, Gateway, PolicyStep, Reply
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from invoices.models import Debtor, Escalation, TimelineEntry
from invoices.writing import Refused
from tests import make
from tests.communications.provider import PHONE, due_message, say
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture
def account(db: None) -> Account:
    """Its messages are captured."""
    return make.account(is_test=True)


def due(account: Account, *channels: str, **given: Any) -> Communication:
    PolicyStep.objects.filter(policy__account=account).update(channels=list(channels))
    return due_message(account, **given)


def send() -> tuple[str, str, str]:
    """Twice, as a message may have to change its channel first. What became of the last try."""
    sender.send_due()
    sender.send_due()
    row = Communication.objects.order_by("try_number").last()
    assert row is not None
    return row.channel, row.status, row.waits_for


def handled(row: Communication) -> None:
    """The debtor's answers keep nothing waiting."""
    for reply in Reply.objects.filter(debtor=row.debtor_id):
        replies.dismiss(reply, make.STAFF)
    Communication.objects.filter(pk=row.pk).update(scheduled_for=timezone.now())


def said_of(kind: str) -> TimelineEntry:
    return TimelineEntry.objects.get(kind=kind)


def test_whoever_did_not_agree_is_not_written_to_on_whatsapp_but_by_the_next_channel(account: Account) -> None:
    make.gateway(account, "whatsapp")
    make.gateway(account)
    due(account, "whatsapp", "sms")
    assert send() == ("sms", "sent", "")


def test_without_another_channel_it_is_no_contact_and_says_why(account: Account) -> None:
    make.gateway(account, "whatsapp")
    due(account, "whatsapp")
    sender.send_due()
    row = Communication.objects.get()
    assert (row.status, row.suppressed_reason, row.sent_at) == ("suppressed", "no_contact", None)
    assert said_of("suppressed").reason == addresses.NO_OPT_IN
    assert (Escalation.objects.get().reason, Escalation.objects.get().notes) == ("no_contact", addresses.NO_OPT_IN)


def test_who_agreed_is_written_to_by_the_approved_template(account: Account) -> None:
    make.gateway(account, "whatsapp")
    make.agreed_to_whatsapp(account)
    due(account, "whatsapp")
    assert send() == ("whatsapp", "sent", "")


def test_without_an_approved_template_it_waits_and_says_so_once(account: Account) -> None:
    gateway = make.gateway(account, "whatsapp")
    Gateway.objects.update(content_sids={"reminder.ar": "HX1"})
    make.agreed_to_whatsapp(account)
    row = due(account, "whatsapp")
    assert send() == ("whatsapp", "scheduled", "lint")
    make.reminder_due(row.invoice)
    assert send() == ("whatsapp", "scheduled", "lint")
    assert "requires an approved template" in said_of("postponed").reason
    gateway.content_sids = {"reminder.en": "HX2"}
    gateway.save()
    make.reminder_due(row.invoice)
    assert send() == ("whatsapp", "sent", "")


def test_within_24_hours_of_the_debtors_word_neither_consent_nor_approval_is_asked(account: Account) -> None:
    gateway = make.gateway(account, "whatsapp")
    Gateway.objects.update(content_sids={})
    row = due(account, "whatsapp")
    assert say(gateway, "Who is this?") == 200
    contact = Address.objects.get()
    assert contact.heard_at is not None
    handled(row)
    assert addresses.in_conversation(contact, contact.heard_at + DAY - dt.timedelta(seconds=1))
    assert not addresses.in_conversation(contact, contact.heard_at + DAY)
    assert send() == ("whatsapp", "sent", "")


def test_after_24_hours_it_is_asked_again(account: Account) -> None:
    gateway = make.gateway(account, "whatsapp")
    row = due(account, "whatsapp")
    say(gateway, "Who is this?")
    handled(row)
    Address.objects.update(heard_at=account.now() - DAY)
    assert not sender.send(row.pk)
    assert Communication.objects.get().suppressed_reason == "no_contact"


@pytest.mark.parametrize(("from_", "to"), [("+97145550100", "Falcon"), ("AD-Falcon", f"MG{7:032x}")])
def test_an_sms_to_the_uae_waits_for_a_sender_that_may_send_there(account: Account, from_: str, to: str) -> None:
    gateway = make.gateway(account, sender=from_)
    row = due(account, "sms")
    Debtor.objects.filter(pk=row.debtor_id).update(country="AE", time_zone="")
    account = Account.objects.get(pk=account.pk)
    noon = dt.datetime(2036, 3, 4, 12, tzinfo=account.zone)
    Account.objects.update(clock=noon)
    assert not sender.send(row.pk)
    sent = Communication.objects.get()
    assert (sent.status, sent.waits_for, sent.sent_at) == ("scheduled", "lint", None)
    assert "sender" in said_of("postponed").reason
    Gateway.objects.filter(pk=gateway.pk).update(sender=to)
    Communication.objects.update(scheduled_for=noon)
    assert sender.send(row.pk)


def test_the_forecast_says_what_the_gate_would(account: Account) -> None:
    make.gateway(account, "whatsapp")
    Gateway.objects.update(content_sids={})
    row = due(account, "whatsapp")
    (entry,) = [entry for entry in forecast.forecast(account, 2).entries if entry.step == row.step]
    assert entry.reason == "no_contact"
    make.agreed_to_whatsapp(account)
    (entry,) = [entry for entry in forecast.forecast(account, 2).entries if entry.step == row.step]
    assert (entry.channel, entry.reason) == ("whatsapp", "lint")
    Gateway.objects.update(content_sids={"reminder.en": "HX1"})
    (entry,) = [entry for entry in forecast.forecast(account, 2).entries if entry.step == row.step]
    assert (entry.channel, entry.reason) == ("whatsapp", "")


def test_consent_is_recorded_with_a_reason_and_ends_with_stop(account: Account) -> None:
    invoice = make.invoice(account, debtor_phone=PHONE)
    consent.opt_in(invoice.debtor, "whatsapp", make.STAFF, "Ticked in the contract of 2 March.")
    entry = ConsentEntry.objects.get()
    assert (entry.what, entry.channel, entry.address) == ("opted_in", "whatsapp", PHONE)
    assert addresses.has_opted_in(addresses.record_of(account, "whatsapp", PHONE))
    assert said_of("opted_in").reason == "Ticked in the contract of 2 March."
    addresses.opt_out(account, "whatsapp", PHONE, account.now(), text="Stop")
    assert not addresses.has_opted_in(addresses.record_of(account, "whatsapp", PHONE))
    with nothing_happens(account), pytest.raises(Refused):
        consent.opt_in(invoice.debtor, "whatsapp", make.STAFF, "They did not mean it.")
    consent.restore_address(Address.objects.get(), make.STAFF, "They asked for it by phone.")
    assert addresses.has_opted_in(addresses.record_of(account, "whatsapp", PHONE))


def test_consent_needs_a_reason_and_a_number(account: Account) -> None:
    with_phone, without = make.invoice(account, debtor_phone=PHONE), make.invoice(account, debtor_email="b@c.example")
    with nothing_happens(account):
        for debtor, reason in ((with_phone.debtor, " "), (without.debtor, "By phone.")):
            with pytest.raises(Refused):
                consent.opt_in(debtor, "whatsapp", make.STAFF, reason)
    assert not Address.objects.exists()


def test_consent_is_recorded_on_the_debtors_page_and_not_for_another_account(client: Client) -> None:
    account, other = make.account(), make.account("Oryx")
    debtor = make.invoice(account, debtor_phone=PHONE).debtor
    address = f"/admin/invoices/debtor/{debtor.pk}/agree/"
    client.force_login(make.user(other, Role.ADMIN))
    assert client.post(address, {"reason": "By phone."}).status_code in (302, 403, 404)
    assert not Address.objects.exists()
    client.force_login(make.user(account, Role.AGENT))
    assert client.post(address, {"reason": "By phone."}).status_code == 302
    assert Address.objects.get().opted_in_at is not None
