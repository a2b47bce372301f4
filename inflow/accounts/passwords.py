"""A new password by a link that was mailed: for whom, and how long the link is good.

The link is Django's: it ends after PASSWORD_RESET_TIMEOUT, with a new password, another email address, and a log-in.
"""

import datetime as dt

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts import audit, locks, login_mail, sessions
from inflow.accounts.models import AuditEntry, Language, LoginMail, User

# Links that admins can have mailed to a person. What anybody can ask for is bounded by the page.
PER_HOUR = 5
# Where a request came from: address and device.
Client = dict[str, str | None]


class ResetTokens(PasswordResetTokenGenerator):
    """Django's tokens, good only while the person may log in."""

    def check_token(self, user: User | None, token: str | None) -> bool:
        return user is not None and may_reset(user) and super().check_token(user, token)


tokens = ResetTokens()


class UsedMeanwhile(Exception):
    """The link was used by another request since this one read it."""


def may_reset(user: User) -> bool:
    """Return whether a link is mailed to this person: active, and not of a suspended account."""
    is_suspended = user.account is not None and user.account.suspended_at is not None
    return user.is_active and user.has_usable_password() and (user.is_superuser or not is_suspended)


def request(email: str, language: str, *, requested_by: str = "", client: Client | None = None) -> None:
    """Let a worker mail a link to the person with this address. Nothing is looked up here: an address that nobody has
    costs the same and is answered alike."""
    login_mail.queue(
        LoginMail.Kind.RESET,
        email,
        language if language in Language.values else Language.ENGLISH,
        requested_by=requested_by,
        client=client or {},
    )


def renew(user: User, password: str, client: Client | None = None) -> None:
    """Set the password of the person, as they were when their link was read, and log them out everywhere. Raises
    `UsedMeanwhile`."""
    with transaction.atomic():
        stored = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        facts = ("password", "email", "last_login")
        if any(getattr(stored, name) != getattr(user, name) for name in facts) or not may_reset(stored):
            raise UsedMeanwhile
        stored.set_password(password)
        stored.save(update_fields=["password"])
        sessions.end_all(stored)
        audit.record(stored.account, stored.email, "user.password_reset", stored.email[:120], **(client or {}))
        login_mail.queue(LoginMail.Kind.CHANGED, stored.email, login_mail.language_of(stored))


def mail_link(user: User, actor: str) -> str:
    """Let a worker mail a link to a person, because an admin asked for it. Raises ValidationError."""
    with transaction.atomic():
        locks.hold(f"password links to {user.email}")
        _check_hour(user)
        request(user.email, login_mail.language_of(user), requested_by=actor)
    return _("A link to set a new password is on its way to %(email)s.") % {"email": user.email}


def _check_hour(user: User) -> None:
    hour = timezone.now() - dt.timedelta(hours=1)
    sent = AuditEntry.objects.filter(account=user.account, action="user.reset_requested", target=user.email[:120])
    waiting = LoginMail.objects.filter(kind=LoginMail.Kind.RESET, email=user.email)
    if sent.filter(at__gt=hour).count() + waiting.count() >= PER_HOUR:
        said = _("%(most)d links were mailed to %(email)s within an hour. Each works for an hour.")
        raise ValidationError(said % {"most": PER_HOUR, "email": user.email})
