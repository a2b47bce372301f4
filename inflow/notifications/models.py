"""Notifications by email to the people of an account, and their preferences."""

import datetime as dt
import uuid
import zoneinfo

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account, User, known_time_zone


class Kind(models.TextChoices):
    REPLY = "reply", _lazy("Reply of a debtor")
    DISPUTE = "dispute", _lazy("Dispute")
    CASE = "case", _lazy("New case")
    BROKEN_PROMISE = "broken_promise", _lazy("Broken promise")
    MENTION = "mention", _lazy("Mention in a note")
    IMPORT = "import", _lazy("Finished import")
    DIGEST = "digest", _lazy("Daily digest")


class Which(models.TextChoices):
    NONE = "none", _lazy("Off")
    MINE = "mine", _lazy("My debtors and cases")
    ALL = "all", _lazy("All")


class Preferences(models.Model):
    """A person's choices. Without a row the defaults apply."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    reply = models.CharField(_lazy("Replies"), max_length=4, choices=Which, default=Which.MINE)
    dispute = models.CharField(_lazy("Disputes"), max_length=4, choices=Which, default=Which.MINE)
    case = models.CharField(_lazy("New cases"), max_length=4, choices=Which, default=Which.MINE)
    broken_promise = models.CharField(_lazy("Broken promises"), max_length=4, choices=Which, default=Which.MINE)
    mention = models.BooleanField(_lazy("Notes that mention me"), default=True)
    imports = models.BooleanField(_lazy("My imports when they finish"), default=True)
    digest = models.BooleanField(_lazy("Daily digest"), default=False)
    digest_hour = models.PositiveSmallIntegerField(
        _lazy("Hour of the digest"), default=8, validators=[MaxValueValidator(23)]
    )
    time_zone = models.CharField(max_length=64, blank=True, validators=[known_time_zone])
    digest_due_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(digest_hour__lte=23), name="digest_hour_is_an_hour"),
            models.CheckConstraint(
                condition=Q(digest=True) | Q(digest_due_at=None), name="only_a_digest_that_is_on_is_due"
            ),
        ]
        indexes = [models.Index(fields=["digest_due_at"], condition=Q(digest=True), name="digest_due")]

    def __str__(self) -> str:
        return str(self.user_id)

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The person's time zone, by default the account's."""
        name = self.time_zone or (self.user.account.time_zone if self.user.account else "UTC")
        return zoneinfo.ZoneInfo(name)

    def next_digest(self, now: dt.datetime) -> dt.datetime | None:
        """Return the first time after `now` at which a digest is due, in UTC, or None if digests are off."""
        if not self.digest:
            return None
        local = now.astimezone(self.zone)
        due = local.replace(hour=self.digest_hour, minute=0, second=0, microsecond=0, fold=0)
        if due.astimezone(dt.UTC) <= now:
            due += dt.timedelta(days=1)
        return due.astimezone(dt.UTC)


class Notification(models.Model):
    """One event for one person, added in the transaction of the event, mailed by a task, and kept as proof."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind)
    event = models.CharField(max_length=80, help_text=_lazy("The same for each copy of the same event."))
    target = models.UUIDField(null=True, help_text=_lazy("The key of the row that the mail is about."))
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now, null=True, help_text=_lazy("Empty: sent, or dropped."))
    sent_at = models.DateTimeField(null=True)
    mail = models.UUIDField(null=True, help_text=_lazy("The same for the rows of one mail, since its first attempt."))

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "event"], name="a_person_is_notified_once_of_an_event"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="notification_kind_is_known"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="notification_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event}"
