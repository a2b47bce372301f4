"""Rows as CSV or XLSX for people's spreadsheets: exact, and never a formula."""

import csv
import datetime as dt
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

CSV, XLSX = "text/csv; charset=utf-8", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_TEXT = 32_000  # Excel's cells hold 32,767 characters
_LINES_AT_ONCE = 500
# Those of Arabic and Chinese keyboards too, and behind what can't be seen or was escaped before.
_FORMULA = re.compile(r"'*([\s\x00-\x20\ufeff]*[=+\-@＝＋－＠]|[\t\r\n])")


def escaped(text: str) -> str:
    """What a spreadsheet would calculate gets an apostrophe before it, which keeps it text (CWE-1236)."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescaped(text: str) -> str:
    """What was escaped, here or by another program, as it was."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def csv_parts(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """UTF-8 with the mark that tells Excel so. Numbers and dates are written as the API writes them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    text.write("\ufeff")
    writer.writerow(headings)
    for count, row in enumerate(rows, 1):
        writer.writerow([_plain(value) for value in row])
        if count % _LINES_AT_ONCE == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def xlsx_file(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> IO[bytes]:
    """A temporary file at its beginning. Amounts and dates are typed, text is never a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    sheet.append(list(headings))
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115  (who asked closes it)
    book.save(file)
    file.seek(0)
    return file


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, int | float) else escaped(_text(value))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_text, value))
    return str(value)


def _cell(sheet: Any, value: Any) -> Any:
    if isinstance(value, Decimal):
        cell = WriteOnlyCell(sheet, value)
        places = max(0, -int(value.as_tuple().exponent))
        cell.number_format = "#,##0" + ("." + "0" * places if places else "")
        return cell
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        cell = WriteOnlyCell(sheet, value)
        cell.number_format = "yyyy-mm-dd"
        return cell
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\ufffd", escaped(_text(value))[:_MOST_TEXT]))
    cell.data_type = "s"
    return cell
