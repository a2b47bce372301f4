"""`python -m invoices.imports.parsing OPTIONS`: from a file on standard input to rows, as JSON, on standard output.

The last line is `{"refused": …}` or `{"rows": …}`; without it the file was not read to its end.
"""

import io
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

from invoices.imports.parsing.bounds import HEADINGS_WITHIN, MAX_CELL, MAX_ROWS, MAX_TEXT, Refused

# Spaces, and the marks of direction that Arabic Windows puts round numbers.
UNSEEN = " \t\r\n\u00a0\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

Row = tuple[int, list[str]]


def main() -> None:
    options = json.loads(sys.argv[1])
    _limit(**options["limits"])
    out = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", write_through=False)
    count = 0
    try:
        for row in bounded(_rows(options)):
            out.write(json.dumps(row, ensure_ascii=False))
            out.write("\n")
            count += 1
        out.write(json.dumps({"rows": count}))
    except Refused as refusal:
        out.write(json.dumps({"refused": refusal.reason, "detail": refusal.detail[:200]}))
    out.flush()


def _limit(cpu_s: int, wall_s: int, memory: int, written: int) -> None:
    """The kernel ends this process at any of them, also if the process that started it is gone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    signal.alarm(wall_s)


def _rows(options: dict[str, Any]) -> Iterator[Row]:
    file = os.fdopen(0, "rb", closefd=False)
    if options["encoding"]:
        from invoices.imports.parsing import delimited

        text = io.TextIOWrapper(file, encoding=options["encoding"], newline="")
        return delimited.rows(text, options["delimiter"], options["skipped_lines"])
    from invoices.imports.parsing import workbook

    return workbook.rows(file, frozenset(options["currencies"]))


def bounded(rows: Iterator[Row]) -> Iterator[Row]:
    """Rows without what can't be seen, and without empty ones."""
    count = length = 0
    try:
        for line, cells in rows:
            given = [_clean(cell) for cell in cells]
            while given and not given[-1]:
                given.pop()
            if not given:
                continue
            count += 1
            length += sum(map(len, given)) + len(given)
            if count > MAX_ROWS + HEADINGS_WITHIN:
                raise Refused("many_rows")
            if length > MAX_TEXT:
                raise Refused("much_text")
            yield line, given
    except UnicodeDecodeError as error:
        raise Refused("encoding") from error


def _clean(cell: str) -> str:
    return cell[: MAX_CELL + 1].replace("\0", "\ufffd").strip(UNSEEN)


if __name__ == "__main__":
    main()
