"""Invitations: an admin names an address and a role, its reader sets name and password.

The admin gets the same answer whether or not the address has a log-in in another account: only the email says so.
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
from inflow.accounts.models import Account, AuditEntry, Invitation, Language, LoginMail, User
from inflow.accounts.roles import Role

LIVES = dt.timedelta(days=7)
# Emails of invitations in 24 hours, of one account: nobody's mailbox is to be flooded through us.
PER_DAY = 50

_signer = Signer(sep=".", salt="inflow.accounts.invitations")


class HasLogIn(Exception):
    """The address got a log-in since it was invited."""


class Gone(Exception):
    """The invitation was accepted, withdrawn or sent again since its link was read."""


def invite(account: Account | None, email: str, role: Role, *, by: User) -> Invitation:
    """Invite an address to an account, or without one to the platform's staff. Raises ValidationError."""
    _check_inviter(by, account, role)
    if not email.isascii():  # mail servers have several readings of such a domain: another's mailbox would get the link
        raise ValidationError(_("Write the address in Latin letters, its domain as it begins with xn--."))
    own = User.objects.filter(is_superuser=True) if account is None else User.objects.filter(account=account)
    if (own if by.is_superuser else own.filter(is_superuser=False)).filter(email=email).exists():
        raise ValidationError(_("%(email)s is already among the people of this account.") % {"email": email})
    try:
        with transaction.atomic():
            _check_day(account)
            over = Invitation.objects.filter(
                account=account, email=email, accepted_at=None, withdrawn_at=None, expires_at__lte=timezone.now()
            )
            over.update(withdrawn_at=timezone.now())
            invitation = Invitation.objects.create(
                account=account, email=email, role=role, invited_by=by, expires_at=timezone.now() + LIVES
            )
            _announce(invitation, by, "created")
    except IntegrityError as error:
        waiting = _("%(email)s is invited already. You can send that invitation again, or withdraw it.")
        raise ValidationError(waiting % {"email": email}) from error
    return invitation


def resend(invitation: Invitation, *, by: User) -> None:
    """Mail a new link, good for as long as the first one was; the old one ends. Raises ValidationError."""
    with transaction.atomic():
        stored = _open(invitation)
        _check_inviter(by, stored.account, Role(stored.role))
        _check_day(stored.account)
        stored.key, stored.expires_at, stored.invited_by = uuid.uuid4(), timezone.now() + LIVES, by
        stored.save(update_fields=["key", "expires_at", "invited_by"])
        _announce(stored, by, "resent")


def withdraw(invitation: Invitation, *, by: User) -> None:
    """End the link. Raises ValidationError where it was used or withdrawn before."""
    with transaction.atomic():
        stored = _open(invitation)
        stored.withdrawn_at = timezone.now()
        stored.save(update_fields=["withdrawn_at"])
        audit.record(stored.account, by.email, "invitation.withdrawn", stored.email[:120])


def url(invitation: Invitation) -> str:
    """Return the absolute address at which the invitation is accepted."""
    token = _signer.sign(urlsafe_b64encode(invitation.key.bytes).decode().rstrip("="))
    return settings.BASE_URL + reverse("open-invitation", args=[token])


def opened(token: str) -> Invitation | None:
    """None, whatever is wrong with the link."""
    try:
        key = uuid.UUID(bytes=urlsafe_b64decode(_signer.unsign(token) + "=="))
    except BadSignature:
        return None
    invitation = Invitation.objects.select_related("account", "invited_by__account").filter(key=key).first()
    return invitation if invitation and is_good(invitation) else None


def is_good(invitation: Invitation) -> bool:
    """Return whether it can be accepted: in time, of an account that is not suspended, and only while the inviter
    still has the rights that it gives."""
    account, by = invitation.account, invitation.invited_by
    if not invitation.is_pending or (account and account.suspended_at):
        return False
    return _may_invite(by, account, Role(invitation.role))


def accept(invitation: Invitation, user: User) -> User:
    """Save the person, whose name and password are set. Raises `HasLogIn` or `Gone`."""
    with transaction.atomic():
        current = Invitation.objects.select_for_update(of=("self",)).filter(pk=invitation.pk, key=invitation.key)
        stored = current.select_related("account", "invited_by__account").first()
        if stored is None or not is_good(stored):
            raise Gone
        if User.objects.filter(email=stored.email).exists():
            raise HasLogIn
        user.email, user.account, user.role = stored.email, stored.account, stored.role
        user.is_superuser = stored.account is None
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError as error:
            raise HasLogIn from error
        stored.accepted_at = timezone.now()
        stored.save(update_fields=["accepted_at"])
    return user


def _check_inviter(by: User, account: Account | None, role: Role) -> None:
    if account and account.suspended_at:
        raise ValidationError(_("This account is suspended: nobody can be invited."))
    if not _may_invite(by, account, role):
        raise ValidationError(_("You can't give rights that you don't have."))


def _may_invite(by: User, account: Account | None, role: Role) -> bool:
    if by.is_superuser:
        return by.is_active
    return account is not None and by.account_id == account.pk and by.may(Role.ADMIN) and by.may(role)


def _check_day(account: Account | None) -> None:
    """Count, until the transaction ends without others who do: those at once would all find room."""
    locks.hold(f"invitations of {account.pk if account else 'the platform'}")
    day = AuditEntry.objects.filter(account=account, at__gt=timezone.now() - dt.timedelta(days=1))
    if day.filter(action__in=("invitation.created", "invitation.resent")).count() >= PER_DAY:
        raise ValidationError(
            _("An account can send %(most)d invitations a day. Try again tomorrow.") % {"most": PER_DAY}
        )


def _open(invitation: Invitation) -> Invitation:
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("account")
    stored: Invitation = rows.get(pk=invitation.pk)
    if not stored.is_open:
        raise ValidationError(_("This invitation was accepted or withdrawn meanwhile."))
    return stored


def _announce(invitation: Invitation, by: User, what: str) -> None:
    LoginMail.objects.filter(invitation=invitation).delete()
    account = invitation.account
    audit.record(account, by.email, f"invitation.{what}", invitation.email[:120], role=str(invitation.role))
    language = account.language if account else Language.ENGLISH
    login_mail.queue(LoginMail.Kind.INVITATION, invitation.email, language, invitation=invitation)
