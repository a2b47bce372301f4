"""XLSX workbooks with exact values and no formulas. Imported only when one is made: it takes 12 MiB of memory.

A worker writes a long workbook in parts, so the rows are written here; openpyxl writes the rest of the file.
"""

import datetime as dt
import io
import re
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import IO, Any
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils.datetime import to_excel

from inflow.sheets import escaped, text_of

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_MOST_TEXT = 32_000  # Excel's cells hold 32,767 characters
_SHEET = "xl/worksheets/sheet1.xml"
# The cells' number formats. openpyxl numbers their styles from 1 in this order: decimals, then dates.
_MOST_DECIMALS = 6
_FORMATS = ["#,##0", *("#,##0." + "0" * places for places in range(1, _MOST_DECIMALS + 1)), "yyyy-mm-dd"]
_DATE = len(_FORMATS)


def xlsx_file(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> IO[bytes]:
    """Return a temporary file, positioned at its beginning. Amounts and dates are typed; text is never a formula."""
    return assembled([rows_part([headings]), rows_part(rows)])


def rows_part(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows as they are written in the file."""
    return "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows).encode()


def assembled(parts: Iterable[bytes]) -> IO[bytes]:
    """Return the file made of parts that `rows_part` wrote."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
    with zipfile.ZipFile(_frame()) as frame, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name in frame.namelist():
            if name != _SHEET:
                book.writestr(name, frame.read(name))
        before, rest = frame.read(_SHEET).split(b"<sheetData>")
        after = rest.partition(b"</sheetData>")[2]
        with book.open(_SHEET, "w") as sheet:
            sheet.write(before + b"<sheetData>")
            for part in parts:
                sheet.write(part)
            sheet.write(b"</sheetData>" + after)
    file.seek(0)
    return file


def _frame() -> IO[bytes]:
    """Return a workbook whose only row has a cell of each style."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    cells = []
    for number_format in _FORMATS:
        cells.append(WriteOnlyCell(sheet, 0))
        cells[-1].number_format = number_format
    sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file


def _cell(value: Any) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{value:d}</v></c>'
    if isinstance(value, Decimal) and value.is_finite():
        places = min(_MOST_DECIMALS, max(0, -int(value.as_tuple().exponent)))
        return f'<c s="{places + 1}"><v>{value:f}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value!r}</v></c>"
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return f'<c s="{_DATE}"><v>{to_excel(value)}</v></c>'
    text = escape(_NOT_IN_XML.sub("\ufffd", escaped(text_of(value))[:_MOST_TEXT]))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
