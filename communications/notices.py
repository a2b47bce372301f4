"""Mail to an account's admins: messages wait because no channel of their step is set up."""

import datetime as dt

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from communications.models import Communication, Notice, State
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role

log = structlog.get_logger(__name__)

NO_CHANNEL = "no_channel"
EVERY = dt.timedelta(days=1)
# A notice that could not be mailed is tried again after this time.
AGAIN = dt.timedelta(minutes=30)


def tell_of_missing_channels(now: dt.datetime | None = None) -> int:
    """Once a day, the admins of each live account some of whose messages wait for a channel; how many accounts."""
    now = now or timezone.now()
    waiting = Communication.objects.filter(status=State.SCHEDULED, waits_for=NO_CHANNEL, account__is_test=False)
    told = 0
    for account in Account.objects.filter(pk__in=waiting.order_by().values("account_id").distinct()):
        notice, _ = Notice.objects.get_or_create(account=account, about=NO_CHANNEL)
        due = Notice.objects.filter(Q(told_at=None) | Q(told_at__lte=now - EVERY), pk=notice.pk)
        if not due.update(told_at=now):
            continue
        try:
            _tell(account, waiting.filter(account=account).count())
            told += 1
        except Exception as error:  # whatever the mail server thinks of
            log.warning("channel_notice_failed", account=str(account.pk), error=type(error).__name__)
            Notice.objects.filter(pk=notice.pk).update(told_at=now - EVERY + AGAIN)
    return told


def _tell(account: Account, count: int) -> None:
    context = {"account": account, "count": count, "base_url": settings.BASE_URL}
    folder = f"communications/notices/{account.language}"
    subject = render_to_string(f"{folder}/no_channel.subject.txt", context).strip()
    body = render_to_string(f"{folder}/no_channel.txt", context)
    admins = User.objects.filter(account=account, role=Role.ADMIN, is_active=True)
    for address in admins.values_list("email", flat=True):  # one each: they need not learn each other's
        EmailMessage(subject, body, to=[address]).send()
