"""From the bytes of a file to rows of text: CSV as programs write it, and XLSX without its formulas.

Here the encoding, the delimiter and the headings are found; the file itself is parsed by another process.
"""

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
# A row with fewer headings that are known is none of headings.
_FEWEST_KNOWN = 2
_DELIMITERS = ",;\t|"
_HEAD = 20_000  # characters in which the delimiter is looked for

Row = tuple[int, list[str]]
# What a person decided about columns, given the headings.
Choose = Callable[[Sequence[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Its headings and what they stand for; `rows` yields each line's number and cells, without empty ones."""

    headings: list[str]
    understood: columns.ColumnMapping
    rows: Iterator[Row]

    @property
    def columns(self) -> dict[str, int]:
        """Map each field to the position of its column."""
        return self.understood.columns

    @property
    def ignored(self) -> list[str]:
        known = self.columns.values()
        return [heading for position, heading in enumerate(self.headings) if heading and position not in known]


@dataclass(frozen=True, slots=True)
class File:
    """A file that has been parsed; its rows can be read more than once, one reader after the other."""

    kind: str
    _parsed: process.Parsed

    def sheet(self, choose: Choose | None = None) -> Sheet:
        """Read as far as the headings. UnreadableFile if too little is understood for a person to choose the rest."""
        with _readable_errors():
            sheet = _headed(self._parsed.rows(), self.kind, choose)
        if len(sheet.columns) < _FEWEST_KNOWN and (lacking := columns.missing(self.kind, sheet.columns)):
            raise _lacking(lacking, sheet.headings)
        return sheet


@contextmanager
def open_file(
    content: bytes, kind: str, encoding: str = "", heartbeat: Callable[[], object] = lambda: None
) -> Iterator[File]:
    """Parse the whole file in another process. UnreadableFile if it is no such file. `heartbeat` is called now and then."""
    check_upload(content[:8], len(content))
    with contextlib.ExitStack() as stack:
        with _readable_errors():
            parsed = stack.enter_context(process.parsed(content, options_of(content, kind, encoding), heartbeat))
        yield File(kind, parsed)


def check_upload(start: bytes, size: int) -> None:
    """UnreadableFile for what its size and its first bytes tell; nothing is parsed."""
    if size > MAX_BYTES:
        raise UnreadableFile(too_large())
    if not size:
        raise UnreadableFile(_("The file is empty."))
    if start[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise UnreadableFile(_("This is a workbook of an old Excel, or one with a password: save it as XLSX or CSV."))


def too_large() -> str:
    return _("The file is larger than %(size)d MB.") % {"size": MAX_BYTES >> 20}


@contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except FileRefused as refusal:
        raise UnreadableFile(message(refusal)) from refusal


def message(refusal: FileRefused) -> str:
    """Explain to people why a file is refused."""
    match refusal.reason:
        case "no_csv":
            return _("This is no CSV: %(error)s.") % {"error": refusal.detail}
        case "encoding":
            return _("The file is no text in the encoding that was chosen, nor an XLSX.")
        case "no_workbook":
            return _("This workbook can't be read: save it again as XLSX, or as CSV.")
        case "much_more":
            return _("This workbook holds far more than invoices: copy the rows alone into a new one.")
        case "many_rows":
            return _("The file has more than %(rows)d rows: cut it in pieces.") % {"rows": MAX_ROWS}
        case "many_lines":
            return _("The file has more than %(lines)d lines, most of them empty: delete these.") % {"lines": MAX_LINE}
        case "long_row":
            return _("A row of the file is too long. Is there a quotation mark that is never closed?")
        case "much_text":
            return _("The cells of this file hold too much text: leave out the columns that are not needed.")
        case "odd_row":
            return _(
                "The workbook has a row or a cell at an impossible position, %(place)s: save it again as XLSX."
            ) % {"place": f"\u2068{refusal.detail}\u2069"}
        case _:
            return _(
                "The file took too long to read, or too much memory. Copy the rows alone into a new file,"
                " or save it as CSV."
            )


def options_of(content: bytes, kind: str, encoding: str = "") -> dict[str, Any]:
    """The parser's options for a file, from its beginning."""
    if content[:4] == _ARCHIVE:
        return {"encoding": "", "currencies": sorted(amounts.SIGNS | set(money.EXPONENTS))}
    return _of_text(_decoded(content, encoding), kind)


def _lacking(lacking: Sequence[columns.Column], headings: Sequence[str]) -> UnreadableFile:
    return UnreadableFile(
        _("No column is called %(names)s. The headings are: %(headings)s.")
        % {
            "names": ", ".join(str(column.label) for column in lacking),
            "headings": ", ".join(filter(None, headings))[:500] or "–",
        }
    )


def _headed(rows: Iterator[Row], kind: str, choose: Choose | None = None) -> Sheet:
    """The headings are the first row in which most columns are known."""
    rows = ((line, [unescaped(cell) for cell in cells]) for line, cells in rows)
    first = list(itertools.islice(rows, HEADINGS_WITHIN))
    if not first:
        raise UnreadableFile(_("The file is empty."))
    known = [len(columns.guess(kind, cells[:MAX_COLUMNS])) for _line, cells in first]
    position = known.index(max(known))
    headings = [" ".join(cell[:_MAX_HEADING].split()) for cell in first[position][1][: MAX_COLUMNS + 1]]
    if len(headings) > MAX_COLUMNS:
        raise _too_wide()
    understood = columns.map_columns(kind, headings, choose(headings) if choose else None)
    return Sheet(headings, understood, _bounded(itertools.chain(first[position + 1 :], rows)))


def _too_wide() -> UnreadableFile:
    return UnreadableFile(_("The file has more than %(columns)d columns.") % {"columns": MAX_COLUMNS})


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise UnreadableFile(message(FileRefused("many_rows")))
        yield row


# --- CSV ---------------------------------------------------------------------------------------------------------


def _decoded(content: bytes, encoding: str) -> tuple[str, str]:
    """Return the encoding in which the whole file is text, and its beginning."""
    for name in [encoding] if encoding else _encodings_of(content):
        try:
            return name, content.decode(name)[:_HEAD]
        except UnicodeDecodeError:
            continue
    raise FileRefused("encoding")


def _encodings_of(content: bytes) -> list[str]:
    """A mark decides. Without one it is UTF-8 if it can be that, else what Excel writes on an Arabic Windows."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return [Encoding.UTF_16]
    start = content[:2000]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > max(4 * min(even, odd), len(start) // 100):  # UTF-16's NULs have their position in each pair
        return ["utf-16-le" if odd > even else "utf-16-be"]
    return [Encoding.UTF_8, Encoding.ARABIC]


def _of_text(decoded: tuple[str, str], kind: str) -> dict[str, Any]:
    """The delimiter is the one by which most headings are known."""
    encoding, text = decoded
    text = text.lstrip("\ufeff")
    delimiters: Sequence[str] = _DELIMITERS
    said = re.match(r"sep=([,;\t|])\r?\n", text)  # Excel's own way to say it
    if said:
        delimiters, text = said[1], text[said.end() :]
    best = max(delimiters, key=lambda delimiter: _fits(text, delimiter, kind))
    return {"encoding": encoding, "delimiter": best, "skipped_lines": 1 if said else 0}


def _fits(text: str, delimiter: str, kind: str) -> tuple[int, int]:
    known = widest = 0
    try:
        filled = (cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(cells))
        for cells in itertools.islice(filled, HEADINGS_WITHIN):
            known = max(known, len(columns.guess(kind, cells[:MAX_COLUMNS])))
            widest = max(widest, len(cells))
    except csv.Error:
        return 0, 0
    return known, widest
