"""The gateway of `make run`: messages arrive, deliveries and answers come back, over HTTP and signed."""

import base64
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

import inflow.urls  # before a test sets TRY_OUT
from communications.channels import gateways, local_gateway
from communications.delivery import sender
from communications.models import Communication, Gateway, Reply
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from tests import make
from tests.communications.provider import PHONE, due_message

WITHIN_S = 20.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.urls("tests.communications.trying_out")
@pytest.mark.django_db(transaction=True)
def test_a_message_is_delivered_and_answered(live_server: LiveServer, settings: Settings) -> None:
    settings.TRY_OUT, settings.BASE_URL = True, live_server.url
    account = make.account(is_test=True)
    local_gateway.install(urlsplit(live_server.url).port or 0)
    Gateway.objects.update(base_url=f"{live_server.url}/{local_gateway.PATH}")  # its host's name may be another
    make.agreed_to_whatsapp(account)
    row = due_message(account)
    assert sender.send_due() == 1
    wait_until(lambda: Communication.objects.get().status == "delivered")
    assert Communication.objects.get().channel == "whatsapp"

    person: User = make.user(account, Role.AGENT)
    client = Client()
    client.force_login(person)
    answer = client.post(f"/admin/communications/communication/{row.pk}/answer/", {"text": "سأدفع غدا"})
    assert answer.status_code == 302
    wait_until(lambda: Reply.objects.filter(read_at__isnull=False).exists())
    reply = Reply.objects.get()
    assert (reply.text, reply.triage, reply.address, reply.account) == ("سأدفع غدا", "promise", PHONE, account)
    assert Communication.objects.get().status == "replied"


@pytest.mark.django_db
def test_it_is_installed_once_and_follows_the_port(settings: Settings) -> None:
    account = make.account()
    own = make.gateway(make.account("Oryx"))
    local_gateway.install(8123)
    local_gateway.install(9000)
    urls = Gateway.objects.filter(account=account).values_list("base_url", flat=True)
    assert list(urls) == ["http://127.0.0.1:9000/demo/gateway"] * 2
    assert Gateway.objects.exclude(account=account).get() == own
    assert Gateway.objects.get(pk=own.pk).base_url == own.base_url


@pytest.mark.urls("communications.channels.local_gateway")
@pytest.mark.django_db
def test_it_knows_its_own_credentials_only(settings: Settings) -> None:
    account = make.account()
    foreign = make.gateway(make.account("Oryx"))
    local_gateway.install(8123)
    gateway: Gateway = Gateway.objects.filter(account=account)[0]
    token = gateways.token_of(gateway)

    def post(sid: str, name: str, secret: str, form: dict[str, str]) -> tuple[int, Any]:
        basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
        path = f"/demo/gateway/2010-04-01/Accounts/{sid}/Messages.json"
        answer = Client().post(path, form, headers={"Authorization": f"Basic {basic}"})
        return answer.status_code, answer.json().get("code")

    sid, form = gateway.account_sid, {"To": PHONE, "Body": "Hello"}
    assert post(sid, sid, token, form) == (201, None)
    assert post(sid, sid, "wrong", form) == (401, 20003)
    assert post(sid, "AC1", token, form) == (401, 20003)
    assert post(foreign.account_sid, foreign.account_sid, make.TOKEN, form) == (401, 20003)
    assert post(sid, sid, token, form | {"To": "12"}) == (400, 21211)
    assert post(sid, sid, token, {"To": PHONE}) == (400, 21602)


def test_it_is_mounted_for_trying_out_only() -> None:
    assert "communications.channels.local_gateway" not in str(inflow.urls.urlpatterns)


@pytest.mark.django_db
def test_nobody_answers_for_a_debtor_in_production(settings: Settings) -> None:
    account: Account = make.account(is_test=True)
    make.gateway(account)
    row = due_message(account)
    assert sender.send_due() == 1
    client = Client()
    client.force_login(make.user(account))
    answer = client.post(f"/admin/communications/communication/{row.pk}/answer/", {"text": "STOP"})
    assert "t reply to this message here" in answer.content.decode()
    assert not Reply.objects.exists()
