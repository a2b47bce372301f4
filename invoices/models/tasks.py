"""Tasks of the people of an account."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account, User
from invoices.models.base import AccountQuerySet
from invoices.models.debtors import Debtor
from invoices.models.invoices import Invoice


class Task(models.Model):
    """A task with a due date, about an invoice or a debtor. Debtors never see it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="+")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, null=True, related_name="+")
    text = models.CharField(max_length=500)
    due_on = models.DateField(_lazy("due"))
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(_lazy("done"), null=True)
    done_by = models.CharField(max_length=254, blank=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["due_on", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(invoice__isnull=True, debtor__isnull=False) | Q(invoice__isnull=False, debtor__isnull=True),
                name="a_task_is_about_an_invoice_or_a_debtor",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "due_on", "id"], condition=Q(done_at=None), name="open_task_by_due_day"),
            models.Index(fields=["account", "-created_at", "-id"], name="task_newest"),
        ]

    def __str__(self) -> str:
        return self.text[:80]

    @property
    def is_open(self) -> bool:
        return self.done_at is None
