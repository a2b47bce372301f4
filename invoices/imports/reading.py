"""Detection of a file's encoding, delimiter and headings. A separate process parses the file itself."""

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.sheets import unescaped
from invoices import money
from invoices.imports import amounts, columns, process
from invoices.imports.errors import FileRefused, UnreadableFile
from invoices.imports.parsing.bounds import (
    HEADINGS_WITHIN,
    MAX_BYTES,
    MAX_CELL,
    MAX_COLUMNS,
    MAX_LINE,
    MAX_ROWS,
)
from invoices.models.imports import Encoding

__all__ = ["MAX_BYTES", "MAX_CELL", "MAX_COLUMNS", "MAX_ROWS", "File", "Sheet", "open_file"]

_ARCHIVE = b"PK\x03\x04"
_MAX_HEADING = 100
# With fewer known headings, the row with the most cells has them, unless a cell begins with a digit as data do.
_MIN_KNOWN = 2
_DELIMITERS = ",;\t|"
_HEAD = 20_000  # characters from which the delimiter is detected

Row = tuple[int, list[str]]
# Returns people's choices for the columns with these headings: fields by `columns.keys`.
Choose = Callable[[Sequence[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its headings. `rows` yields the line number and the cells of each row that is not empty."""

    headings: list[str]
    mapping: columns.ColumnMapping
    rows: Iterator[Row]

    @property
    def columns(self) -> dict[str, int]:
        """Map each field to the position of its column."""
        return self.mapping.columns


@dataclass(frozen=True, slots=True)
class File:
    """A parsed file. Its rows can be read several times, but not at the same time."""

    kind: str
    _parsed: process.Parsed

    def sheet(self, choose: Choose | None = None) -> Sheet:
        """Read the headings. Raise `UnreadableFile` if they are too few, or data, for people to choose columns."""
        with _readable_errors():
            sheet = _headed(self._parsed.rows(), self.kind, choose)
        lacking = columns.missing(self.kind, sheet.columns)
        if len(sheet.columns) < _MIN_KNOWN and lacking and not _may_be_headings(sheet.headings, self.kind):
            raise UnreadableFile(
                _("No column is called %(names)s. The headings are: %(headings)s.")
                % {
                    "names": ", ".join(str(column.label) for column in lacking),
                    "headings": ", ".join(filter(None, sheet.headings))[:500] or "–",
                }
            )
        return sheet


@contextmanager
def open_file(
    content: bytes, kind: str, encoding: str = "", heartbeat: Callable[[], object] = lambda: None
) -> Iterator[File]:
    """Parse the file in another process. `heartbeat` is called from time to time meanwhile.

    Raise `UnreadableFile` if the file is invalid or exceeds a limit.
    """
    check_upload(content[:8], len(content))
    with contextlib.ExitStack() as stack:
        with _readable_errors():
            parsed = stack.enter_context(process.parsed(content, options_of(content, kind, encoding), heartbeat))
        yield File(kind, parsed)


def check_upload(start: bytes, size: int) -> None:
    """Raise `UnreadableFile` if the size or the first bytes show that the file is unusable."""
    if size > MAX_BYTES:
        raise UnreadableFile(too_large())
    if not size:
        raise UnreadableFile(_("The file is empty."))
    if start[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise UnreadableFile(_("This workbook has an old format or a password: save it as XLSX or CSV."))


def too_large() -> str:
    return _("The file is larger than %(size)d MB.") % {"size": MAX_BYTES >> 20}


@contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except FileRefused as refusal:
        raise UnreadableFile(message(refusal)) from refusal


_MESSAGES = {
    "no_csv": _lazy("This is not a valid CSV file: %(error)s."),
    "encoding": _lazy("The file is neither text in the chosen encoding nor XLSX."),
    "no_workbook": _lazy("This workbook can't be read: save it again as XLSX or CSV."),
    "much_more": _lazy("This workbook is too large: copy only the rows into a new one."),
    "many_rows": _lazy("The file has more than %(rows)d rows: split it into several files."),
    "many_lines": _lazy("The file has more than %(lines)d lines: delete the empty ones."),
    "long_row": _lazy("A row of the file is too long. A closing quotation mark may be missing."),
    "much_text": _lazy("The file contains too much text: remove the columns that are not needed."),
    "odd_row": _lazy("The workbook has a row or cell at an invalid position, %(place)s: save it again as XLSX."),
    "died": _lazy(
        "Reading the file took too much time or memory. Copy only the rows into a new file, or save it as CSV."
    ),
}


def message(refusal: FileRefused) -> str:
    """Return why a file is refused, for people."""
    return str(_MESSAGES.get(refusal.reason, _MESSAGES["died"])) % {
        "error": refusal.detail,
        "place": f"\u2068{refusal.detail}\u2069",
        "rows": MAX_ROWS,
        "lines": MAX_LINE,
    }


def options_of(content: bytes, kind: str, encoding: str = "") -> dict[str, Any]:
    """Return the parser's options for a file."""
    if content[:4] == _ARCHIVE:
        return {"encoding": "", "currencies": sorted(amounts.SYMBOLS | set(money.EXPONENTS))}
    return _text_options(*_decoded(content, encoding), kind)


def _headed(rows: Iterator[Row], kind: str, choose: Choose | None = None) -> Sheet:
    """Return the sheet below the headings: the first row with the most known columns, or with the most cells."""
    rows = ((line, [unescaped(cell) for cell in cells]) for line, cells in rows)
    first = list(itertools.islice(rows, HEADINGS_WITHIN))
    if not first:
        raise UnreadableFile(_("The file is empty."))
    known = [_count_known(kind, cells) for _line, cells in first]
    if max(known) < _MIN_KNOWN:
        known = [sum(map(bool, cells)) for _line, cells in first]
    position = known.index(max(known))
    headings = [" ".join(cell[:_MAX_HEADING].split()) for cell in first[position][1][: MAX_COLUMNS + 1]]
    if len(headings) > MAX_COLUMNS:
        raise UnreadableFile(_("The file has more than %(columns)d columns.") % {"columns": MAX_COLUMNS})
    mapping = columns.map_columns(kind, headings, choose(headings) if choose else None)
    return Sheet(headings, mapping, _bounded(itertools.chain(first[position + 1 :], rows)))


def _may_be_headings(headings: Sequence[str], kind: str) -> bool:
    """Return True if these unknown headings are enough for the needed columns, and none begins as data do."""
    filled = [heading for heading in headings if heading]
    return len(filled) >= len(columns.missing(kind, {})) and not any(heading[:1].isdigit() for heading in filled)


def _count_known(kind: str, cells: Sequence[str]) -> int:
    return len(columns.map_columns(kind, cells[:MAX_COLUMNS]).columns)


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise UnreadableFile(message(FileRefused("many_rows")))
        yield row


# --- CSV ---------------------------------------------------------------------------------------------------------


def _decoded(content: bytes, encoding: str) -> tuple[str, str]:
    """Return the encoding and the first characters of a text file."""
    for name in [encoding] if encoding else _encodings_of(content):
        try:
            return name, content.decode(name)[:_HEAD]
        except UnicodeDecodeError:
            continue
    raise FileRefused("encoding")


def _encodings_of(content: bytes) -> list[str]:
    """Return the encodings to try: by the byte order mark, else UTF-8 and what Excel writes on Arabic Windows."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return [Encoding.UTF_16]
    start = content[:2000]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > max(4 * min(even, odd), len(start) // 100):  # the NULs of UTF-16
        return ["utf-16-le" if odd > even else "utf-16-be"]
    return [Encoding.UTF_8, Encoding.ARABIC]


def _text_options(encoding: str, text: str, kind: str) -> dict[str, Any]:
    """Return the options for a CSV. The delimiter is the one with which most headings are known."""
    text = text.lstrip("\ufeff")
    delimiters: Sequence[str] = _DELIMITERS
    declared = re.match(r"sep=([,;\t|])\r?\n", text)  # a first line for Excel
    if declared:
        delimiters, text = declared[1], text[declared.end() :]
    best = max(delimiters, key=lambda delimiter: _fit(text, delimiter, kind))
    return {"encoding": encoding, "delimiter": best, "skipped_lines": 1 if declared else 0}


def _fit(text: str, delimiter: str, kind: str) -> tuple[int, int]:
    """Return the number of known headings and of columns with this delimiter."""
    known = widest = 0
    try:
        filled = (cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(cells))
        for cells in itertools.islice(filled, HEADINGS_WITHIN):
            known = max(known, _count_known(kind, cells))
            widest = max(widest, len(cells))
    except csv.Error:
        return 0, 0
    return known, widest
