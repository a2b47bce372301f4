import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account, User


class ExportState(models.TextChoices):
    WAITING = "waiting", _lazy("Waiting")
    RUNNING = "running", _lazy("Running")
    DONE = "done", _lazy("Done")
    FAILED = "failed", _lazy("Failed")


AT_WORK = (ExportState.WAITING, ExportState.RUNNING)


class Export(models.Model):
    """Export of a list that a worker writes for one person. See `dashboard.core.long_exports`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    # The account whose rows are in the file: a person who changes accounts no longer sees files of the former one. It
    # is null for platform staff, also for those who belong to an account: after leaving the staff, a person no longer
    # sees files with the rows of all accounts.
    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+")
    model = models.CharField(max_length=100)
    form = models.CharField(max_length=4)
    query = models.TextField()
    language = models.CharField(max_length=10)
    file_name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=ExportState, db_default=ExportState.WAITING, default="waiting")
    failure = models.CharField(max_length=200, db_default="", default="")
    rows_total = models.PositiveIntegerField(null=True)
    rows_done = models.PositiveIntegerField(db_default=0, default=0)
    parts_done = models.PositiveIntegerField(db_default=0, default=0)
    attempts = models.PositiveSmallIntegerField(db_default=0, default=0)
    claimed_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["claimed_until"], condition=Q(state__in=AT_WORK), name="exports_at_work")]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_at_work(self) -> bool:
        return self.state in AT_WORK


class PartKind(models.TextChoices):
    KEYS = "keys"
    ROWS = "rows"  # of a workbook, until it is assembled
    CONTENT = "content"


class ExportPart(models.Model):
    """Part of an export: first the keys of its rows, then their content. Both are compressed."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="parts", db_index=False)
    kind = models.CharField(max_length=10, choices=PartKind)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "kind", "number"], name="part_of_an_export_is_unique")]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"
