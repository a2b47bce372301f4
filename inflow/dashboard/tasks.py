"""Long work on the queues `files` and `forecasts`."""

import uuid

from celery import shared_task

from communications.engine import leaps, stored_forecasts
from communications.schedule import switching
from inflow.dashboard.core import long_exports


@shared_task  # type: ignore[untyped-decorator]
def work_on_export(export_id: str, release: str | None = None) -> None:
    """A turn of a few seconds; the next one is at the queue's end."""
    long_exports.work(uuid.UUID(export_id), release)


@shared_task  # type: ignore[untyped-decorator]
def compute_forecast(forecast_id: int) -> None:
    stored_forecasts.compute(forecast_id)


@shared_task  # type: ignore[untyped-decorator]
def switch_on_policy(account_id: str, release: str | None = None) -> None:
    """A turn of a few seconds, as of an export."""
    switching.work(uuid.UUID(account_id), release)


@shared_task  # type: ignore[untyped-decorator]
def advance_clock(account_id: str, release: str | None = None) -> None:
    """A turn of a few seconds, as of an export."""
    leaps.work(uuid.UUID(account_id), release)


@shared_task  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Several times a minute: work whose wake-up was lost or whose worker died goes on."""
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
    """Every hour."""
    long_exports.forget_old()
    stored_forecasts.forget_old()
