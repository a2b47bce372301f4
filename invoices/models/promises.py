"""Promises to pay."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices import money
from invoices.models.base import AccountQuerySet
from invoices.models.invoices import Invoice


class PromiseStatus(models.TextChoices):
    OPEN = "open", _lazy("Open")
    KEPT = "kept", _lazy("Kept")
    BROKEN = "broken", _lazy("Broken")
    WITHDRAWN = "withdrawn", _lazy("Withdrawn")


class Promise(models.Model):
    """A promise to pay `amount` by `promised_on`. The invoice is on hold until `hold_until`, the last day of grace."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="promises")
    promised_on = models.DateField()
    amount = models.DecimalField(max_digits=18, decimal_places=3)
    paid_before = models.DecimalField(
        max_digits=20, decimal_places=3, help_text=_lazy("The amount already paid when the promise was made.")
    )
    hold_until = models.DateField()
    status = models.CharField(max_length=10, choices=PromiseStatus, default=PromiseStatus.OPEN)
    created_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(status="open"), name="one_open_promise_for_an_invoice"
            ),
        ]

    def __str__(self) -> str:
        amount = money.display(self.amount, self.invoice.currency)
        return _("%(amount)s by %(day)s") % {"amount": amount, "day": date_format(self.promised_on)}
