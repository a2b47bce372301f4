"""Disputes: a debtor's objection to an invoice or to a part of it, with its files."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account, User
from invoices.models.base import AccountQuerySet
from invoices.models.files import FileKind
from invoices.models.invoices import Invoice

# The reasons of a new account: name in English and in Arabic.
DEFAULT_REASONS = (
    ("Goods or services not received", "لم نستلم البضاعة أو الخدمة"),
    ("Goods damaged or of poor quality", "بضاعة تالفة أو دون الجودة المطلوبة"),
    ("Wrong quantity", "الكمية غير صحيحة"),
    ("Wrong price or discount", "السعر أو الخصم غير صحيح"),
    ("VAT or invoice details are wrong", "بيانات الفاتورة أو ضريبة القيمة المضافة غير صحيحة"),
    ("Duplicate invoice", "فاتورة مكررة"),
    ("Not ordered by us", "لم نطلب ذلك"),
    ("Other", "سبب آخر"),
)


class DisputeReason(models.Model):
    """A reason that staff and debtors may choose. A reason that is no longer offered stays on its disputes."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    name_en = models.CharField(_lazy("name in English"), max_length=80)
    name_ar = models.CharField(_lazy("name in Arabic"), max_length=80)
    position = models.PositiveSmallIntegerField(default=100)
    is_offered = models.BooleanField(_lazy("offered"), default=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _lazy("dispute reason")
        verbose_name_plural = _lazy("dispute reasons")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name_en"], name="dispute_reason_is_unique_in_its_account"),
        ]

    def __str__(self) -> str:
        return self.in_language(get_language() or "en")

    def in_language(self, language: str) -> str:
        return self.name_ar if language.startswith("ar") else self.name_en


class DisputeStatus(models.TextChoices):
    OPEN = "open", _lazy("Open")
    RESOLVED = "resolved", _lazy("Resolved")


class DisputeOutcome(models.TextChoices):
    """Outcome of a resolved dispute. Only the engine sets the last one."""

    CREDIT_NOTE = "credit_note", _lazy("Credit note")
    CORRECTED_AMOUNT = "corrected_amount", _lazy("Corrected amount")
    REJECTED = "rejected", _lazy("Rejected")
    WITHDRAWN = "withdrawn", _lazy("Withdrawn")
    CLOSED = "closed", _lazy("The invoice closed")


class Dispute(models.Model):
    """A dispute. `amount` is the disputed amount, or None if the whole invoice is disputed.

    The invoice has the amount that is not chased (`Invoice.contested_amount`). `opened_at` and `resolved_at` are in the
    account's time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="disputes")
    reason = models.ForeignKey(DisputeReason, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    amount = models.DecimalField(
        _lazy("disputed amount"),
        max_digits=18,
        decimal_places=3,
        null=True,
        blank=True,
        help_text=_lazy("Empty: the whole invoice."),
    )
    text = models.TextField(blank=True)
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    answer_by = models.DateField(_lazy("answer by"), null=True, blank=True)
    status = models.CharField(max_length=10, choices=DisputeStatus, default=DisputeStatus.OPEN)
    outcome = models.CharField(max_length=20, choices=DisputeOutcome, blank=True)
    answer = models.TextField(blank=True, help_text=_lazy("The debtor sees it on their page."))
    opened_by = models.CharField(max_length=254, blank=True)
    opened_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _lazy("dispute")
        verbose_name_plural = _lazy("disputes")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(status="open"), name="one_open_dispute_for_an_invoice"
            ),
            models.CheckConstraint(
                condition=Q(amount__isnull=True) | Q(amount__gt=0), name="a_contested_part_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(status="resolved", resolved_at__isnull=False)
                | (~Q(status="resolved") & Q(resolved_at__isnull=True)),
                name="a_resolved_dispute_and_only_it_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="dispute_newest"),
            models.Index(fields=["account", "opened_at"], name="dispute_open", condition=Q(status="open")),
        ]

    def __str__(self) -> str:
        reason = str(self.reason) if self.reason else _("Dispute")
        return f"{self.invoice}: {reason}"


class DisputeFile(models.Model):
    """A file that one side attached to a dispute. `data` is empty if it is stored outside of the database."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="files")
    kind = models.CharField(
        max_length=5, choices=[(kind.value, kind.name) for kind in (FileKind.PDF, FileKind.PNG, FileKind.JPEG)]
    )
    name = models.CharField(max_length=200)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    is_from_debtor = models.BooleanField()
    added_by = models.CharField(max_length=254, blank=True)
    stored_as = models.CharField(max_length=200, blank=True, editable=False)
    data = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["dispute", "sha256"], name="a_dispute_has_a_file_once"),
        ]

    def __str__(self) -> str:
        return self.name
