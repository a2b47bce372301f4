"""Export of rows as CSV, with exact values and without formulas. For XLSX see `inflow.dashboard.core.workbooks`."""

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

CSV, XLSX = "text/csv; charset=utf-8", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LINES_PER_PART = 500
# Also with full-width signs, after invisible characters, and after earlier escaping.
_FORMULA = re.compile(r"'*([\s\x00-\x20\ufeff]*[=+\-@＝＋－＠]|[\t\r\n])")


def escaped(text: str) -> str:
    """Prefix text that a spreadsheet would treat as a formula with an apostrophe (CWE-1236)."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescaped(text: str) -> str:
    """Remove the apostrophe that `escaped` or another program added."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def csv_parts(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, begins: bool = True) -> Iterator[bytes]:
    """Yield a CSV file in parts: UTF-8 with a byte order mark for Excel, numbers and dates in the API's format.

    If `begins` is False, the byte order mark and the headings are left out.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if begins:
        text.write("\ufeff")
        writer.writerow(headings)
    for count, row in enumerate(rows, 1):
        writer.writerow([_plain(value) for value in row])
        if count % _LINES_PER_PART == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, int | float) else escaped(text_of(value))


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(text_of, value))
    return str(value)
