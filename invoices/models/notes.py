"""Notes about invoices and debtors."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.models.base import AccountQuerySet
from invoices.models.debtors import Debtor
from invoices.models.invoices import Invoice


class Note(models.Model):
    """A note about an invoice or a debtor, by a person or another system. Debtors never see it. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="case_notes", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    text = models.TextField()
    author = models.CharField(max_length=254)
    at = models.DateTimeField(help_text=_lazy("The account's time."))
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(invoice__isnull=True, debtor__isnull=False) | Q(invoice__isnull=False, debtor__isnull=True),
                name="a_note_is_about_an_invoice_or_a_debtor",
            )
        ]
        indexes = [
            models.Index(fields=["invoice", "-created_at", "-id"], name="note_of_an_invoice"),
            models.Index(
                fields=["debtor", "-created_at", "-id"],
                condition=Q(debtor__isnull=False),
                name="note_of_a_debtor",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:60]
