"""Webhooks of a restored database: deliveries that may have been sent since the backup, and lost event numbers."""

from django.db import connection
from django.db.models import QuerySet

from inflow.restores.gap import Gap
from webhooks.models import Delivery, DeliveryStatus

BATCH = 1_000
# More than an account can commit, because the lock of its event counter serialises its events.
MAX_EVENTS_PER_SECOND = 10_000

# Accounts without events in the backup are included, because they may have had some since.
_RENUMBER = """
INSERT INTO webhooks_eventcounter (account_id, seq, kept_from)
SELECT id, %(most)s, %(most)s + 1 FROM accounts_account
ON CONFLICT (account_id) DO UPDATE
SET seq = webhooks_eventcounter.seq + %(most)s, kept_from = webhooks_eventcounter.seq + %(most)s + 1
"""


def may_have_left(gap: Gap) -> QuerySet[Delivery]:
    """Return the deliveries that were due in the gap, including those claimed by a worker."""
    return Delivery.objects.filter(status=DeliveryStatus.PENDING, next_attempt_at__lte=gap.until)


def skip(gap: Gap) -> int:
    """Mark these deliveries as skipped, so that accounts can replay them. Return their number.

    They are updated in batches, so that the command can be interrupted and run again.
    """
    skipped = 0
    while ids := list(may_have_left(gap).order_by("next_attempt_at").values_list("pk", flat=True)[:BATCH]):
        rows = Delivery.objects.filter(pk__in=ids, status=DeliveryStatus.PENDING)
        skipped += rows.update(status=DeliveryStatus.SKIPPED, next_attempt_at=None, lease=None)
    return skipped


def renumber(gap: Gap) -> None:
    """Continue each account's event numbers above those that may have been used in the gap.

    Call it once, in the transaction that ends the hold. GET /events?after= returns 410 for earlier numbers.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RENUMBER, {"most": round(gap.seconds) * MAX_EVENTS_PER_SECOND})
