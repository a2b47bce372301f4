"""The installation's identity and its high-water marks in the database."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Cause(models.TextChoices):
    """The reason why messages and webhooks are held."""

    BEHIND = "behind", "the database is older than what was sent"
    UNMARKED = "unmarked", "the database runs on another server, and nothing outside it says what was sent"


class Installation(models.Model):
    """The installation that this database belongs to: a single row, created by the migration.

    `key` identifies its marks outside the database, so that several installations can share one Valkey or folder. A
    copy of the database has the same key until `after_restore --copy` changes it. `identity` is empty until the first
    comparison.
    """

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    key = models.UUIDField(default=uuid.uuid4, editable=False)
    identity = models.JSONField(default=dict, help_text="The server and database on which it last ran.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    held_at = models.DateTimeField(null=True, help_text="Since then messages and webhooks are held.")
    held_because = models.CharField(max_length=10, choices=Cause, blank=True)
    # Between these times, messages and webhooks may have been sent that this database does not know.
    lost_since = models.DateTimeField(null=True)
    lost_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_installation")]

    def __str__(self) -> str:
        return str(self.key)


class Mark(models.Model):
    """A number that is increased before each provider call and each claim of deliveries, in one of several slots.

    Workers use different slots, so that they rarely wait for each other's commits. A sequence would not do: PostgreSQL
    logs sequences 32 numbers ahead, so a restored one may include numbers used after the backup.
    """

    slot = models.PositiveSmallIntegerField(primary_key=True)
    number = models.BigIntegerField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.slot}: {self.number}"


class ClockMark(models.Model):
    """The time at which a kind of periodic work last ran. A time in the future shows that a clock was ahead."""

    work = models.CharField(primary_key=True, max_length=20)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.work}: {self.at}"
