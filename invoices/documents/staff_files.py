"""Files that staff add to invoices and debtors. The content decides their type, never the name."""

import hashlib
import re
import uuid

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import account_scope
from invoices import subjects, timeline
from invoices.documents import contents, documents, files, storage
from invoices.documents.bounds import MAX_BYTES
from invoices.errors import NotFound, Refused
from invoices.models import Debtor, FileKind, Invoice, StaffFile

MOST_FILES = 100  # of one invoice or debtor
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def add(
    account: Account,
    actor: Actor,
    content: bytes,
    name: str,
    *,
    invoice_id: uuid.UUID | None = None,
    debtor_id: uuid.UUID | None = None,
    key: uuid.UUID | None = None,
) -> StaffFile:
    """Add a file to an invoice or a debtor. Raise `Refused` if its type is not accepted or it is too large.

    `key` is that of a form, which adds one file however often it is submitted.
    """
    kind = _kind(content)
    if _count(account, invoice_id, debtor_id) >= MOST_FILES:
        message = _("An invoice or a debtor may have at most %(most)d files.")
        raise Refused("file", "too_many", message % {"most": MOST_FILES})
    with account_scope(account):
        about = subjects.find(account, invoice_id, debtor_id)
        values = {
            "kind": kind,
            "file_name": files.name_of(name, f"file.{kind.value}"),
            "size": len(content),
            "uploaded_by": actor.name,
        }
        digest = hashlib.sha256(content).hexdigest()
        file, is_new = subjects.create_once(StaffFile, key, values, account=account, sha256=digest, **about)
        if not is_new:
            return file
        file.stored_as = storage.save(account.pk, kind, content)
        if file.stored_as:
            file.save(update_fields=["stored_as"])
        storage.insert(file, content)
        if file.invoice:
            timeline.note(file.invoice, "file_added", actor, file=file.file_name)
        audit.record(account, actor.name, "file.added", file.file_name[:120], id=str(file.pk))
    return file


def remove(account: Account, file_id: uuid.UUID, actor: Actor) -> None:
    """Delete the file's data. Its row remains, with the person who removed it."""
    with account_scope(account):
        rows = StaffFile.objects.for_account(account).select_for_update(no_key=True, of=("self",))
        file = rows.select_related("invoice").filter(pk=file_id).first()
        if file is None:
            raise NotFound
        if file.removed_at:
            raise Refused("file", "removed", _("The file has already been removed."))
        file.removed_at, file.removed_by = timezone.now(), actor.name
        file.save(update_fields=["removed_at", "removed_by"])
        if file.invoice:
            file.invoice.account = account
            timeline.note(file.invoice, "file_removed", actor, file=file.file_name)
        audit.record(account, actor.name, "file.removed", file.file_name[:120], id=str(file.pk))
        storage.delete(file)


def of_invoice(invoice: Invoice) -> QuerySet[StaffFile]:
    """Return the files of an invoice, the newest first."""
    found: QuerySet[StaffFile] = StaffFile.objects.filter(invoice=invoice.pk, removed_at=None)
    return found.select_related("invoice")


def of_debtor(debtor: Debtor) -> QuerySet[StaffFile]:
    """Return the files of a debtor and of its invoices, the newest first."""
    there: QuerySet[StaffFile] = StaffFile.objects.filter(account=debtor.account_id, removed_at=None)
    there = there.select_related("invoice").order_by()
    about_invoices = there.filter(invoice__debtor=debtor.pk)
    return there.filter(debtor=debtor.pk).union(about_invoices, all=True).order_by("-created_at", "-id")


def response(file: StaffFile) -> HttpResponse | None:
    """Return a response that makes a browser save the file, never show it. Return None if its data is gone."""
    data = storage.read(file)
    if data is None:
        return None
    kind = FileKind(file.kind)
    name = f"{documents.stem(file.file_name.rsplit('.', 1)[0])}.{kind.value}"
    return files.download(data, name, files.MEDIA_TYPES[kind])


def _kind(data: bytes) -> FileKind:
    if not data:
        raise Refused("file", "empty", _("The file is empty."))
    if len(data) > MAX_BYTES:
        raise Refused("file", "too_large", contents.too_large())
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return FileKind.PNG
    if data.startswith(b"\xff\xd8\xff"):
        return FileKind.JPEG
    if data.startswith(b"%PDF") or data.lstrip()[:1] == b"<":
        try:
            return FileKind(FileKind.PDF if contents.check(data).kind == "pdf" else FileKind.UBL)
        except Refused as refusal:
            raise Refused("file", refusal.code, refusal.message) from refusal
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if _CONTROLS.search(text):
        message = _("The file must be a PDF, a PNG or JPEG image, a plain text or an electronic invoice.")
        raise Refused("file", "not_accepted", message)
    return FileKind.TEXT


def _count(account: Account, invoice_id: uuid.UUID | None, debtor_id: uuid.UUID | None) -> int:
    about = Q(invoice=invoice_id) if invoice_id else Q(debtor=debtor_id)
    return StaffFile.objects.for_account(account).filter(about, removed_at=None).count()
