"""Files of both sides of a dispute: PDF, PNG or JPEG by their content. They are stored and downloaded, never opened."""

import hashlib
import uuid

from django.http import HttpResponse
from django.utils.translation import gettext as _

from inflow.accounts.actors import DEBTOR, Actor
from inflow.accounts.models import Account
from inflow.sql import account_scope
from invoices import timeline
from invoices.documents import contents, files, storage
from invoices.documents.bounds import MAX_BYTES, MIB
from invoices.errors import NotFound, Refused
from invoices.models import Dispute, DisputeFile, DocumentKind, FileKind

# Files of one dispute, of both sides together.
MAX_FILES = 20


def too_large() -> str:
    return _("A file may have at most %(size)s MB.") % {"size": MAX_BYTES // MIB}


def check(data: bytes) -> FileKind:
    """Return the kind of a file by its content. Raise `Refused` if it is empty, too large or of another kind."""
    if not data:
        raise Refused("file", "empty", _("The file is empty."))
    if len(data) > MAX_BYTES:
        raise Refused("file", "too_large", too_large())
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82"):
        return FileKind.PNG
    if data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9"):
        return FileKind.JPEG
    try:
        contents.check(data, DocumentKind.PDF)
    except Refused as refused:
        message = _("The file is neither a complete PDF nor a PNG or JPEG image.")
        raise Refused("file", "not_accepted", message) from refused
    return FileKind.PDF


def add(account: Account, dispute_id: uuid.UUID, actor: Actor, data: bytes, name: str = "") -> DisputeFile:
    """Add a file to a dispute. The same file is stored once.

    Raise `NotFound`, or `Refused` if the file is not accepted or the dispute has `MAX_FILES` files.
    """
    dispute = Dispute.objects.for_account(account).filter(pk=dispute_id).select_related("invoice").first()
    if dispute is None:
        raise NotFound
    kind, digest = check(data), hashlib.sha256(data).hexdigest()
    with account_scope(account):
        Dispute.objects.select_for_update(no_key=True).get(pk=dispute.pk)
        known = DisputeFile.objects.filter(dispute=dispute).defer("data")
        same: DisputeFile | None = known.filter(sha256=digest).first()
        if same:
            return same
        if known.count() >= MAX_FILES:
            raise Refused("file", "too_many", _("A dispute may have at most %(most)s files.") % {"most": MAX_FILES})
        stored_as = storage.save(account.pk, kind, data)
        file: DisputeFile = DisputeFile.objects.create(
            account=account,
            dispute=dispute,
            kind=kind,
            name=files.name_of(name, f"file.{kind.value}"),
            size=len(data),
            sha256=digest,
            is_from_debtor=actor == DEBTOR,
            added_by=actor.name,
            stored_as=stored_as,
            data=None if stored_as else data,
        )
        dispute.invoice.account = account
        timeline.note(dispute.invoice, "dispute_file", actor, file=file.name)
    return file


def response(file: DisputeFile) -> HttpResponse | None:
    """Return a response that makes a browser save the file, never show it. Return None if the file is gone."""
    data = storage.read_outside(file) if file.stored_as else file.data
    if data is None:
        return None
    kind = FileKind(file.kind)
    stem = file.name.rpartition(".")[0] or file.name
    return files.download(bytes(data), f"{stem}.{kind.value}", files.MEDIA_TYPES[kind])
