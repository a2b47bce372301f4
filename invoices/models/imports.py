"""Imported files of invoices or payments, and their rows."""

import datetime as dt
import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from inflow.accounts.models import Account, User
from invoices.models.base import AccountQuerySet


class Kind(models.TextChoices):
    INVOICES = "invoices", _("Invoices")
    PAYMENTS = "payments", _("Payments")


class Phase(models.TextChoices):
    READING = "reading", _("Being read")
    MAPPING = "mapping", _("Columns need mapping")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Awaiting confirmation")
    RUNNING = "running", _("Being imported")
    DONE = "done", _("Imported")
    FAILED = "failed", _("Unreadable")
    DISCARDED = "discarded", _("Discarded")


IN_PROGRESS = (Phase.READING, Phase.CHECKING, Phase.RUNNING)
AWAITING_DECISION = (Phase.MAPPING, Phase.CHECKED)


class DateOrder(models.TextChoices):
    """Order of day and month in dates such as 03/04/2026."""

    DETECT = "", _("Detect from the file")
    DAY_FIRST = "dmy", _("Day first: 3 April")
    MONTH_FIRST = "mdy", _("Month first: 4 March")


class Encoding(models.TextChoices):
    DETECT = "", _("Detect automatically")
    UTF_8 = "utf-8-sig", "UTF-8"
    UTF_16 = "utf-16", "UTF-16"
    ARABIC = "cp1256", _("Windows-1256 (Arabic)")
    WESTERN = "cp1252", _("Windows-1252 (Western)")


class Import(models.Model):
    """An uploaded file. `imports.phases` processes it; a person confirms it after the check."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(_("what"), max_length=10, choices=Kind)
    phase = models.CharField(_("state"), max_length=10, choices=Phase, default=Phase.READING)
    file_name = models.CharField(_("file"), max_length=200)
    content = models.BinaryField(help_text="The uploaded file. Emptied when it is deleted.")
    encoding = models.CharField(max_length=10, choices=Encoding, blank=True)
    date_order = models.CharField(max_length=3, choices=DateOrder, blank=True)
    currency = models.CharField(max_length=3, blank=True, help_text="Used for rows without a currency.")
    columns = models.JSONField(default=dict, help_text="Position of the column of each field.")
    ignored = models.JSONField(default=list, help_text="Headings of columns that are not used.")
    survey = models.JSONField(default=dict, help_text="Results of the survey of the whole file: see `survey`.")
    choices = models.JSONField(
        default=dict, help_text="Decisions about columns: heading to field, or empty to ignore it."
    )
    language = models.CharField(max_length=10, default="en", help_text="The language of the errors in rows.")
    failure = models.TextField(blank=True)
    uploaded_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    actor = models.CharField(max_length=254, help_text="Who confirmed it, or who uploaded it.")
    # Token of the worker that processes the file, checked in each of its transactions.
    claim = models.UUIDField(null=True, editable=False)
    claimed_until = models.DateTimeField(null=True, editable=False)
    stumbles = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Claims by workers since the last progress."
    )
    created_at = models.DateTimeField(_("uploaded"), default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _("import")
        ordering = ["-created_at", "-id"]
        constraints = [
            # Two imports that lock the same debtors in different orders would cause a deadlock.
            models.UniqueConstraint(
                fields=["account"], condition=Q(phase="running"), name="one_running_import_for_an_account"
            ),
            models.CheckConstraint(condition=Q(phase__in=Phase.values), name="import_phase_is_known"),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="import_newest"),
            models.Index(fields=["phase"], name="import_at_work", condition=Q(phase__in=IN_PROGRESS)),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_in_progress(self) -> bool:
        return self.phase in IN_PROGRESS


# Files and rows hold personal data, so they are deleted after this time. The import itself is kept.
RETENTION = dt.timedelta(days=30)


class Outcome(models.TextChoices):
    NEW = "new", _("New")
    CHANGED = "changed", _("Changed")
    UNCHANGED = "unchanged", _("Unchanged")
    PROPOSED = "proposed", _("Needs your decision")
    CLOSED = "closed", _("Closed in the file")
    REPEATED = "repeated", _("Another line")
    REFUSED = "refused", _("Refused")


class ImportRow(models.Model):
    """A row of a file, with its outcome. After the check, `said` holds its amounts and dates in normalised form."""

    file = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows", db_index=False)
    line = models.PositiveIntegerField()
    said = models.JSONField(help_text="Text of each field, as in the file.")
    key = models.CharField(max_length=200, blank=True, help_text="Invoice number or payment reference.")
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True, help_text="Empty: not checked yet.")
    reason = models.TextField(blank=True)
    changes = models.JSONField(default=dict, help_text="Old and new value of each changed field.")
    is_applied = models.BooleanField(default=False)

    class Meta:
        ordering = ["file", "line"]
        constraints = [models.UniqueConstraint(fields=["file", "line"], name="a_line_of_an_import_is_one_row")]
        indexes = [
            models.Index(fields=["file", "outcome", "is_applied", "line"], name="import_row_by_outcome"),
            models.Index(fields=["file", "key", "line"], name="import_row_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.line}"
