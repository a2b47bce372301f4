"""State of endpoints: slow, failing or disabled."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from inflow.celery import wake
from webhooks.delivery.outcomes import GONE, is_success
from webhooks.delivery.transport import Response
from webhooks.models import Delivery, DeliveryStatus, Subscription

SLOW_MS = 2_000
DISABLE_AFTER = dt.timedelta(hours=120)
DISABLE_FAILURES = 10

# Values of `Subscription.disabled_reason`.
REASON_GONE = "gone"
REASON_FAILING = "failing"


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """Result of one attempt."""

    subscription_id: uuid.UUID
    at: dt.datetime
    response: Response


@dataclass(slots=True)
class _Tally:
    has_succeeded: bool = False
    failed: int = 0  # since the last success
    first_failed: dt.datetime | None = None
    is_slow: bool = False
    is_gone: bool = False

    def add(self, result: AttemptResult) -> None:
        self.is_slow = result.response.ms >= SLOW_MS
        if is_success(result.response):
            self.has_succeeded, self.failed, self.first_failed = True, 0, None
            return
        self.failed += 1
        self.first_failed = self.first_failed or result.at
        self.is_gone = self.is_gone or result.response.status == GONE


_UPDATE = """
UPDATE webhooks_subscription s SET
  failing_since = CASE WHEN r.succeeded THEN r.first_failed ELSE COALESCE(s.failing_since, r.first_failed) END,
  failures = CASE WHEN r.succeeded THEN 0 ELSE s.failures END + r.failed,
  is_slow = r.slow
FROM unnest(
  %(ids)s::uuid[], %(has_succeeded)s::bool[], %(failed)s::int[], %(first_failed)s::timestamptz[], %(is_slow)s::bool[]
) AS r (id, succeeded, failed, first_failed, slow)
WHERE s.id = r.id AND (r.failed > 0 OR s.failing_since IS NOT NULL OR s.is_slow <> r.slow)
RETURNING s.id, s.failing_since, s.failures
"""


def update(results: Iterable[AttemptResult]) -> None:
    """Update the state of endpoints, and disable those that are gone or have failed for too long."""
    tallies: dict[uuid.UUID, _Tally] = {}
    for result in sorted(results, key=lambda result: result.at):
        tallies.setdefault(result.subscription_id, _Tally()).add(result)
    if not tallies:
        return
    names = ("has_succeeded", "failed", "first_failed", "is_slow")
    values = {name: [getattr(tally, name) for tally in tallies.values()] for name in names}
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, values | {"ids": list(tallies)})
        stored = cursor.fetchall()
    for subscription_id, tally in tallies.items():
        if tally.is_gone:
            disable(subscription_id, REASON_GONE, DeliveryStatus.CANCELLED)
    for subscription_id, failing_since, failures in stored:
        has_failed_long = failing_since and timezone.now() - failing_since >= DISABLE_AFTER
        if has_failed_long and failures >= DISABLE_FAILURES:
            disable(subscription_id, REASON_FAILING, DeliveryStatus.SKIPPED)


def disable(subscription_id: uuid.UUID, reason: str, pending_becomes: DeliveryStatus) -> bool:
    """Disable a subscription and notify the account's admins. Return False if it was already disabled.

    Deliveries that a worker is sending are left to it. If they fail, the next claim ends them.
    """
    with transaction.atomic():
        disabled = Subscription.objects.filter(pk=subscription_id, is_active=True, deleted_at=None).update(
            is_active=False, disabled_reason=reason, notice_due_at=timezone.now()
        )
        if not disabled:
            return False
        Delivery.objects.filter(subscription=subscription_id, status=DeliveryStatus.PENDING, lease=None).update(
            status=pending_becomes, next_attempt_at=None
        )
        transaction.on_commit(lambda: wake("webhooks.tasks.notify_admins"))
    return True
