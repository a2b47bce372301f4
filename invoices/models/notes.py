"""Notes about invoices."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.models.base import AccountQuerySet
from invoices.models.invoices import Invoice


class Note(models.Model):
    """A note about an invoice, by a person or another system. Debtors never see it. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="case_notes", db_index=False)
    text = models.TextField()
    author = models.CharField(max_length=254)
    at = models.DateTimeField(help_text=_lazy("The account's time."))
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["invoice", "-created_at", "-id"], name="note_of_an_invoice")]

    def __str__(self) -> str:
        return self.text[:60]
