"""The webhooks of a restored database: deliveries that may have been made since the backup, and lost event numbers."""

from django.db import connection
from django.db.models import QuerySet

from inflow.restores.gap import Gap
from webhooks.models import Delivery, DeliveryStatus

BATCH = 1_000
# More events than an account can commit in a second: its counter's lock puts them in a row.
MAX_EVENTS_PER_SECOND = 10_000

# An account without an event in the backup may have had some since.
_RENUMBER = """
INSERT INTO webhooks_eventcounter (account_id, seq, kept_from)
SELECT id, %(most)s, %(most)s + 1 FROM accounts_account
ON CONFLICT (account_id) DO UPDATE
SET seq = webhooks_eventcounter.seq + %(most)s, kept_from = webhooks_eventcounter.seq + %(most)s + 1
"""


def may_have_left(gap: Gap) -> QuerySet[Delivery]:
    """Return the deliveries that were due in the gap. Those that a dead worker had claimed are among them."""
    return Delivery.objects.filter(status=DeliveryStatus.PENDING, next_attempt_at__lte=gap.until)


def skip(gap: Gap) -> int:
    """End them as `skipped`: kept, and sent again when their account asks for it. Return the number of them.

    In batches, so it may be interrupted and run again.
    """
    skipped = 0
    while ids := list(may_have_left(gap).order_by("next_attempt_at").values_list("pk", flat=True)[:BATCH]):
        rows = Delivery.objects.filter(pk__in=ids, status=DeliveryStatus.PENDING)
        skipped += rows.update(status=DeliveryStatus.SKIPPED, next_attempt_at=None, lease=None)
    return skipped


def renumber(gap: Gap) -> None:
    """Let each account's events go on above every number that may have been used in the gap.

    Call it once, in the transaction that ends the hold. GET /events?after= answers 410 for the numbers before.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RENUMBER, {"most": round(gap.seconds) * MAX_EVENTS_PER_SECOND})
