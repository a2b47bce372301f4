"""Invoice documents: the PDF or XML of an invoice as it was issued."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.debtors.parties import MAX_KEY
from invoices.models.base import AccountQuerySet
from invoices.models.invoices import Invoice


class DocumentKind(models.TextChoices):
    PDF = "pdf", _lazy("PDF")
    UBL = "ubl", _lazy("Electronic invoice (UBL)")


class Document(models.Model):
    """A document of an invoice. An invoice has at most one current document; replaced ones are kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=5, choices=DocumentKind)
    file_name = models.CharField(_lazy("file"), max_length=200)
    size = models.PositiveIntegerField(help_text=_lazy("Bytes."))
    sha256 = models.CharField(max_length=64)
    content = models.JSONField(
        _lazy("values"), default=dict, help_text=_lazy("Number, dates, amounts and parties of an electronic invoice.")
    )
    stored_as = models.CharField(
        max_length=200, blank=True, editable=False, help_text=_lazy("Its name in the storage. Empty: in the database.")
    )
    party = models.CharField(
        max_length=MAX_KEY,
        db_default="",
        editable=False,
        help_text=_lazy("The party of the invoice when the document was attached or confirmed."),
    )
    uploaded_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(_lazy("uploaded"), default=timezone.now)
    superseded_at = models.DateTimeField(_lazy("replaced or removed"), null=True)
    removed_at = models.DateTimeField(_lazy("removed"), null=True, help_text=_lazy("Its file has been deleted."))

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(superseded_at=None), name="one_current_document_for_an_invoice"
            ),
            models.CheckConstraint(condition=Q(kind__in=DocumentKind.values), name="document_kind_is_known"),
            models.CheckConstraint(
                condition=Q(removed_at=None) | Q(superseded_at__isnull=False), name="a_removed_document_is_not_current"
            ),
        ]
        indexes = [models.Index(fields=["account", "-created_at", "-id"], name="document_newest")]

    def __str__(self) -> str:
        return self.file_name

    def is_for(self, invoice: Invoice) -> bool:
        """Return True if the debtor may get it. One that was attached while the invoice named another party may not."""
        return self.party == invoice.party


class DocumentFile(models.Model):
    """The bytes of a document that is stored in the database, in a table of their own so that other rows stay small."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="+")
    data = models.BinaryField()

    def __str__(self) -> str:
        return str(self.document_id)
