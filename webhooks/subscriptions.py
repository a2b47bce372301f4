"""Subscribing and unsubscribing, and what an integrator does with a subscription in between."""

import datetime as dt
from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from inflow.accounts.encryption import decrypt, encrypt
from inflow.accounts.models import Account
from webhooks import outbox
from webhooks.delivery import signing
from webhooks.endpoints import REASON_GONE
from webhooks.models import TEST_EVENT, Delivery, DeliveryStatus, Subscription

# How long a secret signs beside those that came after it, and how many sign at most.
SIGNS_ON_FOR = dt.timedelta(hours=24)
MOST_SECRETS = 5


class TooMany(Exception):
    """The plan's number of subscriptions is used up. `disabled` of them are disabled."""

    def __init__(self, disabled: int) -> None:
        super().__init__(disabled)
        self.disabled = disabled


class Disabled(Exception):
    """Nothing is sent to a subscription that is disabled."""


def subscribe(account: Account, target_url: str, events: Iterable[str]) -> tuple[Subscription, str | None]:
    """The subscription and its secret, which is shown this once. The same target and events again: the one that
    exists and no secret; one that was disabled is enabled again, with a new secret. Raises `TooMany`.
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
            enable(existing)
            existing.sealed_secret, existing.earlier_secrets = encrypt(secret), []
            existing.save(update_fields=["sealed_secret", "earlier_secrets"])
            return existing, secret
        _check_room(account)
        return (
            Subscription.objects.create(
                account=account, target_url=target_url, events=wanted, sealed_secret=encrypt(secret)
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
    """Send to it again from now on. What was skipped meanwhile waits for a replay. False if it was enabled.

    Raises `TooMany` for one that was gone, if others have taken its place in the plan."""
    fresh = {
        "is_active": True,
        "disabled_reason": "",
        "failing_since": None,
        "failures": 0,
        "notice_due_at": None,
    }
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).get(pk=subscription.account_id)
        stored = Subscription.objects.filter(pk=subscription.pk, is_active=False, deleted_at=None)
        if stored.filter(_IS_GONE).exists():
            _check_room(account)
        for name, value in fresh.items():
            setattr(subscription, name, value)
        return stored.update(**fresh) == 1


# One that answered 410 does not count against the plan.
_IS_GONE = Q(is_active=False, disabled_reason=REASON_GONE)


def _check_room(account: Account) -> None:
    """Raise `TooMany` if the plan allows no further subscription. The account's row is locked."""
    counted: QuerySet[Subscription] = Subscription.objects.for_account(account).filter(deleted_at=None)
    counted = counted.exclude(_IS_GONE)
    if counted.count() >= account.limits.subscriptions:
        raise TooMany(counted.filter(is_active=False).count())


def rotate_secret(subscription: Subscription, *, revokes: bool = False) -> str:
    """Make a new secret, which is shown this once. Those of the last 24 hours sign beside it, unless it revokes them.

    Whichever of them the receiver still uses, so that a second rotation is no outage."""
    secret, now = signing.new_secret(), timezone.now()
    with transaction.atomic():
        stored = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        earlier: list[dict[str, str]] = []
        if not revokes:
            last = {"sealed": stored.sealed_secret, "until": (now + SIGNS_ON_FOR).isoformat()}
            earlier = [last, *(each for each in stored.earlier_secrets if _still_signs(each, now))]
        stored.sealed_secret, stored.earlier_secrets = encrypt(secret), earlier[: MOST_SECRETS - 1]
        stored.save(update_fields=["sealed_secret", "earlier_secrets"])
    return secret


def signing_beside(earlier_secrets: Iterable[Mapping[str, str]], now: dt.datetime) -> list[str]:
    """Return those of a subscription's earlier secrets, sealed, that have not ended."""
    return [each["sealed"] for each in earlier_secrets if _still_signs(each, now)]


def _still_signs(earlier: Mapping[str, str], now: dt.datetime) -> bool:
    return dt.datetime.fromisoformat(earlier["until"]) > now


def reseal(subscription: Subscription) -> None:
    """Encrypt its secrets anew, under the first of FIELD_KEYS."""
    with transaction.atomic():
        stored = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        stored.sealed_secret = encrypt(decrypt(stored.sealed_secret))
        stored.earlier_secrets = [
            {"sealed": encrypt(decrypt(each["sealed"])), "until": each["until"]} for each in stored.earlier_secrets
        ]
        stored.save(update_fields=["sealed_secret", "earlier_secrets"])


def send_test(subscription: Subscription) -> str:
    """Put a `webhook.test` event on its way to this subscription alone; the event's id. Raises `Disabled`."""
    if not subscription.is_active:
        raise Disabled
    data = {"webhook": {"id": subscription.pk, "target_url": subscription.target_url, "events": subscription.events}}
    with transaction.atomic():
        return outbox.put(subscription.account, TEST_EVENT, data, only=subscription)
