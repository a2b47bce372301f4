"""Send email about somebody's log-in: a link to set a new password, an invitation.

Requests only store what is to be mailed. A worker looks up the person, makes the link and sends it: so the response to
a request says nothing about an address, also not by the time it takes. Links begin with BASE_URL, never with the host
that a request named.
"""

import datetime as dt
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from inflow.accounts import audit, invitations, passwords
from inflow.accounts.models import LoginMail, User

log = structlog.get_logger(__name__)

# An email that could not be sent is tried again after this time, until its link would be over.
AGAIN = dt.timedelta(minutes=2)


def send_due() -> int:
    """Send what is due; return the number of emails sent. One that fails is logged, and tried again."""
    sent = 0
    while (mail := _claim()) is not None:
        try:
            sent += _send(mail)
        except Exception as error:  # whatever the mail server thinks of
            log.warning("login_mail_failed", kind=mail.kind, error=type(error).__name__)
    return sent


def _claim() -> LoginMail | None:
    """Return the next one, which nobody else gets before `AGAIN` is over."""
    now = timezone.now()
    with transaction.atomic():
        due = LoginMail.objects.filter(due_at__lte=now).order_by("due_at")
        mail = due.select_for_update(skip_locked=True, of=("self",)).select_related("invitation__account").first()
        if mail:
            mail.due_at = now + AGAIN
            mail.save(update_fields=["due_at"])
    return mail


def _send(mail: LoginMail) -> int:
    user = None if mail.kind == LoginMail.Kind.INVITATION else _person(mail)
    message = _invitation(mail) if mail.kind == LoginMail.Kind.INVITATION else user and _to_person(mail, user)
    if message:
        message.send()
    with transaction.atomic():
        mail.delete()
        if user and mail.kind == LoginMail.Kind.RESET:
            actor = mail.requested_by or user.email
            audit.record(user.account, actor, "user.reset_requested", user.email[:120], **mail.client)
    return 1 if message else 0


def _person(mail: LoginMail) -> User | None:
    """None where nobody may get it, or its time is over."""
    if timezone.now() - mail.created_at > dt.timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT):
        return None
    user = User.objects.filter(email=mail.email).first()
    return user if user and passwords.may_reset(user) else None


def _to_person(mail: LoginMail, user: User) -> EmailMessage:
    language = user.language or mail.language
    if mail.kind == LoginMail.Kind.CHANGED:
        return _rendered(mail.kind, language, user.email, url=settings.BASE_URL + reverse("admin_password_reset"))
    named = {"uidb64": urlsafe_base64_encode(force_bytes(user.pk)), "token": passwords.tokens.make_token(user)}
    url = settings.BASE_URL + reverse("password_reset_confirm", kwargs=named)
    return _rendered(mail.kind, language, user.email, url=url, minutes=settings.PASSWORD_RESET_TIMEOUT // 60)


def _invitation(mail: LoginMail) -> EmailMessage | None:
    """None where it can't be accepted any more."""
    invitation = mail.invitation
    if invitation is None or not invitations.is_good(invitation):
        return None
    context = {
        "account": invitation.account.name if invitation.account else "InFlow",
        "inviter": invitation.invited_by.email,
        "days": invitations.LIVES.days,
    }
    if User.objects.filter(email=invitation.email).exists():
        return _rendered("has_log_in", mail.language, invitation.email, **context)
    return _rendered(mail.kind, mail.language, invitation.email, url=invitations.url(invitation), **context)


def _rendered(about: str, language: str, to: str, **context: Any) -> EmailMessage:
    folder = f"accounts/{language}"
    context |= {"base_url": settings.BASE_URL, "email": to}
    subject = render_to_string(f"{folder}/{about}.subject.txt", context)
    body = render_to_string(f"{folder}/{about}.txt", context)
    return EmailMessage(" ".join(subject.split()), body, to=[to])
