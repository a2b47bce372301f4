"""Changes to subscriptions: subscribe, unsubscribe, enable, rotate secrets, send a test."""

import datetime as dt
from collections.abc import Iterable, Mapping

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from inflow.accounts.encryption import decrypt, encrypt
from inflow.accounts.models import Account
from webhooks import outbox
from webhooks.delivery import signing
from webhooks.endpoints import REASON_GONE
from webhooks.errors import DuplicateSubscription, SubscriptionDisabled, TooManySubscriptions
from webhooks.models import TEST_EVENT, Delivery, DeliveryStatus, Subscription

# How long a secret still signs after a newer one was made, and how many sign at most.
SECRET_OVERLAP = dt.timedelta(hours=24)
MAX_SECRETS = 5


def subscribe(account: Account, target_url: str, events: Iterable[str]) -> tuple[Subscription, str | None]:
    """Return a subscription and its new secret.

    If one with the same target and events exists, return it without a secret or, if it is disabled, enable it with a
    new secret. Raise `TooManySubscriptions` if the plan allows no further one.
    """
    wanted = sorted(set(events))
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # parallel calls wait here
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
        new = Subscription(account=account, target_url=target_url, events=wanted, sealed_secret=encrypt(secret))
        new.save(force_insert=True)
        return new, secret


def change(
    subscription: Subscription,
    *,
    target_url: str | None = None,
    events: Iterable[str] | None = None,
    description: str | None = None,
) -> list[str]:
    """Change the named values and return the names of those that changed.

    Pending deliveries go to the new target. Raise `DuplicateSubscription` if another one has the same target and
    events.
    """
    with transaction.atomic():
        stored = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        wanted = {
            "target_url": stored.target_url if target_url is None else target_url,
            "events": stored.events if events is None else sorted(set(events)),
            "description": stored.description if description is None else description,
        }
        changed = [name for name, value in wanted.items() if getattr(stored, name) != value]
        fresh = {"failing_since": None, "failures": 0, "is_slow": False} if "target_url" in changed else {}
        for name, value in {**wanted, **fresh}.items():
            setattr(subscription, name, value)
        if changed:
            try:
                with transaction.atomic():
                    subscription.save(update_fields=[*changed, *fresh])
            except IntegrityError as error:
                if "subscription_is_unique_per_target_and_events" in str(error):
                    raise DuplicateSubscription from error
                raise
    return changed


def unsubscribe(subscription: Subscription) -> bool:
    """End a subscription and cancel its pending deliveries. Return False if it had already ended."""
    with transaction.atomic():
        ended = Subscription.objects.filter(pk=subscription.pk, deleted_at=None).update(
            deleted_at=timezone.now(), is_active=False
        )
        Delivery.objects.filter(subscription=subscription, status=DeliveryStatus.PENDING).update(
            status=DeliveryStatus.CANCELLED, next_attempt_at=None, lease=None
        )
    return ended == 1


def enable(subscription: Subscription) -> bool:
    """Enable a disabled subscription. Return False if it was already enabled.

    Skipped deliveries are not sent unless they are replayed. Raise `TooManySubscriptions` if the endpoint was gone and
    the plan allows no further subscription.
    """
    fresh = {"is_active": True, "disabled_reason": "", "failing_since": None, "failures": 0, "notice_due_at": None}
    with transaction.atomic():
        account = Account.objects.select_for_update(no_key=True).get(pk=subscription.account_id)
        stored = Subscription.objects.filter(pk=subscription.pk, is_active=False, deleted_at=None)
        if stored.filter(_IS_GONE).exists():
            _check_room(account)
        for name, value in fresh.items():
            setattr(subscription, name, value)
        return stored.update(**fresh) == 1


# Subscriptions whose endpoint returned 410 do not count towards the plan's limit.
_IS_GONE = Q(is_active=False, disabled_reason=REASON_GONE)


def _check_room(account: Account) -> None:
    """Raise `TooManySubscriptions` if the plan allows no further one. The caller has locked the account."""
    counted = Subscription.objects.for_account(account).filter(deleted_at=None).exclude(_IS_GONE)
    if counted.count() >= account.limits.subscriptions:
        raise TooManySubscriptions(counted.filter(is_active=False).count())


def rotate_secret(subscription: Subscription, *, revoke: bool = False) -> str:
    """Create and return a new secret.

    Secrets of the last 24 hours keep signing unless `revoke` is set, so that several rotations cause no outage.
    """
    secret, now = signing.new_secret(), timezone.now()
    with transaction.atomic():
        stored = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        earlier: list[dict[str, str]] = []
        if not revoke:
            last = {"sealed": stored.sealed_secret, "until": (now + SECRET_OVERLAP).isoformat()}
            earlier = [last, *(each for each in stored.earlier_secrets if _still_signs(each, now))]
        stored.sealed_secret, stored.earlier_secrets = encrypt(secret), earlier[: MAX_SECRETS - 1]
        stored.save(update_fields=["sealed_secret", "earlier_secrets"])
    return secret


def earlier_signing_secrets(earlier_secrets: Iterable[Mapping[str, str]], now: dt.datetime) -> list[str]:
    """Return the encrypted earlier secrets that still sign."""
    return [each["sealed"] for each in earlier_secrets if _still_signs(each, now)]


def _still_signs(earlier: Mapping[str, str], now: dt.datetime) -> bool:
    return dt.datetime.fromisoformat(earlier["until"]) > now


def reseal(subscription: Subscription) -> None:
    """Encrypt the secrets again with the first of FIELD_KEYS."""
    with transaction.atomic():
        stored = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        stored.sealed_secret = encrypt(decrypt(stored.sealed_secret))
        stored.earlier_secrets = [
            {"sealed": encrypt(decrypt(each["sealed"])), "until": each["until"]} for each in stored.earlier_secrets
        ]
        stored.save(update_fields=["sealed_secret", "earlier_secrets"])


def send_test(subscription: Subscription) -> str:
    """Send a `webhook.test` event to this subscription. Return the event's id. Raise `SubscriptionDisabled`."""
    if not subscription.is_active:
        raise SubscriptionDisabled
    data = {"webhook": {"id": subscription.pk, "target_url": subscription.target_url, "events": subscription.events}}
    with transaction.atomic():
        return outbox.put(subscription.account, TEST_EVENT, data, only=subscription)
