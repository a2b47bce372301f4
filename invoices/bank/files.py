"""Uploaded files of bank statements. A worker reads a file, stores its statements in one transaction, and matches."""

import datetime as dt
import hashlib
import uuid

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from inflow import turns
from inflow.accounts import audit
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account, User
from inflow.celery import wake
from invoices.bank import matching, posting, reading, statements
from invoices.bank.parsing.records import account_number
from invoices.errors import Refused
from invoices.imports.errors import UnreadableFile
from invoices.models.bank import FILE_IN_PROGRESS, BankFile, FileState

log = structlog.get_logger(__name__)

LEASE = dt.timedelta(seconds=300)
MAX_CLAIMS = 3
MAX_PENDING = 20


def start(
    account: Account,
    person: User,
    *,
    file_name: str,
    content: bytes,
    encoding: str = "",
    date_order: str = "",
    bank_account: str = "",
    currency: str = "",
) -> BankFile:
    """Store a file for a worker to read. Raise `UnreadableFile` or `Refused` if it can't be accepted."""
    reading.check_upload(len(content))
    if BankFile.objects.for_account(account).filter(state__in=FILE_IN_PROGRESS).count() >= MAX_PENDING:
        message = _("%(count)d files are already being read. Wait until one is done.")
        raise Refused("file", "many", message % {"count": MAX_PENDING})
    with transaction.atomic():
        file: BankFile = BankFile.objects.create(
            account=account,
            file_name=file_name[-200:],
            content=content,
            sha256=hashlib.sha256(content).hexdigest(),
            encoding=encoding,
            date_order=date_order,
            bank_account=account_number(bank_account),
            currency=currency,
            language=translation.get_language() or "en",
            uploaded_by=person,
            actor=person.email,
        )
        audit.record(account, person.email, "bankfile.uploaded", file.file_name[:120], id=str(file.pk))
        transaction.on_commit(lambda: wake_reader(file.pk))
    return file


def wake_reader(file_id: uuid.UUID) -> None:
    wake("invoices.tasks.read_bank_file", str(file_id))


def wake_matcher(account_id: uuid.UUID) -> None:
    wake("invoices.tasks.match_bank_lines", str(account_id))


def unclaimed() -> list[uuid.UUID]:
    """Return the ids of the files that no worker reads."""
    return list(_unclaimed().values_list("pk", flat=True))


def _unclaimed() -> "QuerySet[BankFile]":
    found: QuerySet[BankFile] = BankFile.objects.filter(turns.unclaimed(), state__in=FILE_IN_PROGRESS)
    return found


def read(file_id: uuid.UUID) -> None:
    """Read a file that no other worker reads: store all of it or nothing, and then match its lines."""
    file = _claim(file_id)
    if file is None:
        return
    with translation.override(file.language):
        if file.claims > MAX_CLAIMS:
            log.error("bank_file_given_up", file=str(file.pk))
            _end(file, FileState.FAILED, failure=_("Something went wrong on our side. The error has been logged."))
            return
        if file.state == FileState.READING and not _store(file):
            return
    file.lines_posted = match(file.account, Actor(file.actor, Channel.IMPORT))
    _end(file, FileState.READ)


def _store(file: BankFile) -> bool:
    """Parse the file and store its statements. Return False if it was refused, or another worker has done it."""
    try:
        parsed = reading.read(
            bytes(file.content),
            encoding=file.encoding,
            date_order=file.date_order,
            account=file.bank_account,
            currency=file.currency,
        )
    except UnreadableFile as error:
        _end(file, FileState.FAILED, failure=str(error))
        return False
    with transaction.atomic():
        still = BankFile.objects.filter(pk=file.pk, state=FileState.READING).select_for_update(no_key=True)
        if not still.exists():
            return False
        stored = statements.store(file, parsed)
        file.statements_found, file.lines_found, file.lines_added = len(parsed), stored.lines, stored.added
        file.state, file.content = FileState.MATCHING, b""
        file.save()
    return True


def match(account: Account, actor: Actor) -> int:
    """Match all lines that are to do. Return the number of payments recorded without review."""
    lines = matching.to_do(account)
    matching.match(account, lines)
    posting.link_recorded(account, lines, actor)
    return posting.post_exact(account, lines, actor)


def _claim(file_id: uuid.UUID) -> BankFile | None:
    with transaction.atomic():
        free = _unclaimed().filter(pk=file_id).select_related("account")
        file = free.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
        if file is None:
            return None
        file.claimed_until = timezone.now() + LEASE
        file.claims += 1
        file.save(update_fields=["claimed_until", "claims"])
    return file


def _end(file: BankFile, state: FileState, *, failure: str = "") -> None:
    """End the reading of a file. Its content is deleted, because the lines hold what is needed."""
    file.state, file.failure, file.read_at, file.content, file.claimed_until = state, failure, timezone.now(), b"", None
    file.save()
    audit.record(
        file.account,
        file.actor,
        "bankfile.read" if state == FileState.READ else "bankfile.failed",
        file.file_name[:120],
        id=str(file.pk),
        lines=file.lines_added,
    )
