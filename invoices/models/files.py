"""Files that staff add to invoices and debtors."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.models.base import AccountQuerySet
from invoices.models.debtors import Debtor
from invoices.models.invoices import Invoice


class FileKind(models.TextChoices):
    PDF = "pdf", _lazy("PDF")
    UBL = "xml", _lazy("Electronic invoice (UBL)")
    PNG = "png", _lazy("PNG image")
    JPEG = "jpg", _lazy("JPEG image")
    TEXT = "txt", _lazy("Text")


class StaffFile(models.Model):
    """A file about an invoice or a debtor, such as a signed order. Debtors never see it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="+")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=5, choices=FileKind)
    file_name = models.CharField(_lazy("file"), max_length=200)
    size = models.PositiveIntegerField(help_text=_lazy("Bytes."))
    sha256 = models.CharField(max_length=64)
    stored_as = models.CharField(
        max_length=200, blank=True, editable=False, help_text=_lazy("Its name in the storage. Empty: in the database.")
    )
    uploaded_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(_lazy("uploaded"), default=timezone.now)
    removed_at = models.DateTimeField(_lazy("removed"), null=True, help_text=_lazy("Its file has been deleted."))
    removed_by = models.CharField(max_length=254, blank=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name, verbose_name_plural = _lazy("file"), _lazy("files")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(invoice__isnull=True, debtor__isnull=False) | Q(invoice__isnull=False, debtor__isnull=True),
                name="a_file_is_about_an_invoice_or_a_debtor",
            ),
            models.CheckConstraint(condition=Q(kind__in=FileKind.values), name="file_kind_is_known"),
        ]
        indexes = [models.Index(fields=["account", "-created_at", "-id"], name="file_newest")]

    def __str__(self) -> str:
        return self.file_name


class StaffFileData(models.Model):
    """The bytes of a file that is stored in the database, in a table of their own so that other rows stay small."""

    file = models.OneToOneField(StaffFile, on_delete=models.CASCADE, primary_key=True, related_name="+")
    data = models.BinaryField()

    def __str__(self) -> str:
        return str(self.file_id)
