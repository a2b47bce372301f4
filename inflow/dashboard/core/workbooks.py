"""Rows as XLSX: exact, and never a formula. Imported where one is made: 12 MiB that a web process rarely needs."""

import datetime as dt
import tempfile
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from inflow.sheets import escaped, text_of

_MOST_TEXT = 32_000  # Excel's cells hold 32,767 characters


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
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\ufffd", escaped(text_of(value))[:_MOST_TEXT]))
    cell.data_type = "s"
    return cell
