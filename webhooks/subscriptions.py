"""Subscribing and unsubscribing."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from inflow.accounts.models import Account
from inflow.accounts.sealing import seal
from webhooks import signing
from webhooks.models import Delivery, DeliveryStatus, Subscription


class TooMany(Exception):
    """The plan's number of subscriptions is used up."""


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
            existing.is_active, existing.disabled_reason = True, ""
            existing.sealed_secret = seal(secret)
            existing.save()
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
