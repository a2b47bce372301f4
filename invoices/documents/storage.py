"""Storage of uploaded files: the database, or the storage that DOCUMENT_STORAGE names."""

import uuid
from typing import Any

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import models, transaction

from invoices.models import DisputeFile, Document, DocumentFile, StaffFile, StaffFileData

log = structlog.get_logger(__name__)

ALIAS = "documents"
# The tables of the bytes in the database. Files of disputes have them in their own rows.
_DATA: dict[type[models.Model], Any] = {Document: DocumentFile, StaffFile: StaffFileData}


def save(account_id: uuid.UUID, extension: str, data: bytes) -> str:
    """Store the data outside of the database if a storage is set. Return its name there, or an empty string."""
    if ALIAS not in settings.STORAGES:
        return ""
    return str(_storage().save(f"{account_id}/{uuid.uuid4()}.{extension}", ContentFile(data)))


def insert(file: Document | StaffFile, data: bytes) -> None:
    """Store the data in the database, unless it is stored outside."""
    if not file.stored_as:
        _DATA[type(file)].objects.create(pk=file.pk, data=data)


def read(file: Document | StaffFile) -> bytes | None:
    """Return the data of a file, or None if it was removed or is gone."""
    if file.removed_at:
        return None
    if file.stored_as:
        return read_outside(file)
    found = _DATA[type(file)].objects.filter(pk=file.pk).values_list("data", flat=True).first()
    return None if found is None else bytes(found)


def read_outside(file: Document | StaffFile | DisputeFile) -> bytes | None:
    """Return the data of a file that is stored outside of the database, or None if it is gone."""
    try:
        with _storage().open(file.stored_as) as stored:
            return bytes(stored.read())
    except FileNotFoundError:
        log.error("document_file_missing", document=str(file.pk))
        return None


def delete(file: Document | StaffFile) -> None:
    """Delete the data of a file. What is stored outside of the database is deleted after the commit."""
    if file.stored_as:
        transaction.on_commit(lambda: _storage().delete(file.stored_as))
    else:
        _DATA[type(file)].objects.filter(pk=file.pk).delete()


def _storage() -> Any:
    return storages[ALIAS]
