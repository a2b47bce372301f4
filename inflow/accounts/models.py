"""Accounts, their users and their API keys."""

import datetime as dt
import uuid
import zoneinfo
from typing import Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django_otp.models import Device, ThrottlingMixin, TimestampMixin

from inflow import places
from inflow.accounts.plans import LIMITS, Limits, Plan
from inflow.accounts.roles import Role, at_least


class Language(models.TextChoices):
    ENGLISH = "en", _lazy("English")
    ARABIC = "ar", "العربية"


class Scope(models.TextChoices):
    INVOICES_READ = "invoices:read", _lazy("Read invoices")
    INVOICES_WRITE = "invoices:write", _lazy("Create and change invoices")
    WEBHOOKS_MANAGE = "webhooks:manage", _lazy("Manage webhooks")
    COMMUNICATIONS_READ = "communications:read", _lazy("Read communications")
    COMMUNICATIONS_WRITE = "communications:write", _lazy("Send messages and create links to debtor pages")


def default_scopes() -> list[str]:
    """Return the default scopes of a key: all but the one that permits acting towards debtors."""
    return [scope for scope in Scope.values if scope != Scope.COMMUNICATIONS_WRITE]


def known_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(name)s is not an IANA time zone, such as Asia/Dubai.") % {"name": name}, code="unknown_time_zone"
        )


def known_subdivision(code: str) -> None:
    """Raise `ValidationError` unless it is the code of a region. Migrations name this function."""
    places.known_subdivision(code)


class Account(models.Model):
    """A business that collects its invoices with InFlow."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    plan = models.CharField(max_length=20, choices=Plan, default=Plan.FREE)
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text=_lazy("A negotiated limit. Empty: the plan's.")
    )
    requests_per_day = models.PositiveIntegerField(
        null=True, blank=True, help_text=_lazy("A negotiated limit. Empty: the plan's.")
    )
    time_zone = models.CharField(max_length=64, default="Asia/Dubai", validators=[known_time_zone])
    country = models.CharField(
        max_length=2,
        default="AE",
        validators=[RegexValidator(r"^[A-Z]{2}\Z")],
        help_text=_lazy("ISO 3166, two letters."),
    )
    subdivision = models.CharField(
        _lazy("emirate or region"),
        max_length=6,
        blank=True,
        validators=[known_subdivision],
        help_text=_lazy("ISO 3166-2, such as AE-SH for Sharjah."),
    )
    weekend = ArrayField(
        models.PositiveSmallIntegerField(validators=[MaxValueValidator(6)]),
        null=True,
        blank=True,
        help_text=_lazy("Days off, 0 is Monday: 5,6. Empty: the country's."),
    )
    language = models.CharField(max_length=2, choices=Language, default=Language.ENGLISH)
    is_test = models.BooleanField(
        _lazy("test account"), default=False, help_text=_lazy("Messages of a test account are recorded but not sent.")
    )
    clock = models.DateTimeField(
        null=True,
        editable=False,
        help_text=_lazy("The time of a test account after it was set. Empty: the system time."),
    )
    admins_use_two_steps = models.BooleanField(
        _lazy("require two-step log-in for admins"),
        default=False,
        help_text=_lazy("Admins must set up an authenticator app before they can use the dashboard."),
    )
    suspended_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_lazy("The API refuses requests and no reminders are sent. Pending webhooks are still delivered."),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(plan__in=Plan.values), name="account_plan_is_known"),
            models.CheckConstraint(condition=models.Q(language__in=Language.values), name="account_language_is_known"),
            models.CheckConstraint(
                condition=models.Q(clock__isnull=True) | models.Q(is_test=True),
                name="only_a_test_account_has_a_clock_of_its_own",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        places.known_country(self.country)

    @property
    def limits(self) -> Limits:
        """The plan's limits, replaced by the negotiated ones."""
        plan = LIMITS[self.plan]
        per_day = self.requests_per_day or plan.per_day
        return Limits(self.requests_per_minute or plan.per_minute, per_day, plan.subscriptions)

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)

    def now(self) -> dt.datetime:
        """Return the account's time in UTC: its test clock if it is set, else the system's.

        Rules about money and messages use it instead of `timezone.now`.
        """
        return self.clock or dt.datetime.now(dt.UTC)

    def today(self) -> dt.date:
        """Return the current date in the account's time zone."""
        return self.now().astimezone(self.zone).date()


_STAFF = {"is_superuser": True}


class UserManager(BaseUserManager["User"]):
    use_in_migrations = True

    def get_queryset(self) -> models.QuerySet["User"]:
        """Join the account and the authenticator, which every page of the dashboard needs."""
        return super().get_queryset().select_related("account", "authenticator")

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user of the platform's staff, and record it in the audit log. Used by `createsuperuser`."""
        with transaction.atomic(using=self._db):
            user = self.create_user(email, password, is_superuser=True, **fields)
            AuditEntry.objects.create(actor="console", action="user.created", target=user.email[:120], detail=_STAFF)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractUser):
    """A user of the dashboard: a member of one account, or of the platform's staff, who see all accounts."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, blank=True, related_name="users")
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    language = models.CharField(
        max_length=2, choices=Language, blank=True, help_text=_lazy("Language of the dashboard. Empty: the browser's.")
    )
    is_staff = models.BooleanField(_lazy("may log in to the dashboard"), default=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        verbose_name, verbose_name_plural = _lazy("person"), _lazy("people")
        ordering = ["email"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_superuser=True) | models.Q(account__isnull=False),
                name="a_user_belongs_to_an_account_or_to_the_platform",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_is_known"),
        ]

    def may(self, needed: Role) -> bool:
        """Return True if this user has the rights of `needed` in their account."""
        return self.is_active and (self.is_superuser or at_least(self.role, needed))

    @property
    def has_second_step(self) -> bool:
        return getattr(self, "authenticator", None) is not None


class Authenticator(TimestampMixin, ThrottlingMixin, Device):  # type: ignore[misc]  # django-otp carries no types
    """A user's authenticator app: its encrypted key, and the digests of the unused recovery codes."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="authenticator")
    name, confirmed = None, None
    sealed_key = models.TextField()
    last_step = models.BigIntegerField(
        default=-1,
        help_text=_lazy("Half-minutes since 1970. Codes of this half-minute or an earlier one are no longer accepted."),
    )
    recovery_digests = ArrayField(models.CharField(max_length=64), default=list)

    def __str__(self) -> str:
        return str(self.user.email)

    def get_throttle_factor(self) -> int:
        """Return the number of seconds to wait after the first wrong code. It doubles with each further one."""
        return 1


class Session(AbstractBaseSession):
    """A session of a browser. `session_key` is the SHA-256 of the key in the cookie; pages use `public_id`."""

    session_key = models.CharField(_lazy("session key"), max_length=64, primary_key=True)
    # Not unique: when a session changes its key, the new row is inserted before the old one is deleted.
    public_id = models.UUIDField(editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=300)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text=_lazy("Accurate to five minutes."))

    class Meta(AbstractBaseSession.Meta):
        abstract = False
        ordering = ["-seen_at"]

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        store: type[SessionBase] = import_string("inflow.accounts.sessions.SessionStore")
        return store


class Invitation(models.Model):
    """An invitation sent to an address. Its link is a signed `key`, so a new key invalidates the old link."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, related_name="+", help_text=_lazy("Empty: platform staff.")
    )
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    invited_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_is_known"),
            models.UniqueConstraint(
                fields=["account", "email"],
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="one_open_invitation_of_an_account_per_address",
            ),
            models.UniqueConstraint(
                fields=["email"],
                condition=models.Q(account=None, accepted_at=None, withdrawn_at=None),
                name="one_open_invitation_of_the_platform_per_address",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_open(self) -> bool:
        """True if it is neither accepted nor withdrawn. It may have expired."""
        return self.accepted_at is None and self.withdrawn_at is None

    @property
    def is_pending(self) -> bool:
        return self.is_open and self.expires_at > timezone.now()


class LoginMail(models.Model):
    """A queued email about logging in. The row is deleted after the email is sent."""

    class Kind(models.TextChoices):
        RESET = "password_reset"
        CHANGED = "password_changed"
        INVITATION = "invitation"

    kind = models.CharField(max_length=20, choices=Kind)
    email = models.EmailField()
    language = models.CharField(max_length=2, choices=Language)
    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, null=True, related_name="+")
    requested_by = models.CharField(max_length=254, blank=True)
    client = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ApiKey(models.Model):
    """A key of the API. Only its digest and its first characters are stored: `keys.issue` returns it once."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, editable=False)
    prefix = models.CharField(_lazy("key"), max_length=20, editable=False)
    scopes = ArrayField(models.CharField(max_length=40, choices=Scope), default=default_scopes)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text=_lazy("Empty: never."))
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _lazy("API key")
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["digest"], name="api_key_digest_is_unique")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_live(self, now: dt.datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class AuditEntry(models.Model):
    """A change made by a user or an API key. Append-only: the database rejects updates and deletions."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.CharField(max_length=254)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=120)
    detail = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = _lazy("audit log")
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["account", "-at", "-id"], name="audit_log_of_an_account")]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"
