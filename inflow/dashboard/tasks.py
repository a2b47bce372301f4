"""Long work on the queue `files`."""

import uuid

from celery import shared_task

from inflow.celery import wake
from inflow.dashboard import long_exports


@shared_task  # type: ignore[untyped-decorator]
def work_on_export(export_id: str) -> None:
    """A turn of a few seconds; the next one is at the queue's end."""
    if long_exports.work(uuid.UUID(export_id)):
        wake(work_on_export, export_id)


@shared_task  # type: ignore[untyped-decorator]
def sweep_exports() -> None:
    """Several times a minute: exports whose wake-up was lost or whose worker died go on."""
    for export_id in long_exports.waiting():
        wake(work_on_export, str(export_id))


@shared_task  # type: ignore[untyped-decorator]
def forget_exports() -> int:
    """Every hour."""
    return long_exports.forget_old()
