"""Mail to an account's admins: one of its endpoints was disabled."""

import datetime as dt
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection
from django.template.loader import render_to_string
from django.utils import timezone

from inflow.accounts.models import User
from inflow.accounts.roles import Role
from webhooks.models import Subscription
from webhooks.replaying import REPLAY_WINDOW

log = structlog.get_logger(__name__)

# A notice that could not be mailed is tried again after this time.
RETRY_AFTER = dt.timedelta(minutes=10)

_CLAIM = """
UPDATE webhooks_subscription SET notice_due_at = %(again)s WHERE id = (
  SELECT id FROM webhooks_subscription WHERE notice_due_at <= %(now)s
  ORDER BY notice_due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
) RETURNING id
"""


def notify_admins() -> int:
    """Mail the notices that are due; how many were mailed. One that fails is logged, and comes again."""
    told = 0
    while (subscription := _claim()) is not None:
        try:
            _send(subscription)
        except Exception as error:  # whatever the mail server thinks of
            log.warning("webhook_notice_failed", subscription=str(subscription.pk), error=type(error).__name__)
        else:
            told += 1
            Subscription.objects.filter(pk=subscription.pk).update(notice_due_at=None)
    return told


def _claim() -> Subscription | None:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "again": now + RETRY_AFTER})
        row = cursor.fetchone()
    return Subscription.objects.select_related("account").get(pk=row[0]) if row else None


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
    for address in addresses:  # one each: they need not learn each other's
        EmailMessage(subject, body, to=[address]).send()
