"""Links to set a new password: the permitted recipients, the limits, and the use of a link.

The token is Django's. It becomes invalid after PASSWORD_RESET_TIMEOUT and when the password, the email address or the
time of the last login changes.
"""

import datetime as dt

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts import audit, locks, login_mail, sessions
from inflow.accounts.errors import ResetLinkUsed
from inflow.accounts.models import AuditEntry, Language, LoginMail, User

# Links that admins can send to a user per hour. The page limits links that are requested without logging in.
PER_HOUR = 5
# The address and device of a request.
Client = dict[str, str | None]


class ResetTokens(PasswordResetTokenGenerator):
    """Django's tokens, valid only while the user may log in."""

    def check_token(self, user: User | None, token: str | None) -> bool:
        return user is not None and may_reset(user) and super().check_token(user, token)


tokens = ResetTokens()


def may_reset(user: User) -> bool:
    """Return True if the user is active and their account is not suspended."""
    is_suspended = user.account is not None and user.account.suspended_at is not None
    return user.is_active and user.has_usable_password() and (user.is_superuser or not is_suspended)


def request(email: str, language: str, *, requested_by: str = "", client: Client | None = None) -> None:
    """Queue an email with a link to the user with this address.

    The address is not looked up here, so that the response and its timing are the same for an unknown address.
    """
    language = language if language in Language.values else Language.ENGLISH
    login_mail.queue(LoginMail.Kind.RESET, email, language, requested_by=requested_by, client=client or {})


def renew(user: User, password: str, client: Client | None = None) -> None:
    """Set the password and end all sessions of the user. `user` is as it was when the link was opened.

    Raise `ResetLinkUsed` if the user has changed since then.
    """
    with transaction.atomic():
        stored = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        unchanged = all(getattr(stored, name) == getattr(user, name) for name in ("password", "email", "last_login"))
        if not (unchanged and may_reset(stored)):
            raise ResetLinkUsed
        stored.set_password(password)
        stored.save(update_fields=["password"])
        sessions.end_all(stored)
        audit.record(stored.account, stored.email, "user.password_reset", stored.email[:120], **(client or {}))
        login_mail.queue(LoginMail.Kind.CHANGED, stored.email, login_mail.language_of(stored))


def mail_link(user: User, actor: str) -> str:
    """Queue an email with a link, requested by an admin, and return a message for them. Raise ValidationError."""
    with transaction.atomic():
        locks.acquire(f"password links to {user.email}")
        _check_hourly_limit(user)
        request(user.email, login_mail.language_of(user), requested_by=actor)
    return _("A link to set a new password is being sent to %(email)s.") % {"email": user.email}


def _check_hourly_limit(user: User) -> None:
    hour = timezone.now() - dt.timedelta(hours=1)
    sent = AuditEntry.objects.filter(account=user.account, action="user.reset_requested", target=user.email[:120])
    waiting = LoginMail.objects.filter(kind=LoginMail.Kind.RESET, email=user.email)
    if sent.filter(at__gt=hour).count() + waiting.count() >= PER_HOUR:
        message = _("%(most)d links were sent to %(email)s within the last hour. Each is valid for an hour.")
        raise ValidationError(message % {"most": PER_HOUR, "email": user.email})
