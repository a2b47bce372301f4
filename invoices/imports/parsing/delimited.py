"""Rows of a CSV, read line by line so that memory is bounded."""

import csv
from collections.abc import Iterator
from typing import TextIO

from invoices.imports.errors import FileRefused
from invoices.imports.parsing.bounds import MAX_COLUMNS, MAX_LINE, MAX_RECORD


class _Lines(Iterator[str]):
    """Lines of a file. Call `start_row` for each row, which may have several lines."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._left = MAX_RECORD
        self.read = 0

    def start_row(self) -> None:
        self._left = MAX_RECORD

    def __next__(self) -> str:
        line = self._text.readline(self._left + 1)
        if not line:
            raise StopIteration
        self._left -= len(line)
        self.read += 1
        if self._left < 0:
            raise FileRefused("long_row")
        if self.read > MAX_LINE:
            raise FileRefused("many_lines")
        return line


def rows(text: TextIO, delimiter: str, skipped_lines: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each row's first line and the row's cells."""
    lines = _Lines(text)
    for _line in range(skipped_lines):
        next(lines, None)
    line = 1 + skipped_lines
    try:
        for cells in csv.reader(lines, delimiter=delimiter):
            yield line, _narrow(cells)
            line = lines.read + 1
            lines.start_row()
    except csv.Error as error:
        raise FileRefused("no_csv", str(error)) from error


def _narrow(cells: list[str]) -> list[str]:
    """Replace the cells beyond the last column by one more column, which `reading` refuses."""
    beyond = next((cell for cell in cells[MAX_COLUMNS:] if cell.strip()), "")
    return [*cells[:MAX_COLUMNS], beyond] if beyond else cells[:MAX_COLUMNS]
