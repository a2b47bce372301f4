"""Credit notes."""

import datetime as dt
import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.debtors.parties import MAX_KEY
from invoices.models.base import AccountQuerySet
from invoices.models.debtors import Debtor
from invoices.models.invoices import MAX_NUMBER, Invoice


class CreditNoteStatus(models.TextChoices):
    STANDING = "standing", _lazy("Valid")
    VOIDED = "voided", _lazy("Voided")


class CreditNote(models.Model):
    """A document that lowers what a debtor owes. Its allocations lower invoices; `unallocated` is the debtor's credit.

    Append-only except for `status`, `unallocated` and `debtor`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="credit_notes", db_index=False)
    invoice = models.ForeignKey(
        Invoice,
        on_delete=models.PROTECT,
        related_name="credit_notes",
        null=True,
        help_text=_lazy("The invoice that it was issued for."),
    )
    number = models.CharField(max_length=MAX_NUMBER)
    date = models.DateField()
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=CreditNoteStatus, default=CreditNoteStatus.STANDING)
    unallocated = models.DecimalField(max_digits=18, decimal_places=3, help_text=_lazy("The debtor's credit."))
    party = models.CharField(
        max_length=MAX_KEY,
        blank=True,
        default="",
        db_default="",
        help_text=_lazy("The key of its party, if it came from a merged debtor and was issued for no invoice."),
    )
    recorded_at = models.DateTimeField(help_text=_lazy("The account's time."))
    voided_at = models.DateTimeField(null=True, help_text=_lazy("The account's time."))
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_credit_note_is_positive"),
            models.CheckConstraint(
                condition=Q(unallocated__gte=0, unallocated__lte=F("amount")),
                name="a_credit_note_is_allocated_at_most_once",
            ),
            models.CheckConstraint(
                condition=Q(status=CreditNoteStatus.STANDING, voided_at=None)
                | Q(status=CreditNoteStatus.VOIDED, unallocated=0, voided_at__isnull=False),
                name="a_voided_credit_note_is_no_credit",
            ),
            models.UniqueConstraint(
                fields=["account", "number"],
                condition=Q(status=CreditNoteStatus.STANDING),
                name="credit_note_number_is_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="credit_note_newest"),
            models.Index(fields=["debtor", "recorded_at"], name="credit_note_of_a_debtor"),
            models.Index(fields=["debtor", "currency"], name="credit_note_with_credit", condition=Q(unallocated__gt=0)),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def day(self) -> dt.date:
        return self.date
