"""Rows of one sheet of a workbook."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence

from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel, from_ISO8601

from invoices.imports.errors import FileRefused
from invoices.imports.parsing.bounds import MAX_CELL, MAX_CELLS, MAX_COLUMNS, MAX_EXCEL_COLUMNS, MAX_LINE
from invoices.imports.parsing.styles import PLAIN, Format
from invoices.imports.parsing.xml import Attributes, Handler, unescaped

_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
# Characters of a number: 17 digits, a sign, a point and an exponent.
_MAX_NUMBER = 40
_ERROR = "#VALUE!"


class Sheet(Handler):
    """Handler of a sheet. `take` returns the complete rows since its last call."""

    def __init__(self, strings: Sequence[str], formats: Sequence[Format], *, is_1904: bool) -> None:
        self._strings, self._formats = strings, formats
        self._epoch = MAC_EPOCH if is_1904 else WINDOWS_EPOCH
        self._rows: list[tuple[int, list[str]]] = []
        self._is_inside = False
        self._line = self._position = self._cells_seen = 0
        self._cells: dict[int, str] = {}
        self._kind, self._format, self._tag = "n", PLAIN, ""
        self._text: list[str] = []
        self._length = self._phonetic = 0

    def take(self) -> Iterator[tuple[int, list[str]]]:
        found, self._rows = self._rows, []
        return iter(found)

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "sheetData":
            self._is_inside = True
        elif not self._is_inside:
            return
        elif name == "c":
            self._start_cell(attributes)
        elif name == "row":
            self._start_row(attributes.get("r"))
        elif name == "rPh":
            self._phonetic += 1
        elif name in ("v", "t"):
            self._tag = "" if self._phonetic else name

    def text(self, text: str) -> None:
        # Inline strings have their text in <t> elements, other cells in <v>.
        if self._tag and (self._tag == "t") == (self._kind == "inlineStr") and self._length <= MAX_CELL:
            self._text.append(text[: MAX_CELL + 1])
            self._length += len(text)

    def end(self, name: str) -> None:
        if not self._is_inside:
            return
        if name in ("v", "t"):
            self._tag = ""
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "c":
            if self._text and (text := self._shown("".join(self._text))):
                # Cells beyond the last column become one more column, which `reading` refuses.
                self._cells[min(self._position, MAX_COLUMNS + 1)] = text
        elif name == "row":
            if self._cells:
                width = max(self._cells)
                self._rows.append((self._line, [self._cells.get(position, "") for position in range(1, width + 1)]))
        elif name == "sheetData":
            self._is_inside = False

    def _start_row(self, number: str | None) -> None:
        line = self._line + 1 if number is None else _line(number)
        if not self._line < line <= MAX_LINE:
            raise FileRefused("odd_row", (number or str(line))[:20])
        self._line, self._position, self._cells = line, 0, {}

    def _start_cell(self, attributes: Attributes) -> None:
        self._cells_seen += 1
        if self._cells_seen > MAX_CELLS:
            raise FileRefused("much_more")
        reference = attributes.get("r")
        self._position = self._position + 1 if reference is None else self._column(reference)
        if self._position > MAX_EXCEL_COLUMNS or (self._position in self._cells and self._position <= MAX_COLUMNS):
            raise FileRefused("odd_row", (reference or "")[:20])
        self._kind = attributes.get("t", "n")
        self._format = self._formatted(attributes.get("s"))
        self._text, self._length, self._tag = [], 0, ""

    def _column(self, reference: str) -> int:
        match = _REFERENCE.fullmatch(reference)
        if not match or int(match[2]) != self._line:
            raise FileRefused("odd_row", reference[:20])
        column = 0
        for letter in match[1]:
            column = column * 26 + ord(letter) - ord("A") + 1
        return column

    def _formatted(self, style: str | None) -> Format:
        number = int(style) if style and len(style) < 8 and style.isdecimal() else 0
        return self._formats[number] if number < len(self._formats) else PLAIN

    def _shown(self, text: str) -> str:
        """Return a cell as unambiguous text: dates in ISO format, numbers with a decimal point."""
        if self._kind == "s":
            if not _WHOLE.fullmatch(text) or not 0 <= int(text) < len(self._strings):
                raise FileRefused("no_workbook")
            return self._strings[int(text)]
        if self._kind in ("inlineStr", "str"):
            return unescaped(text)
        if self._kind == "b":
            return "False" if text.strip() == "0" else "True"
        if self._kind == "d":
            return _day(text)
        return text if self._kind != "n" or len(text) > _MAX_NUMBER else self._number(text)

    def _number(self, text: str) -> str:
        try:
            number = int(text) if _WHOLE.fullmatch(text) else float(text)
        except ValueError:
            return text
        if self._format.is_date:
            try:
                return _plain(from_excel(number, self._epoch, timedelta=self._format.is_duration))
            except (OverflowError, ValueError):
                return _ERROR
        shown = _plain(number)
        return f"{self._format.sign} {shown}" if self._format.sign else shown


def _line(number: str) -> int:
    try:
        value = float(number) if len(number) < 20 else 0.0
    except ValueError:
        value = 0.0
    return int(value) if value.is_integer() else 0


def _day(text: str) -> str:
    try:
        return _plain(from_ISO8601(text[:40]))
    except (ValueError, TypeError):
        return _ERROR


def _plain(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float):  # Excel's numbers have 15 digits: 0.30000000000000004 is 0.3
        return f"{value:.0f}" if value.is_integer() else f"{value:.15g}"
    return str(value)
