"""Settings > API keys and Settings > Webhooks: created, shown once and ended."""

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.utils import timezone

from inflow.accounts.encryption import decrypt
from inflow.accounts.keys import digest
from inflow.accounts.models import ApiKey, AuditEntry, Scope
from inflow.accounts.plans import Plan
from inflow.accounts.roles import Role
from tests import make
from tests.api.client import Caller
from tests.dashboard.world import World, logged_in, nothing_changes, page, platform, verb
from webhooks.models import Delivery, Subscription

pytestmark = pytest.mark.django_db
ADD_KEY = {"name": "Zapier", "scopes": ["invoices:read", "communications:read"], "expires_on": ""}
ADD_WEBHOOK = {"target_url": "https://erp.example/inflow", "events": ["invoice.created", "payment.recorded"]}


def shown(answer: Any) -> tuple[str, str]:
    """The secret and the example on the page that shows them."""
    assert answer.status_code == 200
    secret, example = re.findall(r"<pre[^>]*>(.*?)</pre>", answer.content.decode(), re.DOTALL)
    return unescape(secret), unescape(example)


def test_a_generated_key_is_shown_once_with_a_curl_that_works_and_only_its_digest_is_kept(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    answer = client.post(page("accounts_apikey", "add"), ADD_KEY)
    secret, curl = shown(answer)
    assert "no-store" in answer["Cache-Control"]
    assert curl == f'curl -H "X-InFlow-Key: {secret}" http://testserver/api/zapier/invoices'
    listed = Caller(secret).get("invoices").json
    assert [invoice["invoice_number"] for invoice in listed] == ["Falcon-1", "Falcon-0"]

    key = ApiKey.objects.get(name="Zapier")
    assert (key.account, key.created_by) == (own.account, own.people[Role.ADMIN])
    assert (key.digest, key.scopes, key.expires_at) == (digest(secret), ADD_KEY["scopes"], None)
    assert secret not in str(ApiKey.objects.values().get(pk=key.pk))
    for again in (page("accounts_apikey", "changelist"), page("accounts_apikey", "change", key.pk)):
        assert secret not in client.get(again).content.decode()
    entry = AuditEntry.objects.get(account=own.account, action="api_key.created", target=key.prefix)
    assert entry.actor == own.people[Role.ADMIN].email
    assert secret not in str(entry.detail)


def test_a_key_works_to_the_end_of_its_last_day_in_the_accounts_zone(own: World) -> None:
    day = own.account.today() + dt.timedelta(days=30)
    own.logged_in(Role.ADMIN).post(page("accounts_apikey", "add"), {**ADD_KEY, "expires_on": day.isoformat()})
    ends = ApiKey.objects.get(name="Zapier").expires_at
    assert ends == dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), own.account.zone)


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"scopes": []}, {"scopes": ["everything"]}, {"expires_on": "2020-01-01"}]
)
def test_a_key_that_is_not_said_right_is_not_made(wrong: dict[str, Any], own: World) -> None:
    with nothing_changes(own):
        answer = own.logged_in(Role.ADMIN).post(page("accounts_apikey", "add"), {**ADD_KEY, **wrong})
    assert answer.context["form"].errors


def test_a_revoked_key_is_worthless_at_once_and_stays_revoked(own: World) -> None:
    key, secret = make.key(own.account, scopes=[Scope.INVOICES_READ])
    own.rows["accounts_apikey"] = key.pk
    client = own.logged_in(Role.ADMIN)
    assert Caller(secret).get("invoices").status == 200
    assert client.post(verb("accounts_apikey_revoke", own)).status_code == 302
    assert Caller(secret).get("invoices").status == 401
    assert AuditEntry.objects.filter(account=own.account, action="api_key.revoked", target=key.prefix).count() == 1
    with nothing_changes(own):
        client.post(verb("accounts_apikey_revoke", own))
    assert (
        verb("accounts_apikey_revoke", own)
        not in client.get(page("accounts_apikey", "change", key.pk)).content.decode()
    )


def test_platform_staff_choose_the_account_of_a_key(own: World, foreign: World) -> None:
    client = platform()
    with nothing_changes(own, foreign):
        assert client.post(page("accounts_apikey", "add"), ADD_KEY).context["form"].errors.keys() == {"account_choice"}
    with nothing_changes(own):
        shown(client.post(page("accounts_apikey", "add"), {**ADD_KEY, "account_choice": str(foreign.account.pk)}))
    assert ApiKey.objects.get(name="Zapier").account == foreign.account


def test_a_webhooks_secret_is_shown_once_and_kept_sealed(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    answer = client.post(page("webhooks_subscription", "add"), ADD_WEBHOOK)
    secret, example = shown(answer)
    assert "no-store" in answer["Cache-Control"]
    assert secret in example
    subscription = Subscription.objects.get(target_url=ADD_WEBHOOK["target_url"])
    assert (subscription.account, subscription.events) == (own.account, ADD_WEBHOOK["events"])
    assert decrypt(subscription.sealed_secret) == secret
    assert secret not in client.get(page("webhooks_subscription", "change", subscription.pk)).content.decode()
    assert AuditEntry.objects.filter(account=own.account, action="subscription.created").count() == 1

    again = client.post(page("webhooks_subscription", "add"), ADD_WEBHOOK)
    assert again["Location"] == page("webhooks_subscription", "change", subscription.pk)
    assert Subscription.objects.filter(target_url=ADD_WEBHOOK["target_url"]).count() == 1


@pytest.mark.parametrize(
    "wrong",
    [{"target_url": "https://127.0.0.1/x"}, {"target_url": "ftp://erp.example"}, {"target_url": ""}, {"events": []}],
)
def test_a_webhook_that_the_api_would_refuse_is_refused(wrong: dict[str, Any], own: World) -> None:
    with nothing_changes(own):
        answer = own.logged_in(Role.ADMIN).post(page("webhooks_subscription", "add"), {**ADD_WEBHOOK, **wrong})
    assert answer.context["form"].errors


def test_the_plan_bounds_the_webhooks(own: World) -> None:
    for number in range(own.account.limits.subscriptions - 1):
        make.subscription(own.account, f"https://erp.example/{number}")
    with nothing_changes(own):
        answer = own.logged_in(Role.ADMIN).post(page("webhooks_subscription", "add"), ADD_WEBHOOK)
    assert "includes 5 webhooks" in answer.content.decode()


def test_unsubscribing_ends_the_subscription_and_cancels_what_is_pending(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    answer = client.post(verb("webhooks_subscription_unsubscribe", own), follow=True)
    assert answer.status_code == 200
    subscription = Subscription.objects.get(pk=own.rows["webhooks_subscription"])
    assert subscription.deleted_at is not None
    assert {delivery.status for delivery in subscription.deliveries.all()} == {"cancelled"}
    assert AuditEntry.objects.filter(account=own.account, action="subscription.ended").count() == 1
    assert client.get(page("webhooks_subscription", "change", subscription.pk)).status_code == 404


def test_a_rotated_key_has_a_successor_and_works_on_for_the_overlap(own: World) -> None:
    key, old = make.key(own.account, name="ERP", scopes=[Scope.INVOICES_READ])
    client = own.logged_in(Role.ADMIN)
    address = page("accounts_apikey", "rotate", key.pk)
    assert address in client.get(page("accounts_apikey", "change", key.pk)).content.decode()
    answer = client.post(address, {"overlap_hours": "24"})
    secret, curl = shown(answer)
    assert ("no-store" in answer["Cache-Control"], secret in curl) == (True, True)
    assert [Caller(each).get("invoices").status for each in (old, secret)] == [200, 200]
    successor = ApiKey.objects.get(digest=digest(secret))
    assert (successor.name, successor.scopes) == ("ERP", [Scope.INVOICES_READ])
    key.refresh_from_db()
    assert key.expires_at
    assert dt.timedelta(hours=23) < key.expires_at - timezone.now() <= dt.timedelta(hours=24)


def test_without_an_overlap_the_old_key_ends_at_once_and_is_not_rotated_again(own: World) -> None:
    key, old = make.key(own.account)
    client, address = own.logged_in(Role.ADMIN), page("accounts_apikey", "rotate", key.pk)
    shown(client.post(address, {"overlap_hours": "0"}))
    assert Caller(old).get("me").status == 401
    with nothing_changes(own):
        assert "no longer valid" in str(client.post(address, {"overlap_hours": "0"}).context["form"].errors)


def test_use_is_shown_against_both_windows_of_the_plan_and_looking_uses_nothing() -> None:
    account = make.account()
    _, secret = make.key(account)
    for _ in range(3):
        Caller(secret).get("me")
    client = logged_in(make.user(account))
    for _ in range(2):
        html = client.get(page("accounts_apikey", "changelist")).content.decode()
        assert "<bdi>3</bdi> of <bdi>30</bdi> requests" in html
        assert "<bdi>3</bdi> of <bdi>1,000</bdi> requests" in html


def test_a_plan_without_a_limit_a_day_says_so() -> None:
    client = logged_in(make.user(make.account(plan=Plan.ENTERPRISE)))
    html = client.get(page("accounts_apikey", "changelist")).content.decode()
    assert "<bdi>0</bdi> requests, unlimited" in html


def test_zapier_is_explained_to_admins(own: World) -> None:
    assert own.logged_in(Role.MANAGER).get("/admin/webhooks/subscription/zapier/").status_code == 403
    html = unescape(own.logged_in(Role.ADMIN).get("/admin/webhooks/subscription/zapier/").content.decode())
    assert "http://testserver/api/zapier/webhooks/subscribe" in html
    assert 'curl -X DELETE -H "X-InFlow-Key: $INFLOW_KEY"' in html


def test_only_what_did_not_arrive_is_sent_again_unless_all_is_asked_for(own: World) -> None:
    subscription = Subscription.objects.get(pk=own.rows["webhooks_subscription"])
    make.invoice(own.account)
    arrived, failed, *_ = subscription.deliveries.order_by("created_at")
    for delivery, status in ((arrived, "delivered"), (failed, "failed")):
        Delivery.objects.filter(pk=delivery.pk).update(status=status, attempts_made=3, next_attempt_at=None)
    client = own.logged_in(Role.ADMIN)
    address = page("webhooks_subscription", "replay_since", subscription.pk)
    client.post(address, {"hours": "24", "only_failed": "on"})
    assert {delivery.status for delivery in Delivery.objects.filter(pk=failed.pk)} == {"pending"}
    assert Delivery.objects.get(pk=arrived.pk).status == "delivered"
    client.post(address, {"hours": "24"})
    assert Delivery.objects.get(pk=arrived.pk).status == "pending"


def test_deliveries_that_are_chosen_are_sent_again(own: World, foreign: World) -> None:
    rows = [own.rows["webhooks_delivery"], foreign.rows["webhooks_delivery"]]
    Delivery.objects.update(status="failed", next_attempt_at=None)
    said = {"action": "replay_selected", "_selected_action": rows, "apply": "1"}
    with nothing_changes(own, foreign):
        own.logged_in(Role.MANAGER).post(page("webhooks_delivery", "changelist"), said)
    own.logged_in(Role.ADMIN).post(page("webhooks_delivery", "changelist"), said)
    assert [Delivery.objects.get(pk=row).status for row in rows] == ["pending", "failed"]


def test_a_webhook_says_how_it_fares(own: World) -> None:
    row = own.rows["webhooks_subscription"]
    address, client = page("webhooks_subscription", "change", row), own.logged_in(Role.ADMIN)
    assert ">Good<" in client.get(address).content.decode()
    Subscription.objects.filter(pk=row).update(failures=7, failing_since=timezone.now())
    assert "7 failed attempts since" in client.get(address).content.decode()
