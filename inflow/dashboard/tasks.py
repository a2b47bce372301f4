"""Long work on the queues `files` and `forecasts`."""

import uuid

from celery import shared_task

from communications.engine import leaps, stored_forecasts
from communications.schedule import switching
from inflow.dashboard.core import long_exports


@shared_task  # type: ignore[untyped-decorator]
def work_on_export(export_id: str, release: str | None = None) -> None:
    """Work for a few seconds; the next turn goes to the end of the queue."""
    long_exports.work(uuid.UUID(export_id), release)


@shared_task  # type: ignore[untyped-decorator]
def compute_forecast(forecast_id: int) -> None:
    stored_forecasts.compute(forecast_id)


@shared_task  # type: ignore[untyped-decorator]
def switch_on_policy(account_id: str, release: str | None = None) -> None:
    """Work for a few seconds, like `work_on_export`."""
    switching.work(uuid.UUID(account_id), release)


@shared_task  # type: ignore[untyped-decorator]
def advance_clock(account_id: str, release: str | None = None) -> None:
    """Work for a few seconds, like `work_on_export`."""
    leaps.work(uuid.UUID(account_id), release)


@shared_task  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Resume work whose wake-up was lost or whose worker died. Runs several times a minute."""
    for account_id, release in switching.waiting():
        switching.offer(account_id, release)
    for account_id, release in leaps.waiting():
        leaps.offer(account_id, release)
    for export in long_exports.waiting():
        long_exports.offer(export)
    for forecast_id in stored_forecasts.waiting():
        stored_forecasts.offer(forecast_id)


@shared_task  # type: ignore[untyped-decorator]
def forget_old() -> None:
    """Delete expired exports and forecasts. Runs every hour."""
    long_exports.forget_old()
    stored_forecasts.delete_old()
