"""The history of an invoice."""

from django.db import models
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from invoices.models.base import AccountQuerySet
from invoices.models.invoices import Invoice


class TimelineEntry(models.Model):
    """An event of an invoice. Append-only."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="timeline", db_index=False)
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    actor = models.CharField(max_length=254)
    channel = models.CharField(max_length=20)
    params = models.JSONField(default=dict, help_text=_lazy("Parameters of the kind's sentence: see narrative.py."))
    stored_text = models.TextField(
        blank=True, default="", help_text=_lazy("The English sentence of an entry older than its parameters.")
    )
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.TextField(blank=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name_plural = _lazy("timeline")
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["invoice", "at", "id"], name="timeline_of_an_invoice")]

    def __str__(self) -> str:
        return self.kind
