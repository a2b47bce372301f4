"""Storage of documents: the database, or the storage that DOCUMENT_STORAGE names."""

import uuid
from typing import Any

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.models import QuerySet

from invoices.models import Document, DocumentFile, StaffFile, StaffFileData

log = structlog.get_logger(__name__)

ALIAS = "documents"


def save(name: str, data: bytes) -> str:
    """Store the data outside of the database if a storage is set. Return its name there, or an empty string."""
    return str(_storage().save(name, ContentFile(data))) if _is_external() else ""


def insert(document: Document | StaffFile, data: bytes) -> None:
    """Store the data in the database, unless it is stored outside."""
    if not document.stored_as:
        if isinstance(document, StaffFile):
            StaffFileData.objects.create(file=document, data=data)
        else:
            DocumentFile.objects.create(document=document, data=data)


def read(document: Document | StaffFile) -> bytes | None:
    """Return the data of a document, or None if its file is gone."""
    if document.removed_at:
        return None
    if document.stored_as:
        try:
            with _storage().open(document.stored_as) as file:
                return bytes(file.read())
        except FileNotFoundError:
            log.error("document_file_missing", document=str(document.pk))
            return None
    found = _rows(document).values_list("data", flat=True).first()
    return None if found is None else bytes(found)


def read_named(name: str) -> bytes | None:
    """Return the data that `save` stored outside of the database under this name, or None if it is gone."""
    try:
        with _storage().open(name) as file:
            return bytes(file.read())
    except FileNotFoundError:
        log.error("file_missing", name=name)
        return None


def delete(document: Document | StaffFile) -> None:
    """Delete the data of a document. Call it after the commit if it is stored outside of the database."""
    if document.stored_as:
        _storage().delete(document.stored_as)
    else:
        _rows(document).delete()


def new_name(account_id: uuid.UUID, kind: str) -> str:
    return f"{account_id}/{uuid.uuid4()}.{kind}"


def _rows(document: Document | StaffFile) -> QuerySet[Any]:
    if isinstance(document, StaffFile):
        return StaffFileData.objects.filter(file=document)
    return DocumentFile.objects.filter(document=document)


def _is_external() -> bool:
    return ALIAS in settings.STORAGES


def _storage() -> Any:
    return storages[ALIAS]
