"""Answers kept for `Idempotency-Key`."""

from django.db import models
from django.utils import timezone

from inflow.accounts.models import Account


class IdempotentAnswer(models.Model):
    """A 2xx answer as it was given, written in the transaction of its effect. The body is sealed."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    sealed_body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "route", "key"], name="an_idempotency_key_has_one_answer")
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
