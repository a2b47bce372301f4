"""From the bytes of a file to rows of text: CSV as programs write it, and XLSX without its formulas."""

import csv
import datetime as dt
import functools
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from inflow.accounts.sheets import unescaped
from invoices import money
from invoices.imports import amounts, columns
from invoices.imports.models import Encoding

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 50_000
MAX_CELL = 10_000
MAX_COLUMNS = 250  # Zoho Books writes more than 100
# Of an XLSX unpacked: 50,000 rows of every column we know are about 60 MB.
_MAX_UNPACKED = 200 * 1024 * 1024
_MAX_SHARED = 50 * 1024 * 1024  # read as a whole
_MAX_PARTS = 1_000
_MAX_HEADING = 100
# A row with fewer headings that are known is none of headings.
_FEWEST_KNOWN = 2
# Titles above the headings are skipped.
_HEADINGS_WITHIN = 20
_DELIMITERS = ",;\t|"

# Spaces, and the marks of direction that Arabic Windows puts round numbers.
_UNSEEN = " \t\r\n\u00a0\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

Row = tuple[int, list[str]]
# What a person decided about columns, given the headings.
Choose = Callable[[Sequence[str]], Mapping[str, str]]


class Unreadable(Exception):
    """The file as a whole can't be read; the message is for people."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Its headings and what they stand for; `rows` yields each line's number and cells, without empty ones."""

    headings: list[str]
    understood: columns.Understood
    rows: Iterator[Row]

    @property
    def columns(self) -> dict[str, int]:
        """Map each field to the position of its column."""
        return self.understood.columns

    @property
    def ignored(self) -> list[str]:
        known = self.columns.values()
        return [heading for place, heading in enumerate(self.headings) if heading and place not in known]


def open_sheet(content: bytes, kind: str, encoding: str = "") -> Sheet:
    """Read as far as the headings. Unreadable if it is no such file, or a needed column is missing."""
    sheet = open_any_sheet(content, kind, encoding)
    if lacking := columns.missing(kind, sheet.columns):
        raise _lacking(lacking, sheet.headings)
    return sheet


def open_any_sheet(content: bytes, kind: str, encoding: str = "", choose: Choose | None = None) -> Sheet:
    """The same with a person's choices, also if a column is missing that a person may still choose."""
    if len(content) > MAX_BYTES:
        raise Unreadable(_("The file is larger than %(size)d MB.") % {"size": MAX_BYTES // 1024 // 1024})
    if content[:4] == b"PK\x03\x04":
        sheet = _headed(_xlsx(content), kind, choose)
    elif content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise Unreadable(_("This is a workbook of an old Excel, or one with a password: save it as XLSX or CSV."))
    else:
        sheet = _csv(_decoded(content, encoding), kind, choose)
    if len(sheet.columns) < _FEWEST_KNOWN and (lacking := columns.missing(kind, sheet.columns)):
        raise _lacking(lacking, sheet.headings)
    return sheet


def _lacking(lacking: Sequence[columns.Column], headings: Sequence[str]) -> Unreadable:
    return Unreadable(
        _("No column is called %(names)s. The headings are: %(headings)s.")
        % {
            "names": ", ".join(str(column.label) for column in lacking),
            "headings": ", ".join(filter(None, headings))[:500] or "–",
        }
    )


def _headed(rows: Iterator[Row], kind: str, choose: Choose | None = None) -> Sheet:
    """The headings are the first row in which most columns are known."""
    try:
        first: list[Row] = []
        for row in rows:
            first.append(row)
            if len(first) == _HEADINGS_WITHIN:
                break
    except csv.Error as error:
        raise Unreadable(_("This is no CSV: %(error)s.") % {"error": error}) from error
    if not first:
        raise Unreadable(_("The file is empty."))
    known = [len(columns.guess(kind, cells[:MAX_COLUMNS])) for _line, cells in first]
    place = known.index(max(known))
    headings = [" ".join(cell[:_MAX_HEADING].split()) for cell in first[place][1][: MAX_COLUMNS + 1]]
    if len(headings) > MAX_COLUMNS:
        raise _too_wide()
    understood = columns.understand(kind, headings, choose(headings) if choose else None)
    return Sheet(headings, understood, _bounded(_chained(first[place + 1 :], rows)))


def _too_wide() -> Unreadable:
    return Unreadable(_("The file has more than %(columns)d columns.") % {"columns": MAX_COLUMNS})


def _chained(first: list[Row], rest: Iterator[Row]) -> Iterator[Row]:
    yield from first
    try:
        yield from rest
    except csv.Error as error:
        raise Unreadable(_("This is no CSV: %(error)s.") % {"error": error}) from error


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise Unreadable(_("The file has more than %(rows)d rows: cut it in pieces.") % {"rows": MAX_ROWS})
        yield row


# --- CSV ---------------------------------------------------------------------------------------------------------


def _decoded(content: bytes, encoding: str) -> str:
    for name in [encoding] if encoding else _encodings_of(content):
        try:
            return content.decode(name)
        except UnicodeDecodeError:
            continue
    raise Unreadable(_("The file is no text in the encoding that was chosen, nor an XLSX."))


def _encodings_of(content: bytes) -> list[str]:
    """A mark decides. Without one it is UTF-8 if it can be that, else what Excel writes on an Arabic Windows."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return [Encoding.UTF_16]
    start = content[:2000]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > max(4 * min(even, odd), len(start) // 100):  # UTF-16's NULs have their place in each pair
        return ["utf-16-le" if odd > even else "utf-16-be"]
    return [Encoding.UTF_8, Encoding.ARABIC]


def _csv(text: str, kind: str, choose: Choose | None = None) -> Sheet:
    """The delimiter is the one by which most headings are known."""
    text = text.lstrip("\ufeff")
    delimiters: Sequence[str] = _DELIMITERS
    said = re.match(r"sep=([,;\t|])\r?\n", text)  # Excel's own way to say it
    if said:
        delimiters, text = said[1], text[said.end() :]
    start = text[:20_000]
    best = max(delimiters, key=lambda delimiter: _fits(start, delimiter, kind))
    return _headed(_csv_rows(text, best, lines_before=1 if said else 0), kind, choose)


def _fits(text: str, delimiter: str, kind: str) -> tuple[int, int]:
    known = widest = 0
    try:
        for _line, cells in _csv_rows(text, delimiter):
            known = max(known, len(columns.guess(kind, cells[:MAX_COLUMNS])))
            widest = max(widest, len(cells))
    except csv.Error:
        return 0, 0
    return known, widest


def _csv_rows(text: str, delimiter: str, lines_before: int = 0) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1 + lines_before
    for cells in reader:
        given = [_clean(cell) for cell in cells[: MAX_COLUMNS + 1]]
        if any(given):
            yield line, given
        line = reader.line_num + 1 + lines_before


# --- XLSX --------------------------------------------------------------------------------------------------------


def _xlsx(content: bytes) -> Iterator[Row]:
    """The first sheet. Formulas come as the values they last had; what is linked or embedded is not looked at."""
    from openpyxl import load_workbook  # 12 MiB that a web process rarely needs

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            _refuse_bomb(parts.infolist())
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = next(each for each in book.worksheets if each.sheet_state == "visible")
        sheet.reset_dimensions()  # some programs write wrong ones
        beyond = sheet.iter_rows(max_row=_HEADINGS_WITHIN, min_col=MAX_COLUMNS + 1, values_only=True)
        if any(value is not None and str(value).strip(_UNSEEN) for row in beyond for value in row):
            raise _too_wide()
        return _xlsx_rows(sheet.iter_rows(max_col=MAX_COLUMNS))
    except Unreadable:
        raise
    except Exception as error:  # whatever a broken workbook makes of openpyxl, it is the file's fault
        raise _not_a_workbook() from error


def _not_a_workbook() -> Unreadable:
    return Unreadable(_("This workbook can't be read: save it again as XLSX, or as CSV."))


def _refuse_bomb(parts: list[zipfile.ZipInfo]) -> None:
    """What a part says of its size bounds what is read of it."""
    shared = sum(part.file_size for part in parts if part.filename.endswith("sharedStrings.xml"))
    if (
        len(parts) > _MAX_PARTS
        or sum(part.file_size for part in parts) > _MAX_UNPACKED
        or shared > _MAX_SHARED
        or any(part.flag_bits & 1 for part in parts)  # encrypted
    ):
        raise Unreadable(_("This workbook holds far more than invoices: copy the rows alone into a new one."))


def _xlsx_rows(rows: Iterable[Sequence[Any]]) -> Iterator[Row]:
    lines = iter(enumerate(rows, 1))
    while True:
        try:
            line, row = next(lines)
            given = [_clean(_shown(cell)) for cell in row]
        except StopIteration:
            return
        except Exception as error:
            raise _not_a_workbook() from error
        while given and not given[-1]:
            given.pop()
        if given:
            yield line, given


def _shown(cell: Any) -> str:
    """A cell's value; a number with the currency that its format shows beside it, which else would be lost."""
    value = cell.value
    if isinstance(value, int | float) and not isinstance(value, bool) and (sign := _currency_of(cell.number_format)):
        return f"{sign} {_text(value)}"
    return _text(value)


@functools.lru_cache(maxsize=1_024)
def _currency_of(number_format: str) -> str:
    """`[$USD] #,##0.00`, `"AED" 0.00` and `$#,##0` have one; `[$-409]` is a language alone."""
    shown = number_format[:200].split(";")[0]
    plain = re.sub(r'\[[^\]]*\]|"[^"]*"', "", shown)
    named = re.findall(r'\[\$([^\]-]{1,10})|"([^"]{1,10})"', shown)
    parts = [*(code or text for code, text in named), *re.findall("[$€£₹]", plain)]
    found = (part.strip(" .\u00a0") for part in parts)
    return next((part for part in found if part in amounts.SIGNS or part in money.EXPONENTS), "")


def _text(value: Any) -> str:
    """A typed cell as the text that `cells` reads without doubt: dates in ISO, numbers with a point."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float):  # Excel's numbers have 15 digits: 0.30000000000000004 is 0.3
        return f"{value:.0f}" if value.is_integer() else f"{value:.15g}"
    return str(value)


def _clean(cell: str) -> str:
    """Without what can't be seen at its ends. An apostrophe that keeps a sheet from calculating is no part of it."""
    text = cell[: MAX_CELL + 1].replace("\0", "\ufffd").strip(_UNSEEN)
    return unescaped(text)
