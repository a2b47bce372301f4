"""Monthly statements of account."""

from django.db import models

from inflow.accounts.models import Account
from invoices.debtors.parties import MAX_KEY
from invoices.models import AccountQuerySet, Debtor


class MonthlyStatement(models.Model):
    """The record that the statement of a debtor's party was planned for a month, so that it is planned once."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    debtor = models.ForeignKey(Debtor, on_delete=models.CASCADE, related_name="+", db_index=False)
    party = models.CharField(max_length=MAX_KEY)
    month = models.DateField()

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["debtor", "party", "month"], name="a_statement_is_planned_once_a_month")
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
