"""Receipts, their allocations to invoices, and their reversals."""

import datetime as dt
import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices import money
from invoices.debtors.parties import MAX_KEY
from invoices.models.base import AccountQuerySet
from invoices.models.credit_notes import CreditNote
from invoices.models.debtors import Debtor
from invoices.models.invoices import Invoice


class ReceiptStatus(models.TextChoices):
    STANDING = "standing", _lazy("Valid")
    VOIDED = "voided", _lazy("Voided")
    REVERSED = "reversed", _lazy("Reversed")


class Receipt(models.Model):
    """A received payment. Its allocations pay invoices; the rest is the debtor's credit.

    Append-only except for `status`, `unallocated` and `debtor`. `posted_on` is the oldest of the debtor's own invoices
    that it was recorded for; the credit belongs to the party that this invoice names.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    debtor = models.ForeignKey(
        Debtor, on_delete=models.PROTECT, related_name="receipts", db_index=False, help_text=_lazy("Who paid.")
    )
    posted_on = models.ForeignKey(
        Invoice,
        on_delete=models.PROTECT,
        related_name="receipts",
        null=True,
        help_text=_lazy("The invoice it was recorded on."),
    )
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    currency = models.CharField(max_length=3)
    paid_at = models.DateField(help_text=_lazy("The day the money arrived."))
    method = models.CharField(max_length=40, default="unspecified")
    reference = models.CharField(max_length=100, blank=True)
    bank_id = models.CharField(max_length=100, blank=True, help_text=_lazy("The bank's identifier of the transfer."))
    status = models.CharField(max_length=10, choices=ReceiptStatus, default=ReceiptStatus.STANDING)
    unallocated = models.DecimalField(max_digits=18, decimal_places=3, help_text=_lazy("The debtor's credit."))
    party = models.CharField(
        max_length=MAX_KEY,
        blank=True,
        default="",
        db_default="",
        help_text=_lazy("The key of its party, if it came from a merged debtor and was recorded on no invoice."),
    )
    recorded_at = models.DateTimeField(help_text=_lazy("The account's time."))
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_receipt_is_positive"),
            models.CheckConstraint(
                condition=Q(unallocated__gte=0, unallocated__lte=F("amount")),
                name="a_receipt_is_allocated_at_most_once",
            ),
            models.CheckConstraint(
                condition=Q(status=ReceiptStatus.STANDING) | Q(status__in=["voided", "reversed"], unallocated=0),
                name="a_receipt_that_was_undone_is_no_credit",
            ),
            # A person may record a transfer anew, in another way, after its receipt was voided.
            models.UniqueConstraint(
                fields=["account", "bank_id"],
                condition=~Q(bank_id="") & ~Q(status=ReceiptStatus.VOIDED),
                name="a_bank_id_is_recorded_once",
            ),
            models.UniqueConstraint(
                fields=["posted_on", "reference"],
                condition=Q(status=ReceiptStatus.STANDING) & ~Q(reference=""),
                name="a_reference_stands_once_on_an_invoice",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="receipt_newest"),
            models.Index(fields=["account", "recorded_at"], name="receipt_by_recording"),
            models.Index(fields=["debtor", "recorded_at"], name="receipt_of_a_debtor"),
            models.Index(fields=["debtor", "currency"], name="receipt_with_credit", condition=Q(unallocated__gt=0)),
            models.Index(fields=["account", "reference"], name="receipt_by_reference", condition=~Q(reference="")),
        ]

    def __str__(self) -> str:
        shown = {"amount": money.display(self.amount, self.currency), "day": date_format(self.paid_at)}
        return _("%(amount)s on %(day)s") % shown

    @property
    def day(self) -> dt.date:
        return self.paid_at


class ReversalKind(models.TextChoices):
    VOID = "void", _lazy("Recorded by mistake")
    REVERSE = "reverse", _lazy("Returned by the bank")


class Reversal(models.Model):
    """The reversal of a whole receipt. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    receipt = models.OneToOneField(Receipt, on_delete=models.PROTECT, related_name="reversal")
    how = models.CharField(max_length=8, choices=ReversalKind)
    undone_on = models.DateField(help_text=_lazy("The account's date."))
    recorded_at = models.DateTimeField(help_text=_lazy("The account's time."))
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["account", "recorded_at"], name="reversal_by_recording")]

    def __str__(self) -> str:
        return self.get_how_display()


class AllocationKind(models.TextChoices):
    PAYMENT = "payment", _lazy("Payment")
    CREDIT = "credit", _lazy("Credit applied")
    UNDONE = "undone", _lazy("Payment undone")
    RELEASED = "released", _lazy("Returned to credit")


class Allocation(models.Model):
    """A part of a receipt or credit note that covers an invoice, or was taken back if it is negative. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, null=True, related_name="allocations")
    credit_note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, null=True, related_name="allocations")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="allocations")
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    kind = models.CharField(max_length=10, choices=AllocationKind)
    posting = models.UUIDField(
        help_text=_lazy(
            "Shared by the ledger lines of one operation: the id of the receipt or reversal, or the key of a form."
        )
    )
    recorded_at = models.DateTimeField(help_text=_lazy("The account's time."))
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="an_allocation_is_not_zero"),
            models.CheckConstraint(
                condition=Q(receipt=None, credit_note__isnull=False) | Q(receipt__isnull=False, credit_note=None),
                name="an_allocation_is_of_a_receipt_or_a_credit_note",
            ),
            models.UniqueConstraint(
                fields=["posting", "receipt", "invoice"], name="an_act_allocates_a_receipt_to_an_invoice_once"
            ),
            models.UniqueConstraint(
                fields=["posting", "credit_note", "invoice"],
                name="an_act_allocates_a_credit_note_to_an_invoice_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.amount)


class Payment(models.Model):
    """A receipt or a reversal: a database view for the API, the dashboard and exports.

    A reversal is a row of its own with a negative amount. Use `invoices.ledger` to record payments.
    """

    id = models.UUIDField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    invoice = models.ForeignKey(
        Invoice, on_delete=models.DO_NOTHING, related_name="payments", null=True, db_constraint=False
    )
    receipt = models.ForeignKey(Receipt, on_delete=models.DO_NOTHING, related_name="lines", db_constraint=False)
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    currency = models.CharField(max_length=3)
    paid_at = models.DateField(help_text=_lazy("The day the money arrived."))
    method = models.CharField(max_length=40)
    reference = models.CharField(max_length=100, blank=True)
    reversal_of = models.OneToOneField(
        "self", on_delete=models.DO_NOTHING, null=True, related_name="reversal", db_constraint=False
    )
    status = models.CharField(max_length=10, choices=ReceiptStatus)
    unallocated = models.DecimalField(max_digits=18, decimal_places=3)
    recorded_at = models.DateTimeField(help_text=_lazy("The account's time."))
    created_at = models.DateTimeField()

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        managed = False
        db_table = "invoices_payment"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        shown = {"amount": money.display(self.amount, self.currency), "day": date_format(self.paid_at)}
        return _("%(amount)s on %(day)s") % shown
