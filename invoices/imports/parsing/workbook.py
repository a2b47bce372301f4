"""Rows of the first visible sheet of an XLSX, read in one pass through its XML.

Formulas have their last values. Linked and embedded parts are ignored. Gaps between row numbers cost nothing.
"""

import posixpath
import zipfile
from collections.abc import Iterator
from typing import IO

from invoices.imports.errors import FileRefused
from invoices.imports.parsing import bounds, sheet
from invoices.imports.parsing.styles import Styles
from invoices.imports.parsing.xml import Attributes, Handler, attribute, read, unescaped

_KNOWN_PACKING = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def rows(file: IO[bytes], currencies: frozenset[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows. `currencies` are the codes and symbols that are recognised in number formats."""
    try:
        yield from _rows(file, currencies)
    except (FileRefused, MemoryError):
        raise
    except Exception as error:  # a broken archive can raise anything in zipfile
        raise FileRefused("no_workbook") from error


def _rows(file: IO[bytes], currencies: frozenset[str]) -> Iterator[tuple[int, list[str]]]:
    _refuse_many_entries(file)
    with zipfile.ZipFile(file) as archive:
        parts = _Parts(archive)
        book_name = next(parts.related("", "officeDocument"), "")
        book = _Book()
        parts.read(book_name, "other", book)
        sheet_name = _first_visible(book, parts.relations(book_name))
        styles, strings = Styles(currencies), _Strings()
        for name in parts.related(book_name, "styles"):
            parts.read(name, "styles", styles)
        for name in parts.related(book_name, "sharedStrings"):
            parts.read(name, "strings", strings)
        reader = sheet.Sheet(strings.texts, styles.formats(), is_1904=book.is_1904)
        for _ in parts.pieces(sheet_name, "sheet", reader):
            yield from reader.take()


def _refuse_many_entries(file: IO[bytes]) -> None:
    """Count the entries of the archive's directory, because zipfile reads all of it."""
    content = file.read(bounds.MAX_BYTES + 1)
    if len(content) > bounds.MAX_BYTES or content.count(b"PK\x01\x02") > bounds.MAX_PARTS:
        raise FileRefused("much_more")
    file.seek(0)


class _Parts:
    """Parts of an archive by name, with limits for each kind."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        entries = archive.infolist()
        self._entries = {entry.filename.replace("\\", "/").lower().lstrip("/"): entry for entry in entries}
        if sum(entry.file_size for entry in entries) > bounds.MAX_UNPACKED:
            raise FileRefused("much_more")
        is_encrypted = any(entry.flag_bits & 1 for entry in entries)
        if is_encrypted or len(self._entries) < len(entries):
            raise FileRefused("no_workbook")

    def read(self, name: str, kind: str, handler: Handler) -> None:
        for _ in self.pieces(name, kind, handler):
            pass

    def pieces(self, name: str, kind: str, handler: Handler) -> Iterator[None]:
        """Pass the part to the handler and yield after each piece. zipfile reads no more than its declared size."""
        entry = self._entries[name.lower()]
        if entry.file_size > bounds.MAX_PART[kind]:
            raise FileRefused("much_more")
        if entry.compress_type not in _KNOWN_PACKING:
            raise FileRefused("no_workbook")
        with self._archive.open(entry) as part:
            yield from read(part, handler)

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """Return the kind and name of the related parts of a part by id."""
        folder, file = posixpath.split(name)
        relations = _Relations(folder)
        path = posixpath.join(folder, "_rels", f"{file}.rels").lower()
        if path in self._entries:
            self.read(path, "other", relations)
        return relations.found

    def related(self, name: str, kind: str) -> Iterator[str]:
        return (target for each, target in self.relations(name).values() if each == kind)


class _Relations(Handler):
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.found: dict[str, tuple[str, str]] = {}

    def start(self, name: str, attributes: Attributes) -> None:
        if name != "Relationship" or attributes.get("TargetMode") == "External":
            return
        target = attributes.get("Target", "").replace("\\", "/")
        path = target if target.startswith("/") else posixpath.join("/", self._folder, target)
        kind = attributes.get("Type", "").rpartition("/")[2]
        self.found[attributes.get("Id", "")] = (kind, posixpath.normpath(path).lstrip("/"))


class _Book(Handler):
    def __init__(self) -> None:
        self.sheets: list[str] = []
        self.is_1904 = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "workbookPr":
            self.is_1904 = attributes.get("date1904") in ("1", "true", "on")
        elif name == "sheet" and attributes.get("state", "visible") == "visible":
            self.sheets.append(attribute(attributes, "id"))
            if len(self.sheets) > bounds.MAX_PARTS:
                raise FileRefused("much_more")


def _first_visible(book: _Book, relations: dict[str, tuple[str, str]]) -> str:
    for each in book.sheets:
        kind, name = relations.get(each, ("", ""))
        if kind == "worksheet":
            return name
    raise FileRefused("no_workbook")


class _Strings(Handler):
    """Handler of the shared strings. Phonetic readings (`rPh`) are left out."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._is_text = False
        self._phonetic = 0

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "si":
            self._text, self._length = [], 0
        elif name == "rPh":
            self._phonetic += 1
        elif name == "t":
            self._is_text = not self._phonetic

    def text(self, text: str) -> None:
        if self._is_text and self._length <= bounds.MAX_CELL:
            self._text.append(text[: bounds.MAX_CELL + 1])
            self._length += len(text)

    def end(self, name: str) -> None:
        if name == "t":
            self._is_text = False
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "si":
            if len(self.texts) >= bounds.MAX_STRINGS:
                raise FileRefused("much_more")
            self.texts.append(unescaped("".join(self._text)))
