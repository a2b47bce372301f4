"""Rows of a CSV or XLSX file, limited in number and length."""

import io
from collections.abc import Iterator, Mapping
from typing import IO, Any

from invoices.imports.errors import FileRefused
from invoices.imports.parsing.bounds import HEADINGS_WITHIN, MAX_CELL, MAX_ROWS, MAX_TEXT

# Spaces, and direction marks that Arabic Windows puts around numbers.
_INVISIBLE = " \t\r\n\u00a0\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

Row = tuple[int, list[str]]


def rows_of(file: IO[bytes], options: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows that are not empty, without invisible characters at the ends of cells.

    Raise `FileRefused` if the file is invalid or exceeds a limit.
    """
    if "document" in options:
        return _of_document(file, options["document"])
    return _bounded(_parsed(file, options))


def _of_document(file: IO[bytes], kind: str) -> Iterator[Row]:
    """Yield the values of an electronic invoice, or the files of an archive of documents. They have own limits."""
    from invoices.documents import archive, ubl

    found: Iterator[tuple[str, ...]] = ubl.values(file) if kind == "ubl" else archive.entries(file)
    return ((number, list(each)) for number, each in enumerate(found, start=1))


def _parsed(file: IO[bytes], options: Mapping[str, Any]) -> Iterator[Row]:
    if options["encoding"]:
        from invoices.imports.parsing import delimited

        text = io.TextIOWrapper(file, encoding=options["encoding"], newline="")
        return delimited.rows(text, options["delimiter"], options["skipped_lines"])
    from invoices.imports.parsing import workbook

    return workbook.rows(file, frozenset(options["currencies"]))


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    count = length = 0
    try:
        for line, cells in rows:
            texts = [_clean(cell) for cell in cells]
            if not any(texts):
                continue
            count += 1
            length += sum(map(len, texts)) + len(texts)
            if count > MAX_ROWS + HEADINGS_WITHIN:
                raise FileRefused("many_rows")
            if length > MAX_TEXT:
                raise FileRefused("much_text")
            yield line, texts
    except UnicodeDecodeError as error:
        raise FileRefused("encoding") from error


def _clean(cell: str) -> str:
    return cell[: MAX_CELL + 1].replace("\0", "\ufffd").strip(_INVISIBLE)
