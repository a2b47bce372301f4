"""Long work on the queue `files`."""

import uuid

from celery import shared_task

from communications.engine import stored_forecasts
from communications.schedule import switching
from inflow.celery import wake
from inflow.dashboard.core import long_exports


@shared_task  # type: ignore[untyped-decorator]
def work_on_export(export_id: str) -> None:
    """A turn of a few seconds; the next one is at the queue's end."""
    if long_exports.work(uuid.UUID(export_id)):
        wake(work_on_export.name, export_id)


@shared_task  # type: ignore[untyped-decorator]
def compute_forecast(forecast_id: int) -> None:
    stored_forecasts.compute(forecast_id)


@shared_task  # type: ignore[untyped-decorator]
def switch_on_policy(account_id: str) -> None:
    """A turn of a few seconds, as of an export."""
    if switching.work(uuid.UUID(account_id)):
        wake(switch_on_policy.name, account_id)


@shared_task  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Several times a minute: work whose wake-up was lost or whose worker died goes on."""
    for account_id in switching.waiting():
        wake(switch_on_policy.name, str(account_id))
    for export_id in long_exports.waiting():
        wake(work_on_export.name, str(export_id))
    for forecast_id in stored_forecasts.waiting():
        wake(compute_forecast.name, forecast_id)


@shared_task  # type: ignore[untyped-decorator]
def forget_old() -> None:
    """Every hour."""
    long_exports.forget_old()
    stored_forecasts.delete_old()
