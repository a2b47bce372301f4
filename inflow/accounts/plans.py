"""Plans and their limits, as on the public pricing page. Limits apply per account, not per key."""

from typing import NamedTuple

from django.db import models
from django.utils.translation import gettext_lazy as _lazy


class Plan(models.TextChoices):
    FREE = "free", _lazy("Free")
    STARTER = "starter", _lazy("Starter")
    PRO = "pro", _lazy("Pro")
    ENTERPRISE = "enterprise", _lazy("Enterprise")


class Limits(NamedTuple):
    """Maximum number of requests per minute and per day (None: unlimited), and of webhook subscriptions."""

    per_minute: int
    per_day: int | None
    subscriptions: int


LIMITS: dict[str, Limits] = {
    Plan.FREE: Limits(30, 1_000, 5),
    Plan.STARTER: Limits(60, 10_000, 20),
    Plan.PRO: Limits(120, 50_000, 50),
    Plan.ENTERPRISE: Limits(300, None, 200),
}
