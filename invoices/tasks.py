"""Celery tasks of `invoices`. `inflow.settings` has their schedule."""

import uuid

from celery import shared_task
from django.utils import timezone

from inflow.celery import wake
from invoices import ledger, lifecycle
from invoices.debtors import duplicates, merging
from invoices.imports import phases


@shared_task  # type: ignore[untyped-decorator]
def age_invoices() -> int:
    """Make invoices overdue and end holds. Runs every minute."""
    return lifecycle.age_due(timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def check_derivation() -> int:
    """Log stored values that differ from the derived ones as errors. Runs every night."""
    return lifecycle.count_underived() + ledger.count_unbalanced() + merging.count_stragglers()


@shared_task  # type: ignore[untyped-decorator]
def find_duplicates() -> int:
    """Find debtors that may be the same. Runs every night."""
    return duplicates.find_all()


@shared_task  # type: ignore[untyped-decorator]
def work_on_import(import_id: str) -> None:
    """Work on an import for some seconds. The rest is queued again, so that other tasks run in between."""
    if phases.work(uuid.UUID(import_id)):
        wake(work_on_import.name, import_id)


@shared_task  # type: ignore[untyped-decorator]
def sweep_imports() -> None:
    """Continue imports whose wake-up was lost or whose worker died. Runs several times a minute."""
    for import_id in phases.unclaimed():
        wake(work_on_import.name, str(import_id))


@shared_task  # type: ignore[untyped-decorator]
def delete_import_files() -> int:
    """Delete the files and rows of old imports. Runs every night."""
    return phases.delete_old_files()
