"""Rows for people's spreadsheets: exact, and never a formula. Here as CSV; as XLSX in `workbooks`."""

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

CSV, XLSX = "text/csv; charset=utf-8", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LINES_AT_ONCE = 500
# Those of Arabic and Chinese keyboards too, and behind what can't be seen or was escaped before.
_FORMULA = re.compile(r"'*([\s\x00-\x20\ufeff]*[=+\-@＝＋－＠]|[\t\r\n])")


def escaped(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would calculate (CWE-1236)."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescaped(text: str) -> str:
    """Remove an apostrophe that `escaped` or another program put before the text."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def csv_parts(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, begins: bool = True) -> Iterator[bytes]:
    """UTF-8 with the mark that tells Excel so. Numbers and dates are written as the API writes them.

    `begins` is false for the part of a file that is not its first.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if begins:
        text.write("\ufeff")
        writer.writerow(headings)
    for count, row in enumerate(rows, 1):
        writer.writerow([_plain(value) for value in row])
        if count % _LINES_AT_ONCE == 0:
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
