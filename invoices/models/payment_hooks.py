"""Addresses at which payment providers report payments, and what they reported."""

import secrets
import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices import money
from invoices.models.base import AccountQuerySet
from invoices.models.invoices import Invoice
from invoices.models.payments import Receipt


class HookKind(models.TextChoices):
    STRIPE = "stripe", _lazy("Stripe")
    HMAC = "hmac", _lazy("Another provider (signed JSON)")


def new_token() -> str:
    return secrets.token_hex(24)  # a word that logs mask, see `inflow.masking`


class PaymentHook(models.Model):
    """An address at which a payment provider reports payments. Each report is signed with the hook's secret."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_lazy("provider"), max_length=10, choices=HookKind)
    token = models.CharField(max_length=48, unique=True, default=new_token, editable=False)
    sealed_secret = models.TextField(editable=False)
    is_on = models.BooleanField(_lazy("in use"), default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_lazy("last report"), null=True, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _lazy("payment provider")
        ordering = ["-created_at", "-id"]
        constraints = [models.CheckConstraint(condition=Q(kind__in=HookKind.values), name="payment_hook_kind_is_known")]

    def __str__(self) -> str:
        return self.get_kind_display()


class ReportKind(models.TextChoices):
    PAYMENT = "payment", _lazy("Payment")
    REFUND = "refund", _lazy("Refund")
    DISPUTE = "dispute", _lazy("Chargeback")


class ReportStatus(models.TextChoices):
    RECORDED = "recorded", _lazy("Recorded")
    OPEN = "open", _lazy("Needs attention")
    DISMISSED = "dismissed", _lazy("Dismissed")


class PaymentReport(models.Model):
    """A report of a payment provider. One that could not be recorded, or that takes money back, waits for a person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    hook = models.ForeignKey(PaymentHook, on_delete=models.PROTECT, related_name="+", db_index=False)
    event_id = models.CharField(max_length=200, help_text=_lazy("The provider's id of the report."))
    payment_id = models.CharField(max_length=90, help_text=_lazy("The provider's id of the payment."))
    kind = models.CharField(max_length=10, choices=ReportKind)
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    currency = models.CharField(max_length=3)
    paid_on = models.DateField()
    invoice_number = models.CharField(max_length=200, blank=True, help_text=_lazy("The invoice that it names."))
    reference = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=10, choices=ReportStatus)
    problem = models.CharField(max_length=40, blank=True, help_text=_lazy("The reason for which it needs attention."))
    detail = models.TextField(blank=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="+")
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, null=True, related_name="+")
    handled_by = models.CharField(max_length=254, blank=True)
    handled_because = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(_lazy("received"), default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = _lazy("payment report")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["hook", "event_id"], name="a_payment_report_is_stored_once"),
            models.CheckConstraint(condition=Q(kind__in=ReportKind.values), name="payment_report_kind_is_known"),
            models.CheckConstraint(condition=Q(status__in=ReportStatus.values), name="payment_report_status_is_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_payment_report_is_positive"),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at", "-id"], name="payment_report_newest"),
            models.Index(fields=["account", "payment_id"], name="payment_report_by_payment"),
            models.Index(fields=["account"], name="payment_report_open", condition=Q(status="open")),
        ]

    def __str__(self) -> str:
        shown = {"kind": self.get_kind_display(), "amount": money.display(self.amount, self.currency)}
        return _("%(kind)s of %(amount)s") % shown
