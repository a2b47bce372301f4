"""Notices by email to admins and platform staff: a channel is not set up, a server refuses messages, a fetch fails."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from communications.models import Communication, Medium, Notice, SenderHealth, State
from inflow.accounts.models import Account, Language, User
from inflow.accounts.roles import Role
from invoices.models import OpenItemsSource

log = structlog.get_logger(__name__)

NO_CHANNEL, REFUSED, FAILED_FETCH = "no_channel", "refused", "failed_fetch"
# Reasons of messages that are postponed because the mail server or gateway refuses them.
REFUSED_BY_SERVER = ("refused", "paused", "away")
INTERVAL = dt.timedelta(days=1)
# Time until a notice that could not be sent is tried again.
RETRY_AFTER = dt.timedelta(minutes=30)


def notify_missing_channels(now: dt.datetime | None = None) -> int:
    """Notify the admins of live accounts whose messages need a channel that is not set up, once a day.

    Return the number of notified accounts.
    """
    return _notify_accounts(NO_CHANNEL, _waiting([NO_CHANNEL]), now or timezone.now())


def notify_refusals(now: dt.datetime | None = None) -> int:
    """Notify the admins of each live account whose messages are refused for reasons of class `OURS`, once a day.

    Notify platform staff as well if the installation's mail server refuses them. Return the number of notified
    accounts.
    """
    now = now or timezone.now()
    waiting = _waiting(REFUSED_BY_SERVER)
    mails = waiting.filter(channel=Medium.EMAIL)
    if count := mails.count():
        _notify_staff(mails, count, now)
    return _notify_accounts(REFUSED, waiting, now)


def notify_failed_fetches(now: dt.datetime | None = None) -> int:
    """Notify the admins of each account whose list of open items could not be fetched, once until a fetch succeeds.

    Return the number of notified accounts.
    """
    now, notified = now or timezone.now(), 0
    for source in OpenItemsSource.objects.filter(notice_due_at__lte=now).select_related("account"):
        account = source.account
        claim = OpenItemsSource.objects.filter(pk=source.pk, notice_due_at=source.notice_due_at)
        if not claim.update(notice_due_at=now + RETRY_AFTER):  # if the mail fails
            continue
        admins = User.objects.filter(account=account, role=Role.ADMIN, is_active=True)
        try:
            _mail(FAILED_FETCH, account.language, admins, name=account.name, source=source, zone=account.time_zone)
        except Exception as error:
            log.warning("notice_failed", account=str(account.pk), about=FAILED_FETCH, error=type(error).__name__)
        else:
            OpenItemsSource.objects.filter(pk=source.pk, notice_due_at=now + RETRY_AFTER).update(notice_due_at=None)
            notified += 1
    return notified


def _waiting(reasons: Iterable[str]) -> "QuerySet[Communication]":
    return Communication.objects.filter(status=State.SCHEDULED, waits_for__in=reasons, account__is_test=False)


def _notify_accounts(about: str, waiting: "QuerySet[Communication]", now: dt.datetime) -> int:
    notified = 0
    for account in Account.objects.filter(pk__in=waiting.order_by().values("account_id").distinct()):
        notice, _ = Notice.objects.get_or_create(account=account, about=about)
        due = Notice.objects.filter(Q(told_at=None) | Q(told_at__lte=now - INTERVAL), pk=notice.pk)
        if not due.update(told_at=now):
            continue
        messages = waiting.filter(account=account)
        admins = User.objects.filter(account=account, role=Role.ADMIN, is_active=True)
        try:
            _mail(
                about,
                account.language,
                admins,
                name=account.name,
                count=messages.count(),
                last_reply=_last_reply(messages),
            )
            notified += 1
        except Exception as error:  # the notice is tried again, whatever went wrong
            log.warning("notice_failed", account=str(account.pk), about=about, error=type(error).__name__)
            Notice.objects.filter(pk=notice.pk).update(told_at=now - INTERVAL + RETRY_AFTER)
    return notified


def _notify_staff(mails: "QuerySet[Communication]", count: int, now: dt.datetime) -> None:
    SenderHealth.objects.get_or_create(pk=Medium.EMAIL.value)
    due = SenderHealth.objects.filter(Q(told_at=None) | Q(told_at__lte=now - INTERVAL), pk=Medium.EMAIL.value)
    if not due.update(told_at=now):
        return
    staff = User.objects.filter(is_superuser=True, is_active=True)
    try:
        _mail(REFUSED, Language.ENGLISH, staff, name="InFlow", count=count, last_reply=_last_reply(mails))
    except Exception as error:
        log.warning("notice_failed", about=REFUSED, error=type(error).__name__)
        SenderHealth.objects.filter(pk=Medium.EMAIL.value).update(told_at=now - INTERVAL + RETRY_AFTER)


def _last_reply(waiting: "QuerySet[Communication]") -> str:
    """Return the last reply of a server to these messages, or an empty string."""
    row = waiting.exclude(error="").order_by("-scheduled_for").first()
    return row.error if row else ""


def _mail(about: str, language: str, people: "QuerySet[User]", **context: Any) -> None:
    folder = f"communications/notices/{language}"
    context["base_url"] = settings.BASE_URL
    subject = render_to_string(f"{folder}/{about}.subject.txt", context).strip()
    body = render_to_string(f"{folder}/{about}.txt", context)
    for address in people.values_list("email", flat=True):  # one mail each, so that recipients do not see each other
        EmailMessage(subject, body, to=[address]).send()
