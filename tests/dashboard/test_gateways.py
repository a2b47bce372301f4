"""Gateways and replies in the dashboard: the token goes in and never comes out; an answer becomes a deed by POST."""

from typing import Any

import pytest

from communications.channels import gateways
from communications.models import Gateway, Reply
from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from invoices.models import Promise
from tests import make
from tests.dashboard.world import World, nothing_changes, page, verb

pytestmark = pytest.mark.django_db
SECRET = "f00dfeedf00dfeedf00dfeed"
SAID = {
    "channel": "whatsapp",
    "base_url": "https://api.twilio.com/",
    "account_sid": "AC77",
    "auth_token": SECRET,
    "sender": "whatsapp:+97145550177",
}


def test_a_gateway_is_added_with_its_token_sealed_and_never_shown(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    answer = client.post(page("communications_gateway", "add"), SAID)
    assert answer.status_code == 302
    gateway = Gateway.objects.get(account=own.account, channel="whatsapp")
    assert (gateway.base_url, gateway.sender) == ("https://api.twilio.com", "+97145550177")
    assert gateways.token_of(gateway) == SECRET
    shown = [client.get(page("communications_gateway", "change", gateway.pk))]
    shown.append(client.get(f"/admin/communications/gateway/{gateway.pk}/edit/"))
    shown.append(client.get(page("communications_gateway", "history", gateway.pk)))
    for answer in shown:
        assert answer.status_code == 200
        assert SECRET not in answer.content.decode()
        assert gateway.sealed_auth_token not in answer.content.decode()
    assert f"/hooks/messages/{gateway.pk}/inbound" in shown[0].content.decode()
    entry = AuditEntry.objects.get(account=own.account, action="gateway.created")
    assert SECRET not in str(entry.detail)


@pytest.mark.parametrize(
    "wrong",
    [
        {"channel": "sms"},  # there is one
        {"channel": "email"},
        {"base_url": "http://api.twilio.com"},
        {"base_url": "https://169.254.169.254"},
        {"account_sid": "../../x"},
        {"auth_token": "تم"},
        {"sender": "A name that is too long"},
        {"sender": "Falcon"},  # WhatsApp needs a phone number
        {"auth_token": ""},
    ],
)
def test_a_gateway_that_can_not_be_is_refused(own: World, wrong: dict[str, Any]) -> None:
    with nothing_changes(own):
        answer = own.logged_in(Role.MANAGER).post(page("communications_gateway", "add"), SAID | wrong)
        assert answer.status_code == 200


def test_the_old_token_does_not_go_to_a_new_host(own: World) -> None:
    client, address = own.logged_in(Role.MANAGER), verb("communications_gateway_edit", own)
    said = {"base_url": "https://elsewhere.example", "account_sid": "AC1", "auth_token": "", "sender": "Gulf"}
    with nothing_changes(own):
        assert "Enter the token again" in client.post(address, said).content.decode()
    assert client.post(address, said | {"auth_token": SECRET}).status_code == 302
    gateway = Gateway.objects.get(account=own.account)
    assert (gateway.base_url, gateways.token_of(gateway)) == ("https://elsewhere.example", SECRET)
    assert client.post(address, said | {"sender": "Falcon"}).status_code == 302
    gateway.refresh_from_db()
    assert (gateway.sender, gateways.token_of(gateway)) == ("Falcon", SECRET)


@pytest.mark.parametrize(("sender", "why"), [("+97145550100", "3 to 11 Latin"), ("AD-Gulf", "promotion")])
def test_a_sender_that_the_uae_would_refuse_is_refused_when_it_is_kept(own: World, sender: str, why: str) -> None:
    said = {"base_url": "https://api.gateway.example", "account_sid": "AC1", "auth_token": "", "sender": sender}
    with nothing_changes(own):
        answer = own.logged_in(Role.MANAGER).post(verb("communications_gateway_edit", own), said)
        assert why in answer.content.decode()


def test_a_gateway_is_switched_off_and_on_and_takes_templates(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    client.post(verb("communications_gateway_switch_off", own))
    assert not Gateway.objects.get(account=own.account).is_active
    client.post(verb("communications_gateway_switch_on", own))
    assert Gateway.objects.get(account=own.account).is_active
    client.post(verb("communications_gateway_templates", own), {"reminder.ar": "HX1", "follow_up.en": ""})
    assert Gateway.objects.get(account=own.account).content_sids == {"reminder.ar": "HX1"}


def test_a_promise_is_confirmed_for_the_debtors_own_invoices_only(own: World, foreign: World) -> None:
    client, address = own.logged_in(Role.AGENT), verb("communications_reply_promise", own)
    other = make.invoice(own.account, debtor_company="Oryx Foods LLC", debtor_email="other@oryx.example")
    for not_theirs in (other, foreign.invoice):
        with nothing_changes(own, foreign):
            said = {"invoices": [str(not_theirs.pk)], "promised_on": make.FAR_AHEAD}
            assert client.post(address, said).status_code == 200
    said = {"invoices": [str(own.invoice.pk)], "promised_on": make.FAR_AHEAD}
    assert client.post(address, said).status_code == 302
    assert Promise.objects.filter(invoice=own.invoice).count() == 1
    assert Reply.objects.get(account=own.account).status == "confirmed"
    assert "already been handled" in client.post(address, said).content.decode()
    assert Promise.objects.filter(invoice=own.invoice).count() == 1


def test_the_answers_that_wait_are_counted_for_the_own_account_only(own: World, foreign: World) -> None:
    client = own.logged_in(Role.AGENT)

    def badges() -> list[str]:
        groups = client.get("/admin/").context["sidebar_navigation"]
        return [item["badge"] for group in groups for item in group["items"] if item.get("badge")]

    assert badges() == ["2"]
    assert client.post(verb("communications_reply_dismiss", own)).status_code == 302
    assert badges() == ["1"]
    assert client.post(verb("communications_answer_dismiss", own), {"reason": "No."}).status_code == 302
    assert badges() == []
    assert Reply.objects.get(account=foreign.account).status == "proposed"
