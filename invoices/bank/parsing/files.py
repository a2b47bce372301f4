"""Detection of a file's format."""

import io
from collections.abc import Iterator, Mapping
from typing import IO, Any

from invoices.bank.parsing import camt, mt940, tables
from invoices.bank.parsing.records import Record, bounded, refused


def records_of(file: IO[bytes], options: Mapping[str, Any]) -> Iterator[Record]:
    """Yield the records of a CAMT.053, MT940 or CSV file. Raise `FileRefused` if the file is invalid."""
    content = file.read()
    start = content[:4_000].lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t\x00")
    if start.startswith(b"<"):
        return bounded(camt.records(io.BytesIO(content.lstrip(b" \r\n\t"))))
    if start[:2] == b"PK" or start[:4] == b"%PDF" or start[:4] == b"\xd0\xcf\x11\xe0":
        raise refused("no_statement", 1)
    if mt940.looks_like(start):
        return bounded(mt940.records(_text(content, options["encoding"], ("utf-8-sig", "cp1252"))))
    return bounded(tables.records(_text(content, options["encoding"], tables.encodings(content)), options))


def _text(content: bytes, encoding: str, guesses: tuple[str, ...]) -> str:
    for name in (encoding,) if encoding else guesses:
        try:
            return content.decode(name).replace("\x00", "")
        except UnicodeDecodeError as error:
            last = content.count(b"\n", 0, error.start) + 1
    raise refused("encoding", last)
