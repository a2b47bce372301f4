"""Sending of notifications. All that are due for a person go into one mail; a digest is a mail of its own.

A worker postpones the rows before it sends them, so no other worker sends them meanwhile. If it is killed, they are
due again after `LEASE`. A mail that is sent again has the rows and the Message-ID of the first attempt, so that mail
servers and programs recognize it.
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
            others = due.filter(user=first.user_id, mail=first.mail).exclude(pk=first.pk).exclude(kind=Kind.DIGEST)
            rows += others.order_by("created_at", "pk").select_for_update(skip_locked=True)[: MOST_IN_A_MAIL - 1]
        mail = first.mail or first.pk
        Notification.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=now + LEASE, mail=mail)
        for row in rows:
            row.mail = mail
    return sorted(rows, key=lambda row: (row.created_at, row.pk))


def _send(rows: list[Notification]) -> int:
    user = User.objects.get(pk=rows[0].user_id)
    timely = [row for row in rows if not _is_too_late(row)]
    message = _message(user, timely) if timely else None
    if message:
        message.send()
        Notification.objects.filter(pk__in=[row.pk for row in timely]).update(due_at=None, sent_at=timezone.now())
    Notification.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=None)
    return 1 if message else 0


def _message(user: User, rows: list[Notification]) -> EmailMessage | None:
    """Return the mail, or None if nothing is left to report or the person may not get it any more."""
    account, first = user.account, rows[0]
    if not user.is_active or account is None or account.suspended_at or first.account_id != account.pk:
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
    headers = {"Message-ID": f"<notification-{first.mail}@{domain}>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(" ".join(subject.split())[:200], body, to=[user.email], headers=headers)


def _is_too_late(row: Notification) -> bool:
    """Return True if the row is given up, or is a digest that the next one has replaced."""
    if timezone.now() - row.created_at > GIVE_UP_AFTER:
        return True
    newer = Notification.objects.filter(user=row.user_id, kind=Kind.DIGEST, created_at__gt=row.created_at)
    return row.kind == Kind.DIGEST and newer.exists()


def _context(user: User, rows: list[Notification]) -> dict[str, Any] | None:
    if rows[0].kind == Kind.DIGEST:
        return digest.content(user)
    shown = [item for item in map(items.of, rows) if item]
    return {"items": shown, "item": shown[0], "count": len(shown)} if shown else None
