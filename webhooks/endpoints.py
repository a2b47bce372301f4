"""How an endpoint fares over its deliveries: whether it is slow, and when it is given up."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from inflow.celery import wake
from webhooks.delivery.outcomes import GONE, is_success
from webhooks.delivery.transport import Answer
from webhooks.models import Delivery, DeliveryStatus, Subscription

SLOW_MS = 2_000
GIVEN_UP_AFTER = dt.timedelta(hours=120)
GIVEN_UP_FAILURES = 10

# What `Subscription.disabled_reason` says.
REASON_GONE = "gone"
REASON_FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Told:
    """An endpoint's answer to one try, or its silence."""

    subscription_id: uuid.UUID
    at: dt.datetime
    answer: Answer


@dataclass(slots=True)
class _Tally:
    has_succeeded: bool = False
    failed: int = 0  # since the last success
    first_failed: dt.datetime | None = None
    is_slow: bool = False
    is_gone: bool = False

    def add(self, told: Told) -> None:
        self.is_slow = told.answer.ms >= SLOW_MS
        if is_success(told.answer):
            self.has_succeeded, self.failed, self.first_failed = True, 0, None
            return
        self.failed += 1
        self.first_failed = self.first_failed or told.at
        self.is_gone = self.is_gone or told.answer.status == GONE


_NOTE = """
UPDATE webhooks_subscription s SET
  failing_since = CASE WHEN told.succeeded THEN told.first_failed ELSE COALESCE(s.failing_since, told.first_failed) END,
  failures = CASE WHEN told.succeeded THEN 0 ELSE s.failures END + told.failed,
  is_slow = told.slow
FROM unnest(%(ids)s::uuid[], %(succeeded)s::bool[], %(failed)s::int[], %(first)s::timestamptz[], %(slow)s::bool[])
  AS told (id, succeeded, failed, first_failed, slow)
WHERE s.id = told.id AND (told.failed > 0 OR s.failing_since IS NOT NULL OR s.is_slow <> told.slow)
RETURNING s.id, s.failing_since, s.failures
"""


def note(answers: Iterable[Told]) -> None:
    """Keep each endpoint's record, and give up those that are gone or have failed for too long."""
    tallies: dict[uuid.UUID, _Tally] = {}
    for told in sorted(answers, key=lambda told: told.at):
        tallies.setdefault(told.subscription_id, _Tally()).add(told)
    if not tallies:
        return
    values = tallies.values()
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            {
                "ids": list(tallies),
                "succeeded": [tally.has_succeeded for tally in values],
                "failed": [tally.failed for tally in values],
                "first": [tally.first_failed for tally in values],
                "slow": [tally.is_slow for tally in values],
            },
        )
        stored = cursor.fetchall()
    for subscription_id, tally in tallies.items():
        if tally.is_gone:
            disable(subscription_id, REASON_GONE, DeliveryStatus.CANCELLED)
    for subscription_id, failing_since, failures in stored:
        has_failed_long = failing_since and timezone.now() - failing_since >= GIVEN_UP_AFTER
        if has_failed_long and failures >= GIVEN_UP_FAILURES:
            disable(subscription_id, REASON_FAILING, DeliveryStatus.SKIPPED)


def disable(subscription_id: uuid.UUID, reason: str, pending_becomes: DeliveryStatus) -> bool:
    """Stop sending to it and have the account's admins told. False if it was off already.

    What a worker is sending at this moment stays with that worker, which leaves a failure pending: the next claim
    ends it.
    """
    with transaction.atomic():
        turned_off = Subscription.objects.filter(pk=subscription_id, is_active=True, deleted_at=None).update(
            is_active=False, disabled_reason=reason, notice_due_at=timezone.now()
        )
        if not turned_off:
            return False
        Delivery.objects.filter(subscription=subscription_id, status=DeliveryStatus.PENDING, lease=None).update(
            status=pending_becomes, next_attempt_at=None
        )
        transaction.on_commit(_wake_notices)
    return True


def _wake_notices() -> None:
    wake("webhooks.tasks.tell_admins")
