from celery import shared_task

from inflow.api import idempotency


@shared_task  # type: ignore[untyped-decorator]
def forget_idempotency_keys() -> int:
    """Every hour: remove what is older than a day, a batch at a time."""
    forgotten = 0
    while batch := idempotency.forget_expired():
        forgotten += batch
    return forgotten
