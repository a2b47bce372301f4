"""What a provider tells of a message is believed if it is signed, and only moves a message forward."""

import json
import socket
import uuid
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from django.db import connection as database
from django.test import Client
from pytest_django import Settings

from communications.channels import gateways
from communications.delivery import gate, sender, status_updates
from communications.delivery.status_updates import Outcome
from communications.models import Address, Communication, Gateway, PolicyStep, Reply, State
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.models import Escalation, TimelineEntry
from tests import make
from tests.communications.provider import PHONE, Provider, call, due_message, say, signature, tell
from tests.mailserver import MailServer
from tests.receiver import Answer
from tests.unchanged import nothing_happens
from tests.webhooks import wire
from webhooks.models import Event

pytestmark = pytest.mark.django_db


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


def state() -> str:
    status: str = Communication.objects.order_by("try_number").values_list("status", flat=True)[0]
    return status


def told(type: str) -> list[str]:
    return [json.loads(event.body)["data"]["status"] for event in Event.objects.filter(type=type).order_by("seq")]


# --- States ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("news", "end"),
    [
        (["queued", "sent", "delivered", "read"], "read"),
        (["read", "delivered", "sent", "queued"], "read"),
        (["delivered", "delivered", "delivered"], "delivered"),
        (["delivered", "undelivered"], "delivered"),
        (["undelivered", "delivered", "read"], "bounced"),
        (["failed", "failed"], "bounced"),
        (["sending", "something new"], "sent"),
        (["READ"], "read"),
    ],
)
def test_a_message_only_moves_forward(gateway: Gateway, sent: Communication, news: list[str], end: str) -> None:
    for status in news:
        assert tell(gateway, sent.provider_id, status) == 204
    sent.refresh_from_db()
    assert sent.status == end
    assert bool(sent.delivered_at) == (end in ("delivered", "read"))
    assert Communication.objects.filter(status="scheduled").count() == (end == "bounced")
    assert told("communication.sent") == ["sent"]
    assert told("communication.failed") == (["bounced"] if end == "bounced" else [])
    kinds = TimelineEntry.objects.filter(kind__in=["delivered", "read", "bounced"]).values_list("kind", flat=True)
    assert len(set(kinds)) == len(kinds)


def test_one_message_for_several_invoices_moves_as_one(account: Account, gateway: Gateway) -> None:
    due_message(account)
    due_message(account)
    assert sender.send_due() == 1
    assert tell(gateway, Communication.objects.all()[0].provider_id, "delivered") == 204
    assert list(Communication.objects.values_list("status", flat=True)) == ["delivered", "delivered"]


def test_a_dead_number_is_marked_and_the_next_channel_is_tried_at_once(
    account: Account, gateway: Gateway, mail: MailServer
) -> None:
    due = due_message(account, debtor_email="ahmed@gulftrading.example")
    PolicyStep.objects.update(channels=["sms", "email"])
    sender.send_due()
    assert sender.send_due() == 1
    row = Communication.objects.get(pk=due.pk)
    assert tell(gateway, row.provider_id, "undelivered", code="30005") == 204
    row.refresh_from_db()
    assert (row.status, row.error) == ("bounced", "undelivered 30005")
    assert Address.objects.get().invalid_because == "undelivered 30005"
    assert sender.send_due() == 1
    tries = Communication.objects.order_by("try_number").values_list("channel", "status", "step")
    assert list(tries) == [("sms", "bounced", 1), ("email", "sent", 1)]
    assert mail.recipients == ["ahmed@gulftrading.example"]
    invoice = make.again(row.invoice)
    assert (invoice.last_step, invoice.slip_days) == (1, make.again(row.invoice).slip_days)
    assert tell(gateway, row.provider_id, "undelivered", code="30005") == 204
    assert [sender.send_due(), len(mail.mails)] == [0, 1]
    assert not Escalation.objects.exists()


def test_where_no_channel_is_left_a_person_is_called(gateway: Gateway, sent: Communication) -> None:
    assert tell(gateway, sent.provider_id, "failed", code="21614") == 204
    assert Escalation.objects.get().reason == "no_contact"
    invoice = make.again(sent.invoice)
    assert (invoice.last_step, invoice.last_contacted_at) == (1, None)
    assert Communication.objects.count() == 1


def test_a_number_that_was_away_stays_good(gateway: Gateway, sent: Communication) -> None:
    assert tell(gateway, sent.provider_id, "undelivered", code="30003") == 204
    assert state() == "bounced"
    assert not Address.objects.exists()
    assert not Escalation.objects.exists()
    assert Communication.objects.get(status="scheduled").channel == "sms"


def test_who_stopped_at_the_provider_is_not_written_to_there_again(gateway: Gateway, sent: Communication) -> None:
    assert tell(gateway, sent.provider_id, "failed", code="21610") == 204
    assert Address.objects.get().opted_out_at
    assert not Escalation.objects.exists()


def test_nothing_is_sent_for_what_was_paid_when_the_bounce_came(
    account: Account, gateway: Gateway, sent: Communication, mail: MailServer
) -> None:
    lifecycle.change(account, sent.invoice_id, make.API, status="paid")
    assert tell(gateway, sent.provider_id, "failed", code="21614") == 204
    assert (state(), sender.send_due(), Communication.objects.count()) == ("bounced", 0, 1)
    assert not Escalation.objects.exists()


# --- Earlier than our own record, or instead of it -----------------------------------------------------------------


def test_a_message_that_may_have_left_is_settled_by_the_providers_word(account: Account, gateway: Gateway) -> None:
    row = due_message(account)
    gate.claim(row.pk)
    status_updates.record(row.message_id, Outcome(State.UNKNOWN, "deadline"))
    assert tell(gateway, "SM7", "delivered", message=row.message_id) == 204
    row.refresh_from_db()
    assert (row.status, row.provider_id) == ("delivered", "SM7")
    assert (told("communication.failed"), told("communication.sent")) == (["unknown"], ["delivered"])
    assert tell(gateway, "SM7", "read") == 204
    assert (state(), sender.send_due()) == ("read", 0)


def test_the_worker_that_comes_second_changes_nothing(account: Account, gateway: Gateway) -> None:
    row = due_message(account)
    gate.claim(row.pk)
    assert tell(gateway, "SM7", "delivered", message=row.message_id) == 204
    for outcome in (Outcome(State.SENT, provider_id="SM7"), Outcome(State.UNKNOWN, "deadline")):
        status_updates.record(row.message_id, outcome)
    row.refresh_from_db()
    assert (row.status, row.provider_id, row.error) == ("delivered", "SM7", "")
    assert make.again(row.invoice).last_step == 1
    assert told("communication.sent") == ["sent"]


def test_a_failure_before_our_record_is_a_failed_try(account: Account, gateway: Gateway) -> None:
    row = due_message(account)
    gate.claim(row.pk)
    assert tell(gateway, "SM7", "failed", code="21614", message=row.message_id) == 204
    status_updates.record(row.message_id, Outcome(State.SENT, provider_id="SM7"))
    assert state() == "failed"
    assert Address.objects.get().invalid_at
    assert told("communication.sent") == []


def test_a_provider_that_gives_one_id_twice_moves_the_message_it_was_given_first(
    account: Account, gateway: Gateway, provider: Provider
) -> None:
    provider.answer = Answer(201, b'{"sid": "SM1"}')
    due_message(account)
    due_message(account, debtor_phone="+971501234568")
    assert sender.send_due() == 2
    assert sorted(Communication.objects.values_list("status", "provider_id")) == [("sent", ""), ("sent", "SM1")]
    assert tell(gateway, "SM1", "delivered") == 204
    assert sorted(Communication.objects.values_list("status", flat=True)) == ["delivered", "sent"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_cut", [False, True], ids=["answers late", "never answers"])
def test_a_callback_that_overtakes_the_answer_is_heard(account: Account, gateway: Gateway, is_cut: bool) -> None:
    """The gateway calls back, twice and backwards, while the worker still waits for its answer."""
    heard: list[int] = []

    def answer(connection: socket.socket) -> None:
        form = parse_qs(wire.request(connection).partition(b"\r\n\r\n")[2].decode())
        message = form["StatusCallback"][0].rpartition("=")[2]
        try:
            heard.extend(tell(gateway, "SM7", status, message=message) for status in ("delivered", "sent", "delivered"))
        finally:
            database.close()
        if not is_cut:
            connection.sendall(b'HTTP/1.1 201 Created\r\nContent-Length: 14\r\n\r\n{"sid": "SM7"}')

    with wire.server(answer) as url:
        Gateway.objects.update(base_url=url.removesuffix("/hook"))
        row = due_message(account)
        assert sender.send_due() == (not is_cut)
    assert heard == [204, 204, 204]
    row.refresh_from_db()
    assert (row.status, row.provider_id, row.error) == ("delivered", "SM7", "")
    assert sender.send_due() == 0
    assert told("communication.sent") == ["sent"]
    assert told("communication.failed") == []


# --- What is not believed ------------------------------------------------------------------------------------------


def test_the_signature_is_twilios() -> None:
    """The example of Twilio's own documentation."""
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    signed = gateways.sign("12345", url, [(name, [value]) for name, value in fields.items()])
    assert signed == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize("signed", ["", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "ÿ", "=" * 5000])
@pytest.mark.parametrize("hook", ["status", "inbound"])
def test_a_wrong_signature_is_not_believed(
    account: Account, gateway: Gateway, sent: Communication, hook: str, signed: str
) -> None:
    fields = {"MessageSid": sent.provider_id, "MessageStatus": "delivered", "From": PHONE, "Body": "STOP"}
    with nothing_happens(account):
        assert call(gateway, hook, fields, signed=signed).status_code == 403
        assert call(gateway, hook, fields, token="the token of another").status_code == 403
        assert call(gateway, hook, fields | {"AccountSid": "AC1"}).status_code == 403
    assert not Address.objects.exists()


def test_a_signed_request_that_was_altered_is_not_believed(
    account: Account, gateway: Gateway, sent: Communication
) -> None:
    path = f"/hooks/messages/{gateway.pk}/status"
    fields = {"AccountSid": gateway.account_sid, "MessageSid": sent.provider_id, "MessageStatus": "sent"}
    signed = signature(f"http://testserver{path}", fields)
    with nothing_happens(account):
        for altered, where in (
            (fields | {"MessageStatus": "delivered"}, path),
            (fields | {"More": ""}, path),
            (fields, f"{path}?message={sent.message_id}"),
            (fields, path.replace("status", "inbound")),
        ):
            answer = Client().post(where, altered, headers={"X-Twilio-Signature": signed})
            assert answer.status_code == 403


def recut(gateway: Gateway, hook: str, signed: dict[str, str], given: list[tuple[str, str]]) -> int:
    """The HTTP status of a callback whose signature is that of other fields."""
    path = f"/hooks/messages/{gateway.pk}/{hook}"
    signature_ = signature(f"http://testserver{path}", {"AccountSid": gateway.account_sid, **signed})
    fields: dict[str, Iterable[str]] = {name: [value for key, value in given if key == name] for name, _ in given}
    assert gateways.is_signed(gateway, signature_, f"http://testserver{path}", fields.items())
    answer = Client().post(
        path,
        urlencode(given),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature_},
    )
    return int(answer.status_code)


WRITTEN = {"Body": "STOP", "From": PHONE, "MessageSid": "SM1", "NumMedia": "0"}
OTHER = "+971509999999"


@pytest.mark.parametrize(
    ("signed", "given"),
    [
        (WRITTEN, {"BodyST": "OP", "From": PHONE, "MessageSid": "SM1", "NumMedia": "0"}),
        (WRITTEN, {"Bo": "dySTOP", "From": PHONE, "MessageSid": "SM1", "NumMedia": "0"}),
        (WRITTEN, {"BodySTOP": "", "From": PHONE, "MessageSid": "SM1", "NumMedia": "0"}),
        (WRITTEN, {"Body": f"STOPFrom{PHONE}", "MessageSid": "SM1", "NumMedia": "0"}),
        (WRITTEN, {"Body": "STOP", "From": PHONE, "MessageSid": "SM1NumMedia0"}),
        (WRITTEN, {"Body": "STOP", "From": PHONE, "MessageSid": "SM1", "NumMedia0": ""}),
        (WRITTEN, {"Body": "STOP", "From": PHONE, "MessageSid": "SM1", "NumM": "edia0"}),
        (WRITTEN, {"Body": "STOP", f"From{PHONE}": "", "MessageSid": "SM1", "NumMedia": "0"}),
        (
            {"Body": f"hiFrom{OTHER}", "From": PHONE, "MessageSid": "SM1"},
            {"Body": "hi", "From": OTHER, f"From{PHONE}": "", "MessageSid": "SM1"},
        ),
    ],
)
def test_an_answer_that_was_cut_anew_under_its_signature_is_not_believed(
    account: Account, gateway: Gateway, sent: Communication, signed: dict[str, str], given: dict[str, str]
) -> None:
    with nothing_happens(account):
        assert recut(gateway, "inbound", signed, [("AccountSid", gateway.account_sid), *given.items()]) == 403
    assert not Reply.objects.exists()


def test_nobody_writes_in_anothers_name_by_whatsapp(account: Account, gateway: Gateway) -> None:
    whatsapp = make.gateway(account, "whatsapp", base_url=gateway.base_url)
    signed = {"Body": f"hiFromwhatsapp:{OTHER}", "From": f"whatsapp:{PHONE}", "MessageSid": "SM1"}
    given = {"Body": "hi", "From": f"whatsapp:{OTHER}", "Fromwhatsapp": f":{PHONE}", "MessageSid": "SM1"}
    assert recut(whatsapp, "inbound", signed, [("AccountSid", whatsapp.account_sid), *given.items()]) == 403
    assert not Reply.objects.exists()


@pytest.mark.parametrize(
    "given",
    [
        {"ErrorCode3": "0005", "MessageStatus": "failed"},
        {"Error": "Code30005", "MessageStatus": "failed"},
        {"MessageStatusf": "ailed", "ErrorCode": "30005"},
        {"MessageStat": "usfailed", "ErrorCode": "30005"},
        {"AccountSid": "", "MessageStatus": "failed"},
    ],
)
def test_a_status_that_was_cut_anew_under_its_signature_is_not_believed(
    account: Account, gateway: Gateway, sent: Communication, given: dict[str, str]
) -> None:
    signed = {"MessageSid": sent.provider_id, "MessageStatus": "failed", "ErrorCode": "30005"}
    known = {"AccountSid": gateway.account_sid, "MessageSid": sent.provider_id}
    if "AccountSid" in given:
        whole = f"{gateway.account_sid}ErrorCode30005"
        fields = {"AccountSid": whole, "MessageSid": sent.provider_id, "MessageStatus": "failed"}
    else:
        fields = known | given
    with nothing_happens(account):
        assert recut(gateway, "status", signed, list(fields.items())) == 403
    assert state() == "sent"


def test_a_field_that_is_read_comes_once(account: Account, gateway: Gateway, sent: Communication) -> None:
    twice = [("AccountSid", gateway.account_sid), *WRITTEN.items(), ("Body", "STOP")]  # signed like once
    with nothing_happens(account):
        assert recut(gateway, "inbound", WRITTEN, twice) == 403
    assert say(gateway, "") == 200  # a picture alone


def test_fields_of_the_provider_that_are_not_read_do_no_harm(gateway: Gateway, sent: Communication) -> None:
    more = {"FromCity": "DUBAI", "FromCountry": "AE", "ToCity": "", "SmsSid": "SM1", "NumSegments": "1"}
    more |= {"ApiVersion": "2010-04-01", "MessagingServiceSid": "MG1", "ProfileName": "NumMedia", "ButtonText": "Body"}
    told_more = {"MessageSid": sent.provider_id, "MessageStatus": "delivered", "SmsStatus": "delivered", "From": "+1"}
    assert call(gateway, "status", told_more | more).status_code == 204
    assert state() == "delivered"
    assert call(gateway, "inbound", WRITTEN | more | {"Body": "From NumMedia"}).status_code == 200
    assert Reply.objects.get().text == "From NumMedia"


def test_another_accounts_message_is_not_moved(account: Account, gateway: Gateway, sent: Communication) -> None:
    other = make.account("Oryx")
    theirs = make.gateway(other, token="theirs")
    whatsapp = make.gateway(account, "whatsapp")
    unsent = due_message(account, debtor_phone="+971501234568")
    gate.claim(unsent.pk)
    with nothing_happens(account):
        assert tell(theirs, sent.provider_id, "delivered", token="theirs") == 404
        assert tell(theirs, sent.provider_id, "delivered", message=sent.message_id, token="theirs") == 404
        assert tell(theirs, "SM99", "delivered", message=unsent.message_id, token="theirs") == 404
        assert tell(gateway, sent.provider_id, "delivered", token="theirs") == 403
        assert tell(whatsapp, sent.provider_id, "delivered") == 404


@pytest.mark.parametrize("sid", ["SM0", "", "../SM1", "x" * 65, "SM\x00"])
def test_an_unknown_message_is_not_found(account: Account, gateway: Gateway, sent: Communication, sid: str) -> None:
    with nothing_happens(account):
        assert tell(gateway, sid, "delivered") == 404
        assert tell(gateway, "SM99", "delivered", message=sent.message_id) == 404  # it has an id of its own
        assert tell(gateway, "SM99", "delivered", message=uuid.uuid4()) == 404
        assert tell(gateway, "SM99", "delivered", message="nonsense") == 404


def test_an_unknown_gateway_a_large_body_and_a_get_are_refused(gateway: Gateway, sent: Communication) -> None:
    assert tell(Gateway(pk=make.NOWHERE, account_sid="AC1"), "SM1", "delivered") == 404
    assert tell(gateway, "SM1", "x" * 70_000) == 413
    assert say(gateway, "x" * 9_000_000) == 413
    client: Any = Client()
    assert client.get(f"/hooks/messages/{gateway.pk}/status").status_code == 405
    assert client.get("/hooks/messages/nonsense/status").status_code == 404
    assert state() == "sent"
