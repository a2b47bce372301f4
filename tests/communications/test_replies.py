"""What debtors answer: it finds its message, makes messages wait, and becomes what a person confirms, once."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from communications.contacts import addresses
from communications.delivery import sender
from communications.inbound import replies
from communications.models import Address, Communication, Gateway, Reply
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.models import Payment, Promise, TimelineEntry
from invoices.writing import Refused
from tests import make
from tests.api.client import caller
from tests.communications.provider import PHONE, Provider, call, due_message, say
from tests.parallel import at_once
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
LATER = dt.timedelta(days=2)


@pytest.fixture(autouse=True)
def provider(settings: Settings) -> Iterator[Provider]:
    settings.TRY_OUT = True
    with Provider() as provider:
        yield provider


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def gateway(account: Account, provider: Provider) -> Gateway:
    return make.gateway(account, base_url=provider.base_url)


@pytest.fixture
def sent(account: Account, gateway: Gateway) -> Communication:
    due_message(account)
    assert sender.send_due() == 1
    row: Communication = Communication.objects.get()
    return row


def the_reply() -> Reply:
    reply: Reply = Reply.objects.select_related("account", "debtor").get()
    return reply


def test_an_answer_finds_its_message_and_shows_wherever_it_matters(
    account: Account, gateway: Gateway, sent: Communication
) -> None:
    assert say(gateway, "سأدفع يوم الخميس") == 200
    reply = the_reply()
    assert (reply.communication, reply.invoice, reply.debtor) == (sent, sent.invoice, sent.debtor)
    assert (reply.triage, reply.status, reply.address) == ("promise", "proposed", PHONE)
    assert reply.promised_on
    assert reply.promised_on.weekday() == 3
    answered = caller(account).get("communications?status=replied").json
    assert [row["id"] for row in answered] == [str(sent.pk)]
    assert make.again(sent.invoice).debtor.answered_at
    entry = TimelineEntry.objects.get(kind="answered")
    assert (entry.actor, entry.channel, entry.reason) == (PHONE, "reply", "سأدفع يوم الخميس")


def test_an_answer_makes_the_next_message_wait(account: Account, gateway: Gateway, sent: Communication) -> None:
    say(gateway, "I have paid")
    due_message(account)
    assert sender.send_due() == 0
    assert Communication.objects.get(status="scheduled").waits_for == "answer"


def test_the_same_answer_is_heard_once(gateway: Gateway, sent: Communication) -> None:
    assert [say(gateway, "I have paid", sid="SM1") for _ in range(3)] == [200, 200, 200]
    assert Reply.objects.count() == 1
    assert TimelineEntry.objects.filter(kind="answered").count() == 1


def test_stop_acts_at_once_on_that_address_and_channel_alone(
    account: Account, gateway: Gateway, sent: Communication
) -> None:
    assert say(gateway, "إيقاف") == 200
    contact = Address.objects.get()
    assert (contact.channel, contact.address, bool(contact.opted_out_at)) == ("sms", PHONE, True)
    assert (the_reply().status, the_reply().triage) == ("confirmed", "stop")
    debtor = make.again(sent.invoice).debtor
    assert (debtor.answered_at, debtor.opted_out_at) == (None, None)
    assert TimelineEntry.objects.get(kind="opted_out").reason == "إيقاف"
    assert addresses.choose(make.again(sent.invoice), ["sms"]).missing == "opted_out"
    due_message(account)
    assert sender.send_due() == 0
    assert Communication.objects.get(status="suppressed").suppressed_reason == "opted_out"


def test_the_gateway_says_whose_debtor_it_is(account: Account, gateway: Gateway, provider: Provider) -> None:
    other = make.account("Oryx")
    theirs = make.gateway(other, base_url=provider.base_url, token="theirs")
    due_message(account)
    due_message(other)
    assert sender.send_due() == 2
    with nothing_happens(account):
        assert say(theirs, "STOP", token="theirs") == 200
    assert Address.objects.get().account == other
    assert Reply.objects.filter(debtor__account=other).exists()


@pytest.mark.parametrize(("count", "is_found"), [(1, True), (2, False), (0, False)])
def test_without_a_message_the_one_debtor_with_this_number_is_meant(
    account: Account, gateway: Gateway, count: int, is_found: bool
) -> None:
    for number in range(count):
        make.invoice(account, debtor_phone=PHONE, debtor_email=f"d{number}@example.com")
    assert say(gateway, "Who are you?") == 200
    assert bool(the_reply().debtor) == is_found


@pytest.mark.parametrize("sender_", ["", "Someone", "whatsapp:+971501234567", "+9715' OR 1=1", "+" + "1" * 40])
def test_what_has_no_number_or_another_channel_is_not_found(
    account: Account, gateway: Gateway, sent: Communication, sender_: str
) -> None:
    with nothing_happens(account):
        assert say(gateway, "STOP", sender=sender_) == 404


def test_hostile_text_is_shown_safely_and_stored_whole(gateway: Gateway, sent: Communication) -> None:
    assert say(gateway, "\x00<script>\u202e" + "ت" * 9000) == 200
    assert the_reply().text == "<script>" + "ت" * 9000
    assert the_reply().original == "<script>\u202e" + "ت" * 9000


def test_an_attachment_is_mentioned(gateway: Gateway, sent: Communication) -> None:
    fields = {"MessageSid": "SM1", "From": PHONE, "Body": "We paid", "NumMedia": "1"}
    assert call(gateway, "inbound", fields).status_code == 200
    assert (the_reply().text, the_reply().triage) == ("We paid\n[1 attached]", "paid")


# --- What a person makes of it -----------------------------------------------------------------------------------


def test_a_confirmed_promise_holds_the_ladder_and_the_answer_is_handled(
    account: Account, gateway: Gateway, sent: Communication
) -> None:
    say(gateway, "will pay tomorrow")
    reply = the_reply()
    assert reply.promised_on
    replies.confirm_promise(reply, make.STAFF, [sent.invoice_id], reply.promised_on)
    assert Promise.objects.get().promised_on == reply.promised_on
    invoice = make.again(sent.invoice)
    assert (invoice.status, invoice.debtor.answered_at) == ("on_hold", None)
    assert (reply.status, reply.handled_by) == ("confirmed", make.STAFF.name)


def test_a_confirmed_payment_is_in_the_ledger(account: Account, gateway: Gateway, sent: Communication) -> None:
    say(gateway, "paid, ref TT-1")
    amount = Decimal(25_000)
    replies.confirm_paid(
        the_reply(), make.STAFF, sent.invoice_id, amount=amount, paid_at=account.today(), reference="TT-1"
    )
    assert Payment.objects.get().reference == "TT-1"
    assert make.again(sent.invoice).status == "paid"


def test_a_confirmed_dispute_or_hold_stops_the_messages(
    account: Account, gateway: Gateway, sent: Communication
) -> None:
    say(gateway, "The goods arrived damaged", sid="SM1")
    replies.confirm_dispute(the_reply(), make.STAFF, [sent.invoice_id], "damaged")
    assert make.again(sent.invoice).status == "disputed"
    say(gateway, "ok", sid="SM2")
    reply = Reply.objects.get(provider_id="SM2")
    replies.confirm_hold(reply, make.STAFF, [sent.invoice_id], account.today() + LATER)
    assert make.again(sent.invoice).status == "on_hold"


def test_a_wrong_person_is_not_written_to_again(account: Account, gateway: Gateway, sent: Communication) -> None:
    say(gateway, "Wrong number")
    replies.confirm_wrong_person(the_reply(), make.STAFF)
    assert addresses.choose(make.again(sent.invoice), ["sms"]).missing == "invalid_contact"


def test_messages_go_on_when_the_last_answer_is_handled(
    account: Account, gateway: Gateway, sent: Communication
) -> None:
    say(gateway, "ok", sid="SM1")
    say(gateway, "hello?", sid="SM2")
    first, second = Reply.objects.order_by("provider_id")
    replies.dismiss(first, make.STAFF)
    assert make.again(sent.invoice).debtor.answered_at
    replies.dismiss(second, make.STAFF)
    assert make.again(sent.invoice).debtor.answered_at is None
    assert second.status == "dismissed"


def test_what_the_domain_refuses_leaves_the_answer_to_be_read(
    account: Account, gateway: Gateway, sent: Communication
) -> None:
    say(gateway, "will pay tomorrow")
    lifecycle.change(account, sent.invoice_id, make.API, status="paid")
    with nothing_happens(account), pytest.raises(Refused):
        replies.confirm_promise(the_reply(), make.STAFF, [sent.invoice_id], account.today() + LATER)
    assert the_reply().status == "proposed"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_confirm_one_is_told_that_it_was_done(account: Account, gateway: Gateway) -> None:
    make.invoice(account, debtor_phone=PHONE)
    say(gateway, "paid")
    invoice = replies.open_invoices(the_reply())[0]
    given: dict[str, Any] = {"amount": Decimal(1), "paid_at": timezone.now().date(), "reference": ""}
    one = the_reply()
    two = the_reply()
    done = at_once(
        lambda: replies.confirm_paid(one, make.STAFF, invoice.pk, **given),
        lambda: replies.confirm_paid(two, make.STAFF, invoice.pk, **given),
    )
    assert [type(each) for each in done].count(Refused) == 1
    assert Payment.objects.count() == 1
