"""Invitations: an admin enters an address and a role, the recipient sets a name and a password.

The response to the admin does not reveal if the address belongs to a user of another account. Only the email does.
"""

import datetime as dt
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts import audit, locks, login_mail
from inflow.accounts.errors import InvitationUnavailable, UserExists
from inflow.accounts.models import Account, AuditEntry, Invitation, Language, LoginMail, User
from inflow.accounts.roles import Role

LIFETIME = dt.timedelta(days=7)
# Invitation emails of an account in 24 hours, so that the product cannot be used to flood a mailbox.
PER_DAY = 50

_signer = Signer(sep=".", salt="inflow.accounts.invitations")


def invite(account: Account | None, email: str, role: Role, *, by: User) -> Invitation:
    """Invite an address to an account, or to the platform's staff if `account` is None. Raise ValidationError."""
    _check_inviter(by, account, role)
    if not email.isascii():  # mail servers normalize such domains differently: the link could reach another mailbox
        raise ValidationError(_("Enter the address in Latin letters, with the domain in its xn-- form."))
    own = User.objects.filter(is_superuser=True) if account is None else User.objects.filter(account=account)
    if (own if by.is_superuser else own.filter(is_superuser=False)).filter(email=email).exists():
        raise ValidationError(_("%(email)s is already a user of this account.") % {"email": email})
    try:
        with transaction.atomic():
            _check_daily_limit(account)
            expired = Invitation.objects.filter(
                account=account, email=email, accepted_at=None, withdrawn_at=None, expires_at__lte=timezone.now()
            )
            expired.update(withdrawn_at=timezone.now())
            invitation = Invitation.objects.create(
                account=account, email=email, role=role, invited_by=by, expires_at=timezone.now() + LIFETIME
            )
            _send(invitation, by, "created")
    except IntegrityError as error:
        message = _("%(email)s is already invited. You can resend or withdraw that invitation.")
        raise ValidationError(message % {"email": email}) from error
    return invitation


def resend(invitation: Invitation, *, by: User) -> None:
    """Email a new link with a new expiry time. The old link becomes invalid. Raise ValidationError."""
    with transaction.atomic():
        stored = _lock(invitation)
        _check_inviter(by, stored.account, Role(stored.role))
        _check_daily_limit(stored.account)
        stored.key, stored.expires_at, stored.invited_by = uuid.uuid4(), timezone.now() + LIFETIME, by
        stored.save(update_fields=["key", "expires_at", "invited_by"])
        _send(stored, by, "resent")


def withdraw(invitation: Invitation, *, by: User) -> None:
    """Withdraw the invitation. Raise ValidationError if it was accepted or withdrawn before."""
    with transaction.atomic():
        stored = _lock(invitation)
        stored.withdrawn_at = timezone.now()
        stored.save(update_fields=["withdrawn_at"])
        audit.record(stored.account, by.email, "invitation.withdrawn", stored.email[:120])


def url(invitation: Invitation) -> str:
    """Return the absolute URL of the page that accepts the invitation."""
    token = _signer.sign(urlsafe_b64encode(invitation.key.bytes).decode().rstrip("="))
    return settings.BASE_URL + reverse("open-invitation", args=[token])


def from_token(token: str) -> Invitation | None:
    """Return the invitation of a link, or None if the link is not valid for any reason."""
    try:
        key = uuid.UUID(bytes=urlsafe_b64decode(_signer.unsign(token) + "=="))
    except BadSignature:
        return None
    invitation = Invitation.objects.select_related("account", "invited_by__account").filter(key=key).first()
    return invitation if invitation and is_valid(invitation) else None


def is_valid(invitation: Invitation) -> bool:
    """Return True if the invitation can be accepted.

    It must not have expired, its account must not be suspended, and the inviter must still have the rights it grants.
    """
    account, by = invitation.account, invitation.invited_by
    if not invitation.is_pending or (account and account.suspended_at):
        return False
    return _may_invite(by, account, Role(invitation.role))


def accept(invitation: Invitation, user: User) -> User:
    """Save a new user, with name and password set. Raise `UserExists` or `InvitationUnavailable`."""
    with transaction.atomic():
        current = Invitation.objects.select_for_update(of=("self",)).filter(pk=invitation.pk, key=invitation.key)
        stored = current.select_related("account", "invited_by__account").first()
        if stored is None or not is_valid(stored):
            raise InvitationUnavailable
        if User.objects.filter(email=stored.email).exists():
            raise UserExists
        user.email, user.account, user.role = stored.email, stored.account, stored.role
        user.is_superuser = stored.account is None
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError as error:
            raise UserExists from error
        stored.accepted_at = timezone.now()
        stored.save(update_fields=["accepted_at"])
    return user


def _check_inviter(by: User, account: Account | None, role: Role) -> None:
    if account and account.suspended_at:
        raise ValidationError(_("This account is suspended. Nobody can be invited."))
    if not _may_invite(by, account, role):
        raise ValidationError(_("You can't grant rights that you don't have."))


def _may_invite(by: User, account: Account | None, role: Role) -> bool:
    if by.is_superuser:
        return by.is_active
    return account is not None and by.account_id == account.pk and by.may(Role.ADMIN) and by.may(role)


def _check_daily_limit(account: Account | None) -> None:
    """Check the limit under a lock, so that concurrent invitations cannot exceed it together."""
    locks.acquire(f"invitations of {account.pk if account else 'the platform'}")
    day = AuditEntry.objects.filter(account=account, at__gt=timezone.now() - dt.timedelta(days=1))
    if day.filter(action__in=("invitation.created", "invitation.resent")).count() >= PER_DAY:
        raise ValidationError(
            _("An account can send %(most)d invitations per day. Try again tomorrow.") % {"most": PER_DAY}
        )


def _lock(invitation: Invitation) -> Invitation:
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("account")
    stored: Invitation = rows.get(pk=invitation.pk)
    if not stored.is_open:
        raise ValidationError(_("This invitation has been accepted or withdrawn."))
    return stored


def _send(invitation: Invitation, by: User, event: str) -> None:
    """Queue the email in place of earlier ones, and record `event` in the audit log."""
    LoginMail.objects.filter(invitation=invitation).delete()
    account = invitation.account
    audit.record(account, by.email, f"invitation.{event}", invitation.email[:120], role=str(invitation.role))
    language = account.language if account else Language.ENGLISH
    login_mail.queue(LoginMail.Kind.INVITATION, invitation.email, language, invitation=invitation)
