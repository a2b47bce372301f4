"""Mail to an account's admins when one of its endpoints was disabled."""

import datetime as dt
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from inflow.accounts.models import User
from inflow.accounts.roles import Role
from webhooks.models import Subscription
from webhooks.replaying import REPLAY_WINDOW

log = structlog.get_logger(__name__)

# A mail that failed is sent again after this time.
RETRY_AFTER = dt.timedelta(minutes=10)


def notify_admins() -> int:
    """Mail the notices that are due. Return the number of successful ones; the others are logged and retried."""
    notified = 0
    while (subscription := _claim()) is not None:
        try:
            _send(subscription)
        except Exception as error:  # whatever the mail server raises
            log.warning("webhook_notice_failed", subscription=str(subscription.pk), error=type(error).__name__)
        else:
            notified += 1
            subscription.notice_due_at = None
            subscription.save(update_fields=["notice_due_at"])
    return notified


def _claim() -> Subscription | None:
    """Return a subscription whose notice is due, and postpone the notice in case this attempt fails."""
    now = timezone.now()
    due = Subscription.objects.filter(notice_due_at__lte=now).order_by("notice_due_at").select_related("account")
    with transaction.atomic():
        subscription: Subscription | None = due.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
        if subscription:
            subscription.notice_due_at = now + RETRY_AFTER
            subscription.save(update_fields=["notice_due_at"])
    return subscription


def _send(subscription: Subscription) -> None:
    account = subscription.account
    admins = User.objects.filter(account=account, role=Role.ADMIN, is_active=True)
    if subscription.is_active or not (addresses := list(admins.values_list("email", flat=True))):
        return
    context = {
        "account": account,
        "subscription": subscription,
        "host": urlsplit(subscription.target_url).hostname,
        "zone": account.time_zone,
        "days": REPLAY_WINDOW.days,
        "base_url": settings.BASE_URL,
    }
    folder = f"webhooks/{account.language}"
    with timezone.override(account.zone):
        subject = render_to_string(f"{folder}/disabled.subject.txt", context).strip()
        body = render_to_string(f"{folder}/disabled.txt", context)
    for address in addresses:  # separate messages, so that admins don't see each other's addresses
        EmailMessage(subject, body, to=[address]).send()
