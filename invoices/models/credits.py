"""Unapplied credit."""

from django.db import models

from inflow.accounts.models import Account
from invoices.debtors import parties
from invoices.models.base import AccountQuerySet
from invoices.models.credit_notes import CreditNote
from invoices.models.debtors import Debtor
from invoices.models.invoices import Invoice
from invoices.models.payments import Receipt


class Credit(models.Model):
    """The unallocated part of a receipt or of a credit note: a database view of those that have one.

    `invoice` is the one that it was recorded on or issued for. It decides the party that the credit belongs to. Without
    an invoice, this is `party`, or the debtor's own if that is empty.
    """

    id = models.UUIDField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False)
    receipt = models.ForeignKey(Receipt, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False)
    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False
    )
    currency = models.CharField(max_length=3)
    unallocated = models.DecimalField(max_digits=18, decimal_places=3)
    day = models.DateField()
    recorded_at = models.DateTimeField()
    created_at = models.DateTimeField()
    party = models.CharField(max_length=parties.MAX_KEY)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        managed = False
        db_table = "invoices_credit"
        ordering = ["day", "recorded_at", "created_at", "id"]

    def __str__(self) -> str:
        return str(self.unallocated)
