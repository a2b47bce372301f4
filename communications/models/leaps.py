"""The last leap of a test account's clock."""

from django.db import models
from django.db.models import Q

from inflow.accounts.models import Account


class ClockLeap(models.Model):
    """Where the clock of a test account was told to go, and what was done on the way so far. See
    `communications.engine.leaps`."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="+")
    target = models.DateTimeField()
    sent_before = models.PositiveIntegerField()
    escalated_before = models.PositiveIntegerField()
    sent = models.PositiveIntegerField(db_default=0, default=0)
    escalated = models.PositiveIntegerField(db_default=0, default=0)
    is_advancing = models.BooleanField(db_default=True, default=True)
    attempts = models.PositiveSmallIntegerField(db_default=0, default=0)
    claimed_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["claimed_until"], condition=Q(is_advancing=True), name="clocks_at_work")]

    def __str__(self) -> str:
        return f"to {self.target}"
