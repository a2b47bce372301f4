"""SMS and WhatsApp leave once or not at all, over real HTTP, and what surely failed goes on by the next channel."""

import base64
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from communications import channels
from communications.channels import gateways
from communications.contacts import addresses
from communications.delivery import gate, notices, sender
from communications.models import Address, Communication, Gateway, PolicyStep
from inflow.accounts.models import Account
from inflow.egress import dialling
from inflow.egress.errors import ForbiddenTarget
from invoices import narrative
from invoices.models import Escalation, TimelineEntry
from tests import make
from tests.communications.conftest import StartMail
from tests.communications.provider import PHONE, Provider, due_message, refuses
from tests.mailserver import MailServer
from tests.receiver import Answer, Receiver
from tests.webhooks import wire
from tests.webhooks.certificates import certificate_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Settings) -> None:
    settings.TRY_OUT = True


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


def rows() -> list[tuple[str, str, str]]:
    found = Communication.objects.order_by("try_number").values_list("channel", "status", "error")
    return list(found)


def test_an_sms_is_a_form_in_twilios_shape_and_its_id_is_kept(provider: Provider) -> None:
    account = make.account()
    gateway = make.gateway(account, base_url=provider.base_url)
    due = due_message(account)
    assert sender.send_due() == 1
    (request,), (form,) = provider.requests, provider.forms
    row = Communication.objects.get()
    assert request.path == f"/2010-04-01/Accounts/{gateway.account_sid}/Messages.json"
    assert (
        request.headers["authorization"]
        == "Basic " + base64.b64encode(f"{gateway.account_sid}:{make.TOKEN}".encode()).decode()
    )
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (form["To"], form["From"]) == (PHONE, gateway.sender)
    assert form["Body"].strip() == row.body.strip()
    callback = f"http://testserver/hooks/messages/{gateway.pk}/status?message={due.message_id}"
    assert form["StatusCallback"] == callback
    assert (row.channel, row.status, row.html) == ("sms", "sent", "")
    assert row.provider_id.startswith("SM")
    assert narrative.in_english(TimelineEntry.objects.get(kind="sent")) == f"Reminder sent to {PHONE} by SMS."
    assert make.TOKEN not in gateway.sealed_auth_token


def test_whatsapp_names_its_addresses_and_an_approved_template(provider: Provider) -> None:
    account = make.account()
    gateway = make.gateway(account, "whatsapp", base_url=provider.base_url)
    make.agreed_to_whatsapp(account)
    due_message(account, invoice_number="INV-7", amount="1234.50", debtor_name="Ahmed\nAl Rashid")
    assert sender.send_due() == 1
    (form,) = provider.forms
    assert (form["To"], form["From"]) == (f"whatsapp:{PHONE}", f"whatsapp:{gateway.sender}")
    assert (form["ContentSid"], "Body" in form) == ("HX77", False)
    said = json.loads(form["ContentVariables"])
    assert (said["1"], said["2"], said["3"], said["5"]) == ("Ahmed Al Rashid", "INV-7", "AED 1,234.50", account.name)


def test_a_messaging_service_takes_the_senders_place(provider: Provider) -> None:
    account = make.account()
    make.gateway(account, base_url=provider.base_url, sender=f"MG{7:032x}")
    due_message(account)
    sender.send_due()
    assert provider.forms[0]["MessagingServiceSid"] == f"MG{7:032x}"
    assert "From" not in provider.forms[0]


def test_several_invoices_are_one_message_with_one_id(provider: Provider) -> None:
    account = make.account()
    make.gateway(account, base_url=provider.base_url)
    due_message(account)
    due_message(account)
    assert sender.send_due() == 1
    assert len(provider.requests) == 1
    assert len(set(Communication.objects.values_list("provider_id", "message_id"))) == 1
    assert rows() == [("sms", "sent", "")] * 2


# --- What fails ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_a_gateway_that_is_busy_is_asked_again_later_on_the_same_channel(provider: Provider, status: int) -> None:
    provider.answer = refuses(status)
    account = make.account()
    make.gateway(account, base_url=provider.base_url)
    due_message(account)
    assert [sender.send_due(), sender.send_due()] == [0, 0]
    row = Communication.objects.get()
    assert (row.channel, row.status, row.waits_for, row.try_number) == ("sms", "scheduled", "refused", 1)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("code", [21211, 21614, 63024])
def test_a_number_that_is_none_is_marked_and_the_next_channel_is_tried_at_once(
    provider: Provider, mail: MailServer, code: int
) -> None:
    provider.answer = refuses(400, code)
    account = make.account()
    make.gateway(account, base_url=provider.base_url)
    due = due_message(account, debtor_email="ahmed@gulftrading.example")
    prefer(due, "sms", "email")
    assert [sender.send_due(), sender.send_due()] == [0, 0]  # it moves to SMS first
    assert sender.send_due() == 1
    assert [(channel, state) for channel, state, _ in rows()] == [("sms", "failed"), ("email", "sent")]
    contact = Address.objects.get()
    assert (contact.channel, contact.address, bool(contact.invalid_at)) == ("sms", PHONE, True)
    assert str(code) in contact.invalid_because
    assert (len(provider.requests), len(mail.mails)) == (1, 1)
    assert not Escalation.objects.exists()


def prefer(row: Communication, *channels: str) -> None:
    PolicyStep.objects.filter(policy__account=row.account_id).update(channels=list(channels))


def test_who_stopped_at_the_provider_has_stopped_here_and_nobody_is_called(provider: Provider) -> None:
    provider.answer = refuses(400, 21610)
    account = make.account()
    make.gateway(account, base_url=provider.base_url)
    invoice = due_message(account).invoice
    assert sender.send_due() == 0
    contact = Address.objects.get()
    assert (bool(contact.opted_out_at), contact.invalid_at) == (True, None)
    assert [state for _, state, _ in rows()] == ["failed"]
    assert make.again(invoice).last_step == 1
    assert not Escalation.objects.exists()


def test_what_a_channel_will_not_take_goes_by_the_next_after_three_working_days(provider: Provider) -> None:
    def answer(request: Any) -> Answer:
        return refuses(400, 63016) if b"whatsapp" in request.body else Answer(201, b'{"sid": "SM7"}')

    provider.answer = answer
    account = make.account()
    for channel in ("sms", "whatsapp"):
        make.gateway(account, channel, base_url=provider.base_url)
    make.agreed_to_whatsapp(account)
    invoice = due_message(account).invoice
    for _ in range(3):
        assert sender.send_due() == 0
        assert sender.send_due() == 0
        make.reminder_due(invoice)
    assert sender.send_due() == 1
    assert [(channel, state) for channel, state, _ in rows()] == [("whatsapp", "failed")] * 3 + [("sms", "sent")]
    assert [form["To"] for form in provider.forms] == [f"whatsapp:{PHONE}"] * 3 + [PHONE]
    assert not Address.objects.filter(invalid_at__isnull=False).exists()


def test_the_only_channel_is_tried_four_times_and_then_it_is_a_persons(provider: Provider) -> None:
    provider.answer = refuses(400, 63016)
    account = make.account()
    make.gateway(account, base_url=provider.base_url)
    invoice = due_message(account).invoice
    for _ in range(3):
        assert sender.send_due() == 0
        make.reminder_due(invoice)
    assert [sender.send_due(), sender.send_due()] == [0, 0]
    assert [state for _, state, _ in rows()] == ["failed"] * 4
    assert Escalation.objects.get().reason == "delivery_failed"
    assert len(provider.requests) == 4


def test_a_mailbox_that_is_none_leads_to_sms_and_where_nothing_is_left_to_a_person(
    provider: Provider, start_mail: StartMail
) -> None:
    start_mail(on_recipient="550 no such mailbox")
    provider.answer = refuses(400, 21614)
    account = make.account()
    make.gateway(account, base_url=provider.base_url)
    due_message(account, debtor_email="ahmed@gulftrading.example")
    assert [sender.send_due(), sender.send_due(), sender.send_due()] == [0, 0, 0]
    assert [(channel, state) for channel, state, _ in rows()] == [("email", "failed"), ("sms", "failed")]
    assert Address.objects.filter(invalid_at__isnull=False).count() == 2
    assert Escalation.objects.get().reason == "no_contact"


def drops(connection: socket.socket) -> None:
    wire.request(connection)


def drips(connection: socket.socket) -> None:
    wire.request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 5000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def floods(connection: socket.socket) -> None:
    wire.request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (drops, "ConnectionError"),
        (lambda connection: time.sleep(5), ""),
        (drips, "HTTP 201 without an id"),
        (floods, "HTTP 201 without an id"),
        (wire.saying(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"), "HTTP 201 without an id"),
        (wire.saying(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), "HTTP 500"),
        (wire.saying(b"rubbish\r\n\r\n"), "ConnectionError"),
    ],
    ids=["drops", "hangs", "drips", "floods", "no id", "500", "rubbish"],
)
def test_a_message_that_may_have_arrived_is_never_sent_again(
    settings: Settings, script: wire.Script, error: str
) -> None:
    settings.GATEWAY_TIMEOUT = 0.4
    asked: list[bytes] = []

    def heard(connection: socket.socket) -> None:
        asked.append(b"")
        script(connection)

    with wire.server(heard) as url:
        account = make.account()
        make.gateway(account, base_url=url.removesuffix("/hook"))
        make.gateway(account, "whatsapp", base_url="https://api.gateway.example")
        due = due_message(account)
        prefer(due, "sms", "whatsapp")
        assert [sender.send_due(), sender.send_due(), sender.send_due()] == [0, 0, 0]
    row = Communication.objects.get()
    assert (row.channel, row.status) == ("sms", "unknown")
    assert error in row.error
    assert len(asked) == 1
    assert make.again(row.invoice).last_step == 1


def test_interim_responses_of_a_gateway_are_skipped() -> None:
    """One that sends 103 before 201 took the message."""
    body = b'{"sid": "SM7"}'
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
    created = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    account = make.account()
    with wire.server(wire.saying(interim + created)) as url:
        make.gateway(account, base_url=url.removesuffix("/hook"))
        due_message(account)
        assert sender.send_due() == 1
    assert Communication.objects.get().provider_id == "SM7"


def test_a_gateway_that_is_away_took_nothing_and_the_message_waits() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        account = make.account()
        make.gateway(account, base_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        due_message(account)
        assert sender.send_due() == 0
    row = Communication.objects.get()
    assert (row.status, row.waits_for, row.error) == ("scheduled", "away", "")


def test_one_that_hung_is_left_alone_for_the_rest_of_the_batch(settings: Settings) -> None:
    settings.GATEWAY_TIMEOUT = 0.3
    with Provider(Answer(201, after_s=5)) as provider:
        account = make.account()
        make.gateway(account, base_url=provider.base_url)
        due_message(account)
        due_message(account, debtor_phone="+971501234568")
        assert sender.send_due() == 0
        assert sorted(Communication.objects.values_list("status", "waits_for")) == [
            ("scheduled", "away"),
            ("unknown", ""),
        ]
        assert len(provider.requests) == 1


def test_what_could_not_begin_in_time_does_not_begin(provider: Provider) -> None:
    account = make.account()
    make.gateway(account, base_url=provider.base_url)
    (row,) = gate.claim(due_message(account).pk)
    with channels.Transports() as transports, pytest.raises(channels.DeliveryRefused, match="gate_expired"):
        transports.deliver(row, account, deadline=time.monotonic() - 0.001)
    assert provider.requests == []


def test_a_redirect_is_refused_and_no_proxy_of_the_environment_is_used(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as elsewhere:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere.port}")
        provider.answer = Answer(307, headers={"Location": elsewhere.url})
        account = make.account()
        make.gateway(account, base_url=provider.base_url)
        due_message(account)
        sender.send_due()
        assert elsewhere.requests == []
        assert len(provider.requests) == 1
        assert rows()[0][1] == "scheduled"


@pytest.mark.parametrize("is_trusted", [True, False])
def test_tls_speaks_to_the_name_and_a_stranger_hears_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    file = certificate_for("localhost", tmp_path)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    dialling.tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    heard: list[bytes] = []

    def script(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            heard.append(wire.request(tls))
            tls.sendall(b'HTTP/1.1 201 Created\r\nContent-Length: 14\r\n\r\n{"sid": "SM7"}')

    try:
        with wire.server(script) as url:
            account = make.account()
            make.gateway(account, base_url=url.removesuffix("/hook").replace("http://127.0.0.1", "https://localhost"))
            due_message(account)
            assert sender.send_due() == is_trusted
    finally:
        dialling.tls.cache_clear()
    assert len(heard) == is_trusted
    assert rows()[0] == (("sms", "sent", "") if is_trusted else ("sms", "scheduled", "gateway unavailable: SSLError"))


@pytest.mark.parametrize("piece", [b"", b"\x02"], ids=["silent", "dripping"])
def test_a_handshake_that_never_ends_is_ended_and_nothing_was_said(settings: Settings, piece: bytes) -> None:
    settings.GATEWAY_TIMEOUT = 0.4

    def script(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while True:
            connection.sendall(piece)
            time.sleep(0.05)

    with wire.server(script) as url:
        account = make.account()
        make.gateway(account, base_url=url.removesuffix("/hook").replace("http://", "https://"))
        due_message(account)
        assert sender.send_due() == 0
    assert rows()[0][1] == "scheduled"
    assert rows()[0][2].startswith("gateway unavailable: ")


# --- Where it may go, and whether --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://api.twilio.com",
        "https://10.0.0.1",
        "https://169.254.169.254",
        "https://localhost",
        "https://127.0.0.1:8000",
        "http://127.0.0.1",
        "https://user:pw@api.twilio.com",
        "https://api.twilio.com?x=1",
        "ftp://api.twilio.com",
    ],
)
def test_a_base_url_is_https_to_a_public_host(url: str, settings: Settings) -> None:
    settings.TRY_OUT = False
    gateways.check_base_url("https://api.twilio.com")
    with pytest.raises(ForbiddenTarget):
        gateways.check_base_url(url)


def test_trying_out_lets_a_gateway_be_on_loopback_only() -> None:
    gateways.check_base_url("http://127.0.0.1:8000/demo/gateway")
    for url in ("http://api.twilio.com", "https://10.0.0.1"):
        with pytest.raises(ForbiddenTarget):
            gateways.check_base_url(url)


def test_a_private_address_is_not_dialled_whatever_was_stored(provider: Provider, settings: Settings) -> None:
    settings.TRY_OUT = False
    account = make.account()
    make.gateway(account, base_url=provider.base_url)
    due_message(account)
    assert sender.send_due() == 0
    assert Communication.objects.get().waits_for == "away"
    assert provider.requests == []


@pytest.mark.parametrize("is_trying_out", [True, False])
def test_a_test_accounts_message_leaves_for_the_local_gateway_at_most(
    provider: Provider, settings: Settings, is_trying_out: bool
) -> None:
    settings.TRY_OUT = is_trying_out
    account = make.account(is_test=True)
    make.gateway(account, base_url=provider.base_url)
    make.gateway(account, "whatsapp", base_url="https://api.gateway.example")
    make.agreed_to_whatsapp(account)
    due_message(account)
    assert sender.send_due() == 1  # by WhatsApp, first in order, captured
    due_message(account, debtor_phone="+971501234568")
    PolicyStep.objects.update(channels=["sms"])
    sender.send_due()
    sender.send_due()
    assert sorted(channel for channel, status, _ in rows() if status == "sent") == ["sms", "whatsapp"]
    assert len(provider.requests) == is_trying_out


def test_a_channel_that_is_not_set_up_is_no_channel_and_waits_for_one(provider: Provider) -> None:
    account, other = make.account(), make.account("Oryx")
    make.gateway(other, base_url=provider.base_url)
    due = due_message(account)
    prefer(due, "sms", "whatsapp")
    assert sender.send_due() == 0
    row = Communication.objects.get()
    assert (row.status, row.waits_for) == ("scheduled", "no_channel")
    assert addresses.choose(row.invoice, ["sms"]).missing == "no_channel"
    gateway = make.gateway(account, base_url=provider.base_url)
    make.reminder_due(row.invoice)
    assert [sender.send_due(), sender.send_due()] == [0, 1]  # it moves to SMS first
    Gateway.objects.filter(pk=gateway.pk).update(is_active=False)
    assert addresses.choose(make.again(row.invoice), ["sms"]).missing == "no_channel"


def test_the_admins_of_a_live_account_are_told_once_a_day_that_messages_wait(mail: MailServer) -> None:
    live, trial = make.account(), make.account("Trial", is_test=True)
    for account in (live, trial):
        make.user(account, email=f"admin@{account.name.split()[0].lower()}.example")
        prefer(due_message(account), "sms")
    sender.send_due()
    assert Communication.objects.filter(waits_for="no_channel").count() == 2
    now = live.now()
    assert [notices.notify_missing_channels(now), notices.notify_missing_channels(now + notices.RETRY_AFTER)] == [1, 0]
    assert mail.recipients == ["admin@falcon.example"]
    assert "Settings > Gateways" in str(mail.mails[0].get_content())
    assert notices.notify_missing_channels(now + notices.INTERVAL) == 1


def test_an_account_without_admins_that_can_be_mailed_is_asked_again(start_mail: StartMail) -> None:
    account: Account = make.account()
    make.user(account, email="admin@falcon.example")
    prefer(due_message(account), "sms")
    sender.send_due()
    now = account.now()
    start_mail(on_recipient="451 later")
    assert notices.notify_missing_channels(now) == 0
    server = start_mail()
    assert notices.notify_missing_channels(now + notices.RETRY_AFTER) == 1
    assert server.recipients == ["admin@falcon.example"]
