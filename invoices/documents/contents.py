"""Checks of a document's content. Its type is decided by the content, never by its name."""

import base64
import re
from collections.abc import Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from invoices.documents.bounds import MAX_BYTES, MAX_FILES, MAX_UNPACKED, MIB
from invoices.errors import Refused
from invoices.imports import process
from invoices.imports.errors import FileRefused
from invoices.models import DocumentKind

_HEADER = re.compile(rb"%PDF-[12]\.[0-9]")
_TRAILER = re.compile(rb"startxref\s{1,4}([0-9]{1,10})\s{1,4}%%EOF[\s\0]{0,1024}\Z")
_CROSS_REFERENCES = re.compile(rb"[\s\0]{0,8}(?:xref\b|[0-9]{1,10}\s{1,4}[0-9]{1,5}\s{1,4}obj\b)")
_XML = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]{0,100}<")
_TAIL = 2_048
_REFUSALS = {
    "no_xml": _lazy("The XML is malformed."),
    "doctype": _lazy("The XML has a document type declaration or entities, which are not accepted."),
    "no_ubl": _lazy("The XML is not a UBL 2.1 invoice: its root must be Invoice or CreditNote in the UBL namespace."),
    "too_complex": _lazy("The XML has too many elements, or is nested too deeply."),
    "no_archive": _lazy("The ZIP file is damaged."),
    "many_files": _lazy("The ZIP file has more than %(files)s files."),
    "unpacked": _lazy("The ZIP file is too large when unpacked: at most %(size)s MB."),
    "died": _lazy("The file could not be read."),
}
FILE_REFUSALS = {
    "path": _lazy("The name has a path that leads out of the folder."),
    "nested": _lazy("Archives within an archive are not opened."),
    "encrypted": _lazy("The file is encrypted."),
    "large": _lazy("The file is larger than %(size)s MB."),
    "broken": _lazy("The file is damaged."),
}


class Content(NamedTuple):
    """The kind of a document and, of an electronic invoice, its values."""

    kind: DocumentKind
    values: dict[str, str]


class ArchivedFile(NamedTuple):
    """A file of an archive. `problem` is a sentence, or empty."""

    name: str
    problem: str
    data: bytes


def too_large() -> str:
    return _("A document may have at most %(size)s MB.") % {"size": MAX_BYTES // MIB}


def check(data: bytes, expected: DocumentKind | None = None) -> Content:
    """Return the kind and the values of a document. Raise `Refused` if it is neither a PDF nor a UBL invoice, or not
    of the expected kind."""
    if not data:
        raise Refused("document", "empty", _("The file is empty. Send a PDF, or a UBL 2.1 invoice in XML."))
    if len(data) > MAX_BYTES:
        raise Refused("document", "too_large", too_large())
    is_xml = _XML.match(data) is not None
    kind = DocumentKind.UBL if is_xml else DocumentKind.PDF
    if not is_xml and not _is_pdf(data):
        message = _("The file is neither a complete PDF nor a UBL 2.1 invoice in XML.")
        raise Refused("document", "not_a_document", message)
    if expected not in (None, kind):
        message = _("The content is not what the media type says: send a PDF as application/pdf, XML as text/xml.")
        raise Refused("document", "other_kind", message)
    return Content(kind, _values(data) if is_xml else {})


def _is_pdf(data: bytes) -> bool:
    """Return True if the data begins and ends as a PDF and has its cross-references where the end says.

    Nothing may stand before or after it, so that no other format can be hidden around a PDF.
    """
    trailer = _TRAILER.search(data[-_TAIL:])
    if not _HEADER.match(data) or trailer is None:
        return False
    return _CROSS_REFERENCES.match(data, int(trailer[1])) is not None


def _values(data: bytes) -> dict[str, str]:
    try:
        with process.parsed(data, {"document": "ubl"}) as parsed:
            return {row[0]: row[1] for _number, row in parsed.rows()}
    except FileRefused as refusal:
        raise _refused(refusal) from refusal


def unpacked(data: bytes) -> Iterator[ArchivedFile]:
    """Yield the files of a ZIP file. Raise `Refused` before the first one if the archive is invalid or a bomb."""
    try:
        with process.parsed(data, {"document": "zip"}) as parsed:
            for _number, (name, problem, content) in parsed.rows():
                text = str(FILE_REFUSALS[problem]) % {"size": MAX_BYTES // MIB} if problem else ""
                yield ArchivedFile(name, text, base64.b64decode(content))
    except FileRefused as refusal:
        raise _refused(refusal) from refusal


def _refused(refusal: FileRefused) -> Refused:
    values = {"files": MAX_FILES, "size": MAX_UNPACKED // MIB}
    return Refused("document", refusal.reason, str(_REFUSALS.get(refusal.reason, _REFUSALS["died"])) % values)
