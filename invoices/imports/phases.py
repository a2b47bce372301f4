"""Phases of an import. A worker claims it for some seconds, commits in batches, and then queues it again.

If a worker is killed, its claim expires and the import continues after the last committed batch. A row is imported only
as the preview showed it; if the invoice has changed since, the row is refused.
"""

import datetime as dt
import functools
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from inflow import turns
from inflow.accounts import audit
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account, User
from inflow.celery import wake
from inflow.sql import Batch
from invoices import lifecycle, registering, signals, workdays
from invoices.debtors.finding import Found
from invoices.imports import loading, planning, reading
from invoices.imports.errors import ClaimLost, UnreadableFile
from invoices.imports.planning import Plan
from invoices.models import Debtor
from invoices.models.imports import AWAITING_DECISION, IN_PROGRESS, RETENTION, Import, ImportRow, Outcome, Phase
from invoices.registering import NewInvoice
from invoices.writing import Refused

log = structlog.get_logger(__name__)

# Seconds that a worker spends on an import at a time. A batch takes far less than the lease.
TURN_S = 5.0
LEASE = dt.timedelta(seconds=60)
MAX_CLAIMS = 5
# Files of an account that may be read and checked at a time.
MAX_PENDING_FILES = 5
CHECK_BATCH, APPLY_BATCH = 1_000, 200
APPLICABLE = (Outcome.NEW, Outcome.CHANGED)
Ready = tuple[ImportRow, Plan]


# --- Actions of people -------------------------------------------------------------------------------------------


def start(
    account: Account,
    person: User,
    *,
    kind: str,
    file_name: str,
    content: bytes,
    encoding: str = "",
    date_order: str = "",
    currency: str = "",
) -> Import:
    """Store a file for a worker to read. Raise `UnreadableFile` if it is obviously unusable."""
    reading.check_upload(content[:8], len(content))
    _check_pending_files(account)
    with transaction.atomic():
        file: Import = Import.objects.create(
            account=account,
            kind=kind,
            file_name=file_name[-200:],
            content=content,
            encoding=encoding,
            date_order=date_order,
            currency=currency,
            language=translation.get_language() or "en",
            uploaded_by=person,
            actor=person.email,
        )
        audit.record(account, person.email, "import.uploaded", file.file_name[:120], kind=kind, id=str(file.pk))
        transaction.on_commit(lambda: wake_worker(file.pk))
    return file


def _check_pending_files(account: Account) -> None:
    """Raise `Refused` if so many files are pending that other accounts would have to wait."""
    pending = Import.objects.for_account(account).filter(phase__in=(Phase.READING, Phase.CHECKING))
    if pending.count() >= MAX_PENDING_FILES:
        message = _("%(count)d files are already being read. Wait until one is done.")
        raise Refused("file", "many", message % {"count": MAX_PENDING_FILES})


def confirm(file: Import, actor: str) -> None:
    """Import the rows as the preview shows them."""
    try:
        _transition(file, [Phase.CHECKED], Phase.RUNNING, actor, "import.confirmed")
    except IntegrityError as error:
        if "one_running_import_for_an_account" in str(error):
            raise Refused("phase", "another_runs", _("Another import is running. Wait until it is done.")) from error
        raise


def stop(file: Import, actor: str) -> None:
    """Stop an import. Imported rows stay; the others need another confirmation."""
    _transition(file, [Phase.RUNNING], Phase.CHECKED, actor, "import.stopped")


def discard(file: Import, actor: str) -> None:
    pending = [Phase.READING, Phase.MAPPING, Phase.CHECKING, Phase.CHECKED]
    _transition(file, pending, Phase.DISCARDED, actor, "import.discarded")


def _transition(file: Import, sources: Sequence[Phase], target: Phase, actor: str, action: str) -> None:
    with transaction.atomic():
        changed = Import.objects.filter(pk=file.pk, phase__in=sources).update(
            phase=target, actor=actor, claim=None, claimed_until=None, stumbles=0, ended_at=_ended_at(target)
        )
        if not changed:
            raise Refused("phase", "not_now", _("The import has changed in the meantime. Reload the page."))
        audit.record(file.account, actor, action, file.file_name[:120], id=str(file.pk), **counts(file))
        if target in IN_PROGRESS:
            transaction.on_commit(lambda: wake_worker(file.pk))


def _ended_at(phase: Phase) -> dt.datetime | None:
    return None if phase in (*IN_PROGRESS, *AWAITING_DECISION) else timezone.now()


def counts(file: Import) -> dict[str, int]:
    """Return the number of rows by outcome, of `all` rows, and of those that are `checked`, `to_do` or `applied`."""
    by_outcome = {outcome: Count("pk", filter=Q(outcome=outcome)) for outcome in Outcome.values}
    found = file.rows.aggregate(all=Count("pk"), applied=Count("pk", filter=Q(is_applied=True)), **by_outcome)
    to_do = sum(found[outcome] for outcome in APPLICABLE)
    return {**found, "checked": sum(found[outcome] for outcome in Outcome.values), "to_do": to_do}


# --- Workers -----------------------------------------------------------------------------------------------------


def unclaimed() -> list[uuid.UUID]:
    """Return the ids of the imports in progress without a worker."""
    return list(_unclaimed().values_list("pk", flat=True))


def _unclaimed() -> QuerySet[Import]:
    found: QuerySet[Import] = Import.objects.filter(turns.unclaimed(), phase__in=IN_PROGRESS)
    return found


def work(import_id: uuid.UUID, turn_s: float = TURN_S) -> bool:
    """Work on an import for `turn_s` seconds. Return True if there is more to do."""
    file = _claim(import_id)
    if file is None:
        return False
    until = time.monotonic() + turn_s
    steps = {Phase.READING: _read, Phase.CHECKING: _check, Phase.RUNNING: _run}
    try:
        with translation.override(file.language), workdays.cached():
            while file.is_in_progress:
                steps[Phase(file.phase)](file)
                if time.monotonic() > until:
                    break
    except ClaimLost:
        return False
    finally:
        Import.objects.filter(pk=file.pk, claim=file.claim).update(claimed_until=None)
    return file.is_in_progress


def delete_old_files() -> int:
    """Delete the files and rows of old imports, because they hold personal data. Return the number of imports."""
    old = Import.objects.filter(created_at__lt=timezone.now() - RETENTION).exclude(content=b"")
    files = list(old.exclude(phase=Phase.RUNNING).defer("content")[:100])
    for file in files:
        if file.phase not in (Phase.DONE, Phase.FAILED):
            file.phase, file.ended_at = Phase.DISCARDED, timezone.now()
        file.content = b""
        with transaction.atomic():
            file.save(update_fields=["phase", "ended_at", "content"])
            file.rows.all().delete()
    return len(files)


def _claim(import_id: uuid.UUID) -> Import | None:
    """Claim an import for this worker. Return None if it is not free, or was claimed too often without progress."""
    free = _unclaimed().filter(pk=import_id).defer("content").select_related("account")
    with transaction.atomic():
        file = free.select_for_update(of=("self",), no_key=True).first()
        if file is None:
            return None
        file.claim, file.claimed_until = uuid.uuid4(), timezone.now() + LEASE
        file.stumbles += 1
        file.save(update_fields=["claim", "claimed_until", "stumbles"])
    if file.stumbles > MAX_CLAIMS:
        log.error("import_given_up", file=str(file.pk))
        _end(file, Phase.FAILED, failure=_("Something went wrong on our side. The error has been logged."))
        return None
    return file


@contextmanager
def _writing(file: Import) -> Iterator[None]:
    """Open a transaction, lock the import's row, and raise `ClaimLost` if the claim is no longer valid."""
    with transaction.atomic():
        still = Import.objects.filter(pk=file.pk, claim=file.claim, phase=file.phase)
        if not still.update(claimed_until=timezone.now() + LEASE, stumbles=0):
            raise ClaimLost
        yield


def _end(file: Import, phase: Phase, *, failure: str = "") -> None:
    """End the present phase of an import."""
    with _writing(file):
        file.phase, file.ended_at, file.failure = phase, _ended_at(phase), failure
        file.save(update_fields=["phase", "ended_at", "failure"])
        if phase == Phase.DONE:
            audit.record(file.account, file.actor, "import.done", file.file_name[:120], id=str(file.pk), **counts(file))
        if phase in (Phase.DONE, Phase.FAILED):
            signals.import_ended.send(Import, file=file)


def _read(file: Import) -> None:
    try:
        is_mapped = loading.load(file, lambda: _writing(file))
    except UnreadableFile as error:
        _end(file, Phase.FAILED, failure=str(error))
        return
    if not is_mapped:
        _end(file, Phase.MAPPING)
    elif file.rows.exists():
        _end(file, Phase.CHECKING)
    else:
        _end(file, Phase.FAILED, failure=_("The file has headings and no rows."))


def _check(file: Import) -> None:
    with _writing(file):
        rows = list(file.rows.filter(outcome="").order_by("line")[:CHECK_BATCH])
        batch = Batch()
        for row, plan in zip(rows, planning.plan(file, rows), strict=True):
            row.outcome, row.reason, row.changes = plan.outcome, plan.reason, plan.changes
            said, row.said = row.said, row.said | plan.read
            batch.update(row, "outcome", "reason", "changes", *(["said"] if row.said != said else []))
        batch.flush()
    if not rows:
        _end(file, Phase.CHECKED)


def _run(file: Import) -> None:
    actor = Actor(file.actor, Channel.IMPORT)
    with _writing(file):
        rows = list(file.rows.filter(outcome__in=APPLICABLE, is_applied=False).order_by("line")[:APPLY_BATCH])
        ready = [(row, plan) for row, plan in zip(rows, planning.plan(file, rows), strict=True) if _is_ready(row, plan)]
        found = registering.debtors_of(file.account, [plan.new for _row, plan in ready if plan.new])
        ready = _with_locked_debtors(file.account, ready, found)
        _register(file.account, [(row, plan.new) for row, plan in ready if plan.new], actor, found)
        for row, plan in ready:
            if plan.do:
                _attempt(row, functools.partial(plan.do, actor))
        batch = Batch()
        for row in rows:
            batch.update(row, "outcome", "reason", "changes", "is_applied")
        batch.flush()
    if not rows:
        _end(file, Phase.DONE)


def _is_ready(row: ImportRow, plan: Plan) -> bool:
    """Return True if the row still does what the preview showed. Otherwise store its outcome."""
    if plan.outcome in (Outcome.UNCHANGED, Outcome.REFUSED):
        row.outcome, row.reason, row.changes = plan.outcome, plan.reason, {}
    elif (plan.outcome, plan.changes) != (row.outcome, row.changes):
        _refuse(row, _("The invoice has changed since the preview. Upload the file again."))
    else:
        return True
    return False


def _with_locked_debtors(account: Account, ready: Sequence[Ready], found: Found) -> list[Ready]:
    """Lock all debtors before the first event locks the account's event counter, to prevent a deadlock.

    Return the rows whose debtors are found, and refuse the others. `found` then has the new rows' debtors as locked.
    """
    wanted: set[uuid.UUID] = set()
    left = []
    for row, plan in ready:
        try:
            if plan.new:
                wanted.add(registering.debtor_in(found, plan.new).pk)
            elif plan.debtors:
                wanted.update(plan.debtors())
            left.append((row, plan))
        except Refused as refusal:
            _refuse(row, refusal.message)
    locked = {}
    for debtor in Debtor.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk"):
        debtor.account = account
        locked[debtor.pk] = debtor
    for key, each in found.items():
        if isinstance(each, Debtor) and each.pk in locked:
            found[key] = locked[each.pk]
    return left


def _register(account: Account, ready: Sequence[tuple[ImportRow, NewInvoice]], actor: Actor, found: Found) -> None:
    """Register new invoices together or, if that fails, one by one."""
    if not ready:
        return
    try:
        with transaction.atomic():
            results = lifecycle.create_many(account, [new for _row, new in ready], actor, found=found)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("import_batch_failed", file=str(ready[0][0].file_id), line=ready[0][0].line)
        for row, new in ready:
            _attempt(row, functools.partial(lifecycle.create, account, new, actor))
        return
    for (row, _new), result in zip(ready, results, strict=True):
        if isinstance(result, Refused):
            _refuse(row, result.message)
        else:
            row.is_applied = True


def _attempt(row: ImportRow, act: Callable[[], object]) -> None:
    try:
        act()
        row.is_applied = True
    except Refused as refusal:
        _refuse(row, refusal.message)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # one failing row must not stop the import
        log.exception("import_row_failed", file=str(row.file_id), line=row.line)
        _refuse(row, _("Something went wrong on our side. The error has been logged."))


def _refuse(row: ImportRow, reason: str) -> None:
    row.outcome, row.reason, row.changes = Outcome.REFUSED, reason, {}


def wake_worker(import_id: uuid.UUID) -> None:
    wake("invoices.tasks.work_on_import", str(import_id))
