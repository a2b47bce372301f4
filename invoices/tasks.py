"""Celery tasks of `invoices`. `inflow.settings` has their schedule."""

import uuid

from celery import shared_task
from django.utils import timezone

from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.celery import wake
from invoices import ledger, lifecycle
from invoices.bank import files
from invoices.debtors import duplicate_search, duplicates, merging
from invoices.imports import phases
from invoices.reconciliation import fetching


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
def search_duplicates(account_id: str) -> None:
    """Find debtors of an account that may be the same, if staff requested it."""
    duplicate_search.run(uuid.UUID(account_id))


@shared_task  # type: ignore[untyped-decorator]
def sweep_duplicate_searches() -> None:
    """Run requested searches whose wake-up was lost or whose worker died. Runs every minute."""
    for account_id in duplicate_search.unclaimed():
        wake(search_duplicates.name, str(account_id))


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


@shared_task  # type: ignore[untyped-decorator]
def read_bank_file(file_id: str) -> None:
    """Read an uploaded file of bank statements, and match its lines."""
    files.read(uuid.UUID(file_id))


@shared_task  # type: ignore[untyped-decorator]
def match_bank_lines(account_id: str) -> None:
    """Match the bank lines of an account that are to do, with what is open now."""
    files.match(Account.objects.get(pk=account_id), CLOCK)


@shared_task  # type: ignore[untyped-decorator]
def sweep_bank_files() -> None:
    """Read the files whose wake-up was lost or whose worker died. Runs several times a minute."""
    for file_id in files.unclaimed():
        wake(read_bank_file.name, str(file_id))


@shared_task  # type: ignore[untyped-decorator]
def fetch_open_items(source_id: str) -> None:
    """Fetch an account's list of open items, and compare it."""
    fetching.fetch(uuid.UUID(source_id))


@shared_task  # type: ignore[untyped-decorator]
def sweep_open_items() -> None:
    """Fetch the lists of open items that are due. Runs every minute."""
    for source_id in fetching.due():
        wake(fetch_open_items.name, str(source_id))
