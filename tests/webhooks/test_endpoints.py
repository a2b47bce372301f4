"""An endpoint that is gone or fails for days is given up, its account's admins are told, and nothing is lost."""

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from tests import make
from tests.receiver import Answer, Receiver
from webhooks import endpoints, notifications, subscriptions
from webhooks.delivery.sending import deliver_due
from webhooks.models import Attempt, Delivery, DeliveryStatus, EventType, Subscription
from webhooks.outbox import put

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.TRY_OUT = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def announce(account: Account, count: int = 1) -> None:
    with transaction.atomic():
        for number in range(count):
            put(account, EventType.INVOICE_CREATED, {"number": number})


def statuses(subscription: Subscription) -> list[str]:
    return sorted(Delivery.objects.filter(subscription=subscription).values_list("status", flat=True))


def failing_for(subscription: Subscription, hours: float, failures: int) -> None:
    since = timezone.now() - dt.timedelta(hours=hours)
    Subscription.objects.filter(pk=subscription.pk).update(failing_since=since, failures=failures)


# --- 410 ---------------------------------------------------------------------------------------------------------


def test_gone_disables_the_endpoint_and_cancels_what_is_pending() -> None:
    account = make.account(plan="enterprise")
    with Receiver(Answer(410)) as receiver, Receiver() as other:
        gone, _ = make.subscription(account, receiver.url)
        stays, _ = make.subscription(account, other.url)
        announce(account, 30)
        deliver_due()
        assert len(other.requests) == 30
        assert len(receiver.requests) <= 2  # those in flight
        announce(account)
        deliver_due()
        assert len(receiver.requests) <= 2
    gone.refresh_from_db()
    assert (gone.is_active, gone.disabled_reason) == (False, "gone")
    found = statuses(gone)
    assert found.count("failed") == len(receiver.requests)
    assert found.count("cancelled") == 30 - found.count("failed")
    assert found.count("skipped") == 1
    stays.refresh_from_db()
    assert stays.is_active


# --- Failing for days --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "failures", "is_given_up"),
    [(120.1, 9, True), (119.9, 9, False), (120.1, 8, False), (119.9, 500, False), (500, 500, True)],
)
def test_it_is_given_up_after_120_hours_without_a_success_and_ten_failures(
    hours: float, failures: int, is_given_up: bool
) -> None:
    account = make.account()
    with Receiver(Answer(500)) as receiver:
        subscription, _ = make.subscription(account, receiver.url)
        announce(account)
        failing_for(subscription, hours, failures)
        deliver_due()
    subscription.refresh_from_db()
    assert subscription.is_active is not is_given_up
    assert subscription.failures == failures + 1
    assert Attempt.objects.count() == 1
    if is_given_up:
        assert subscription.disabled_reason == "failing"
        assert statuses(subscription) == ["skipped"]
        announce(account)
        assert deliver_due() == 0
        assert statuses(subscription) == ["skipped", "skipped"]


def test_a_success_begins_the_count_anew() -> None:
    account = make.account()
    with Receiver() as receiver:
        subscription, _ = make.subscription(account, receiver.url)
        announce(account)
        failing_for(subscription, 500, 500)
        deliver_due()
        subscription.refresh_from_db()
        assert (subscription.failing_since, subscription.failures, subscription.is_active) == (None, 0, True)
        receiver.answer = Answer(500)
        announce(account, 3)
        deliver_due()
    subscription.refresh_from_db()
    assert subscription.failures == 3
    assert subscription.failing_since is not None
    assert subscription.failing_since > timezone.now() - dt.timedelta(minutes=1)


def test_an_endpoint_that_took_long_is_in_the_slow_lane_until_it_does_not() -> None:
    account = make.account()
    with Receiver(Answer(after_s=endpoints.SLOW_MS / 1000 + 0.05)) as receiver:
        subscription, _ = make.subscription(account, receiver.url)
        announce(account)
        deliver_due()
        subscription.refresh_from_db()
        assert subscription.is_slow
        receiver.answer = Answer()
        announce(account)
        deliver_due()
        subscription.refresh_from_db()
        assert not subscription.is_slow


def test_what_was_written_as_pending_for_a_disabled_endpoint_is_closed_and_not_sent() -> None:
    account = make.account(plan="enterprise")
    with Receiver() as receiver:
        made = [make.subscription(account, f"{receiver.url}/{number}")[0] for number in range(3)]
        announce(account)
        Subscription.objects.filter(pk=made[0].pk).update(is_active=False, disabled_reason="failing")
        Subscription.objects.filter(pk=made[1].pk).update(is_active=False, disabled_reason="gone")
        Subscription.objects.filter(pk=made[2].pk).update(is_active=False, deleted_at=timezone.now())
        assert deliver_due() == 0
        assert receiver.requests == []
    assert [statuses(each) for each in made] == [["skipped"], ["cancelled"], ["cancelled"]]
    assert not Attempt.objects.exists()


def test_unsubscribing_cancels_what_is_pending() -> None:
    account = make.account()
    with Receiver() as receiver:
        subscription, _ = make.subscription(account, receiver.url)
        announce(account, 3)
        assert subscriptions.unsubscribe(subscription)
        assert not subscriptions.unsubscribe(subscription)
        assert deliver_due() == 0
        announce(account)
        assert deliver_due() == 0
        assert receiver.requests == []
    assert statuses(subscription) == ["cancelled"] * 3


def test_a_suspended_accounts_webhooks_drain() -> None:
    account = make.account()
    with Receiver() as receiver:
        make.subscription(account, receiver.url)
        announce(account)
        Account.objects.update(suspended_at=timezone.now())
        assert deliver_due() == 1
        assert len(receiver.requests) == 1


# --- Telling the admins ------------------------------------------------------------------------------------------


def disabled(reason: str = endpoints.REASON_FAILING, language: str = "en") -> Subscription:
    account = make.account(language=language)
    for role in Role:
        make.user(account, role, email=f"{role}@falcon.example")
    inactive = make.user(account, Role.ADMIN, email="left@falcon.example")
    inactive.is_active = False
    inactive.save()
    make.user(make.account("Another LLC"), Role.ADMIN)
    subscription, _ = make.subscription(account, "https://hooks.example.com/inflow")
    failing_for(subscription, 130, 40)
    assert endpoints.disable(subscription.pk, reason, DeliveryStatus.SKIPPED)
    assert not endpoints.disable(subscription.pk, reason, DeliveryStatus.SKIPPED)
    return subscription


@pytest.mark.parametrize("reason", ["gone", "failing"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_accounts_admins_are_mailed_once_in_its_language(reason: str, language: str) -> None:
    subscription = disabled(reason, language)
    assert notifications.notify_admins() == 1
    assert notifications.notify_admins() == 0
    [message] = mail.outbox
    assert message.to == ["admin@falcon.example"]
    assert "hooks.example.com" in message.subject
    assert "\n" not in message.subject
    assert "https://hooks.example.com/inflow" in message.body
    assert f"/api/zapier/webhooks/{subscription.pk}/enable" in message.body
    assert ("HTTP 410" in message.body) == (reason == "gone")
    assert ("40" in message.body.replace(str(subscription.pk), "").replace("410", "")) == (reason == "failing")
    assert ("أوقف" in message.body) == (language == "ar")


def test_a_mail_server_that_is_away_is_asked_again_and_breaks_nothing(settings: Any) -> None:
    subscription = disabled()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert notifications.notify_admins() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert notifications.notify_admins() == 0, "not at once"
    Subscription.objects.filter(pk=subscription.pk).update(notice_due_at=timezone.now())
    assert notifications.notify_admins() == 1
    assert len(mail.outbox) == 1


def test_nobody_is_mailed_of_an_endpoint_that_is_enabled_again() -> None:
    subscription = disabled()
    assert subscriptions.enable(subscription)
    assert not subscriptions.enable(subscription)
    assert notifications.notify_admins() == 0
    assert mail.outbox == []
    subscription.refresh_from_db()
    assert (subscription.is_active, subscription.disabled_reason, subscription.failures) == (True, "", 0)
