import uuid

from celery import shared_task
from django.utils import timezone

from inflow.celery import wake
from invoices import ledger, lifecycle
from invoices.imports import phases


@shared_task  # type: ignore[untyped-decorator]
def age_invoices() -> int:
    """Every minute: what fell due becomes overdue, holds that ended end."""
    return lifecycle.age_due(timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def check_derivation() -> int:
    """Every night: what is stored is what is derived, or it is logged as an error."""
    return lifecycle.count_underived() + ledger.count_unbalanced()


@shared_task  # type: ignore[untyped-decorator]
def work_on_import(import_id: str) -> None:
    """A turn of a few seconds; the next one is at the queue's end."""
    if phases.work(uuid.UUID(import_id)):
        wake(work_on_import.name, import_id)


@shared_task  # type: ignore[untyped-decorator]
def sweep_imports() -> None:
    """Several times a minute: imports whose wake-up was lost or whose worker died go on."""
    for import_id in phases.waiting():
        wake(work_on_import.name, str(import_id))


@shared_task  # type: ignore[untyped-decorator]
def forget_imports() -> int:
    """Every night."""
    return phases.forget_old()
