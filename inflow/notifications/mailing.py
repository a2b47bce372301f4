"""Sending of notifications. All that are due for a person go into one mail; a digest is a mail of its own.

A worker postpones the rows before it sends them, so no other worker sends them meanwhile. If it is killed, they are
due again after `LEASE`. The mail's Message-ID is derived from its first row, so that mail servers and programs
recognize a repeated mail.
"""

import datetime as dt
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation

from inflow.accounts.login_mail import language_of
from inflow.accounts.models import User
from inflow.notifications import digest, items
from inflow.notifications.models import Kind, Notification, Preferences

log = structlog.get_logger(__name__)

LEASE = dt.timedelta(minutes=10)
GIVE_UP_AFTER = dt.timedelta(days=3)
MOST_IN_A_MAIL = 50


def send_due() -> int:
    """Send the due notifications and return the number of mails. A failure is logged, and the mail is retried."""
    sent = 0
    while rows := _claim():
        try:
            sent += _send(rows)
        except Exception as error:  # a mail backend may raise anything
            log.warning("notification_failed", notification=str(rows[0].pk), error=type(error).__name__)
    return sent


def _claim() -> list[Notification]:
    """Return the due notifications of one person, and postpone them by `LEASE`."""
    now = timezone.now()
    with transaction.atomic():
        due = Notification.objects.filter(due_at__lte=now)
        first = due.order_by("due_at", "pk").select_for_update(skip_locked=True).first()
        if first is None:
            return []
        rows = [first]
        if first.kind != Kind.DIGEST:
            others = due.filter(user=first.user_id).exclude(pk=first.pk).exclude(kind=Kind.DIGEST)
            rows += others.order_by("created_at", "pk").select_for_update(skip_locked=True)[: MOST_IN_A_MAIL - 1]
        Notification.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=now + LEASE)
    return rows


def _send(rows: list[Notification]) -> int:
    user = User.objects.get(pk=rows[0].user_id)
    message = _message(user, rows)
    if message:
        message.send()
    is_sent = {"sent_at": timezone.now()} if message else {}
    Notification.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=None, **is_sent)
    return 1 if message else 0


def _message(user: User, rows: list[Notification]) -> EmailMessage | None:
    """Return the mail, or None if nothing is left to report or the person may not get it any more."""
    account, first = user.account, rows[0]
    if not user.is_active or account is None or account.suspended_at or first.account_id != account.pk:
        return None
    if timezone.now() - first.created_at > GIVE_UP_AFTER:
        return None
    chosen = Preferences.objects.filter(pk=user.pk).first() or Preferences()
    chosen.user = user
    language = language_of(user)
    with translation.override(language), timezone.override(chosen.zone):
        context = _context(user, rows)
        if context is None:
            return None
        context |= {"account": account.name, "settings_url": items.link("notifications"), "base_url": settings.BASE_URL}
        name = "digest" if first.kind == Kind.DIGEST else "notice"
        subject = render_to_string(f"notifications/{language}/{name}.subject.txt", context)
        body = render_to_string(f"notifications/{language}/{name}.txt", context)
    domain = urlsplit(settings.BASE_URL).hostname or "localhost"
    headers = {"Message-ID": f"<notification-{first.pk}@{domain}>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(" ".join(subject.split())[:200], body, to=[user.email], headers=headers)


def _context(user: User, rows: list[Notification]) -> dict[str, Any] | None:
    if rows[0].kind == Kind.DIGEST:
        return digest.content(user)
    shown = [item for item in map(items.of, rows) if item]
    return {"items": shown, "item": shown[0], "count": len(shown)} if shown else None
