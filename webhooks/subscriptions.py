"""Subscribing and unsubscribing, and what an integrator does with a subscription in between."""

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from inflow.accounts.models import Account
from inflow.accounts.sealing import seal, unseal
from webhooks import outbox, signing
from webhooks.models import TEST_EVENT, Delivery, DeliveryStatus, Subscription

BOTH_SIGN = dt.timedelta(hours=24)


class TooMany(Exception):
    """The plan's number of subscriptions is used up."""


class Disabled(Exception):
    """Nothing is sent to a subscription that is disabled."""


def subscribe(account: Account, target_url: str, events: Iterable[str]) -> tuple[Subscription, str | None]:
    """The subscription and its secret, which is shown this once. The same target and events again: the one that
    exists and no secret; one that was disabled is enabled again, with a new secret.
    """
    wanted = sorted(set(events))
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # parallel calls count one after the other
        live = Subscription.objects.for_account(account).filter(deleted_at=None)
        existing = live.filter(target_url=target_url, events=wanted).first()
        if existing and existing.is_active:
            return existing, None
        secret = signing.new_secret()
        if existing:
            existing.sealed_secret, existing.sealed_previous_secret = seal(secret), ""
            existing.save(update_fields=["sealed_secret", "sealed_previous_secret"])
            enable(existing)
            return existing, secret
        if live.count() >= account.limits.subscriptions:
            raise TooMany
        return (
            Subscription.objects.create(
                account=account, target_url=target_url, events=wanted, sealed_secret=seal(secret)
            ),
            secret,
        )


def unsubscribe(subscription: Subscription) -> bool:
    """End it and cancel what is pending. False if it was ended already."""
    with transaction.atomic():
        ended = Subscription.objects.filter(pk=subscription.pk, deleted_at=None).update(
            deleted_at=timezone.now(), is_active=False
        )
        Delivery.objects.filter(subscription=subscription, status=DeliveryStatus.PENDING).update(
            status=DeliveryStatus.CANCELLED, next_attempt_at=None, lease=None
        )
    return ended == 1


def enable(subscription: Subscription) -> bool:
    """Send to it again from now on. What was skipped meanwhile waits for a replay. False if it was enabled."""
    fresh = {
        "is_active": True,
        "disabled_reason": "",
        "failing_since": None,
        "failures": 0,
        "notice_due_at": None,
    }
    for name, value in fresh.items():
        setattr(subscription, name, value)
    return Subscription.objects.filter(pk=subscription.pk, is_active=False, deleted_at=None).update(**fresh) == 1


def rotate_secret(subscription: Subscription) -> str:
    """A new secret, which is shown this once. The one until now signs beside it for 24 hours."""
    secret = signing.new_secret()
    with transaction.atomic():
        stored = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        stored.sealed_previous_secret, stored.sealed_secret = stored.sealed_secret, seal(secret)
        stored.previous_secret_until = timezone.now() + BOTH_SIGN
        stored.save(update_fields=["sealed_secret", "sealed_previous_secret", "previous_secret_until"])
    return secret


def reseal(subscription: Subscription) -> None:
    """Encrypt its secrets anew, under the first of FIELD_KEYS."""
    with transaction.atomic():
        stored = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        stored.sealed_secret = seal(unseal(stored.sealed_secret))
        if stored.sealed_previous_secret:
            stored.sealed_previous_secret = seal(unseal(stored.sealed_previous_secret))
        stored.save(update_fields=["sealed_secret", "sealed_previous_secret"])


def send_test(subscription: Subscription) -> str:
    """Put a `webhook.test` event on its way to this subscription alone; the event's id. Raises `Disabled`."""
    if not subscription.is_active:
        raise Disabled
    data = {"webhook": {"id": subscription.pk, "target_url": subscription.target_url, "events": subscription.events}}
    with transaction.atomic():
        return outbox.put(subscription.account, TEST_EVENT, data, only=subscription)
