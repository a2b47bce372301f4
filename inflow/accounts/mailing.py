"""Sending of emails about logging in: links to set a password, and invitations.

Requests only store the email. A worker looks up the user, creates the link and sends it, so that neither the response
nor its timing reveals if an address has a user. Links begin with BASE_URL, never with the Host header of a request.
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

# An email that could not be sent is retried after this time, until its link would have expired.
RETRY_AFTER = dt.timedelta(minutes=2)


def send_due() -> int:
    """Send the due emails and return their number. A failure is logged, and the email is retried."""
    sent = 0
    while (mail := _claim()) is not None:
        try:
            sent += _send(mail)
        except Exception as error:  # a mail backend may raise anything
            log.warning("login_mail_failed", kind=mail.kind, error=type(error).__name__)
    return sent


def _claim() -> LoginMail | None:
    """Return the next due email and postpone it by `RETRY_AFTER`, so that no other worker sends it meanwhile."""
    now = timezone.now()
    with transaction.atomic():
        due = LoginMail.objects.filter(due_at__lte=now).order_by("due_at")
        mail = due.select_for_update(skip_locked=True, of=("self",)).select_related("invitation__account").first()
        if mail:
            mail.due_at = now + RETRY_AFTER
            mail.save(update_fields=["due_at"])
    return mail


def _send(mail: LoginMail) -> int:
    user = None if mail.kind == LoginMail.Kind.INVITATION else _recipient(mail)
    message = _invitation(mail) if mail.kind == LoginMail.Kind.INVITATION else user and _password_mail(mail, user)
    if message:
        message.send()
    with transaction.atomic():
        mail.delete()
        if user and mail.kind == LoginMail.Kind.RESET:
            actor = mail.requested_by or user.email
            audit.record(user.account, actor, "user.reset_requested", user.email[:120], **mail.client)
    return 1 if message else 0


def _recipient(mail: LoginMail) -> User | None:
    """Return the user, or None if they may not get the email or its time is over."""
    if timezone.now() - mail.created_at > dt.timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT):
        return None
    user = User.objects.filter(email=mail.email).first()
    return user if user and passwords.may_reset(user) else None


def _password_mail(mail: LoginMail, user: User) -> EmailMessage:
    language = user.language or mail.language
    if mail.kind == LoginMail.Kind.CHANGED:
        return _rendered(mail.kind, language, user.email, url=settings.BASE_URL + reverse("admin_password_reset"))
    named = {"uidb64": urlsafe_base64_encode(force_bytes(user.pk)), "token": passwords.tokens.make_token(user)}
    url = settings.BASE_URL + reverse("password_reset_confirm", kwargs=named)
    return _rendered(mail.kind, language, user.email, url=url, minutes=settings.PASSWORD_RESET_TIMEOUT // 60)


def _invitation(mail: LoginMail) -> EmailMessage | None:
    """Return the email, or None if the invitation can no longer be accepted."""
    invitation = mail.invitation
    if invitation is None or not invitations.is_valid(invitation):
        return None
    context = {
        "account": invitation.account.name if invitation.account else "InFlow",
        "inviter": invitation.invited_by.email,
        "days": invitations.LIFETIME.days,
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
