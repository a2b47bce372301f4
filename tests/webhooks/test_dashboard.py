"""The dashboard's side of it: what was sent, what came back, and sending it again."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from inflow.accounts.encryption import decrypt
from inflow.accounts.models import Account, AuditEntry
from tests import make
from tests.dashboard.world import logged_in
from tests.receiver import Answer, Receiver
from webhooks import endpoints
from webhooks.delivery.sending import deliver_due
from webhooks.models import Delivery, DeliveryStatus, EventType, Subscription
from webhooks.outbox import put

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _cheap_and_on_loopback(settings: Any) -> None:
    settings.TRY_OUT = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def admin(account: Account) -> Client:
    return logged_in(make.user(account))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def announce(account: Account) -> Delivery:
    with transaction.atomic():
        event_id = put(account, EventType.INVOICE_CREATED, {"debtor_name": "<b>أحمد</b>"})
    deliver_due()
    delivery: Delivery = Delivery.objects.select_related("event").get(event=event_id)
    return delivery


def press(client: Client, name: str, row: Delivery | Subscription, **said: str) -> Any:
    return client.post(reverse(f"admin:webhooks_{name}", args=[row.pk]), said, follow=True)


def test_a_delivery_shows_its_body_and_each_answer_escaped(account: Account, admin: Client, receiver: Receiver) -> None:
    receiver.answer = Answer(500, b"<script>alert(1)</script>\0\xff")
    make.subscription(account, receiver.url)
    delivery = announce(account)
    html = admin.get(reverse("admin:webhooks_delivery_change", args=[delivery.pk])).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\ufffd\ufffd" in html
    assert "&lt;b&gt;أحمد&lt;/b&gt;" in html
    assert "<script>alert" not in html
    assert "HTTP 500" in html
    assert delivery.event_id in html


def test_a_delivery_is_sent_again_by_post_only(account: Account, admin: Client, receiver: Receiver) -> None:
    make.subscription(account, receiver.url)
    delivery = announce(account)
    assert admin.get(reverse("admin:webhooks_delivery_replay", args=[delivery.pk])).status_code == 200
    assert deliver_due() == 0
    assert press(admin, "delivery_replay", delivery).status_code == 200
    assert deliver_due() == 1
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert AuditEntry.objects.filter(account=account, action="delivery.replayed").count() == 1


def test_everything_of_the_last_hour_is_sent_again(account: Account, admin: Client, receiver: Receiver) -> None:
    subscription, _ = make.subscription(account, receiver.url)
    for _ in range(3):
        announce(account)
    press(admin, "subscription_replay_since", subscription, hours="336")
    assert deliver_due() == 3
    assert len(receiver.requests) == 6


def test_a_disabled_webhook_says_why_and_is_enabled(account: Account, admin: Client, receiver: Receiver) -> None:
    subscription, _ = make.subscription(account, receiver.url)
    endpoints.disable(subscription.pk, endpoints.REASON_GONE, DeliveryStatus.CANCELLED)
    delivery = announce(account)
    page = admin.get(reverse("admin:webhooks_subscription_change", args=[subscription.pk])).content.decode()
    assert "HTTP 410" in page
    for name in ("subscription_send_test", "subscription_replay_since"):
        assert "enable it first" in press(admin, name, subscription, hours="1").content.decode()
    assert "enable it first" in press(admin, "delivery_replay", delivery).content.decode()
    assert receiver.requests == []
    press(admin, "subscription_enable", subscription)
    press(admin, "subscription_send_test", subscription)
    assert deliver_due() == 1
    assert receiver.requests[0].json["type"] == "webhook.test"


def test_a_new_secret_is_shown_once_and_signs_at_once(account: Account, admin: Client, receiver: Receiver) -> None:
    subscription, old = make.subscription(account, receiver.url)
    answer = press(admin, "subscription_rotate_secret", subscription)
    new = decrypt(Subscription.objects.get().sealed_secret)
    assert new != old
    assert new in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    announce(account)
    assert receiver.requests[0].verified(new) == receiver.requests[0].verified(old)
    assert AuditEntry.objects.filter(account=account, action="subscription.secret_rotated").count() == 1
