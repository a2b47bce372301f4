from celery import shared_task

from inflow.api import idempotency
from inflow.restores import walltime


@shared_task  # type: ignore[untyped-decorator]
def forget_idempotency_keys() -> int:
    """Every hour: remove what is older than a day, a batch at a time."""
    if not walltime.is_right():
        return 0
    forgotten = 0
    while batch := idempotency.forget_expired():
        forgotten += batch
    return forgotten
