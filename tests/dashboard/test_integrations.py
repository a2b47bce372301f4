"""Settings > Integrations: API keys and webhooks, made, shown once and ended."""

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest

from inflow.accounts.keys import digest
from inflow.accounts.models import ApiKey, AuditEntry, Scope
from inflow.accounts.roles import Role
from inflow.accounts.sealing import unseal
from tests import make
from tests.api.client import Caller
from tests.dashboard.world import World, nothing_changes, page, platform, verb
from webhooks.models import Subscription

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
    assert unseal(subscription.sealed_secret) == secret
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
    assert "5 webhook subscriptions" in answer.content.decode()


def test_unsubscribing_ends_the_subscription_and_cancels_what_is_pending(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    answer = client.post(verb("webhooks_subscription_unsubscribe", own), follow=True)
    assert answer.status_code == 200
    subscription = Subscription.objects.get(pk=own.rows["webhooks_subscription"])
    assert subscription.deleted_at is not None
    assert {delivery.status for delivery in subscription.deliveries.all()} == {"cancelled"}
    assert AuditEntry.objects.filter(account=own.account, action="subscription.ended").count() == 1
    assert client.get(page("webhooks_subscription", "change", subscription.pk)).status_code == 404
