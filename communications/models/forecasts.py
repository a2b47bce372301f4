"""Stored forecasts of large accounts."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from inflow.accounts.models import Account


class StoredForecast(models.Model):
    """A forecast that a worker computed. See `communications.engine.stored_forecasts`."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    days = models.PositiveSmallIntegerField()
    requested_at = models.DateTimeField(default=timezone.now)
    claimed_until = models.DateTimeField(null=True)
    computed_at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    is_whole = models.BooleanField(db_default=True, default=True)
    count = models.PositiveIntegerField(db_default=0, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=Q(computed_at=None), name="account_has_one_forecast_at_work"
            )
        ]
        indexes = [models.Index(fields=["account", "days", "-computed_at"], name="last_forecast_of_an_account")]

    def __str__(self) -> str:
        return f"{self.days} days from {self.computed_at}"


class ForecastPart(models.Model):
    """Consecutive entries of a forecast. A page reads one or two parts."""

    forecast = models.ForeignKey(StoredForecast, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    entries = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["forecast", "number"], name="part_of_a_forecast_is_unique")]

    def __str__(self) -> str:
        return f"part {self.number}"
