"""One pass through XML of unknown origin: bounded in depth, elements and length of a token, without entities."""

import re
from collections.abc import Iterator, Mapping
from typing import IO
from xml.parsers import expat

from invoices.imports.errors import FileRefused
from invoices.imports.parsing.bounds import MAX_DEPTH, MAX_ELEMENTS, MAX_TOKEN

Attributes = Mapping[str, str]
_PIECE = 64 * 1024
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Handler:
    """Receives names of elements without their prefixes."""

    def start(self, name: str, attributes: Attributes) -> None: ...

    def text(self, text: str) -> None: ...

    def end(self, name: str) -> None: ...


def attribute(attributes: Attributes, name: str) -> str:
    """An attribute that has a prefix, which may be any."""
    return next((value for key, value in attributes.items() if key.rpartition(":")[2] == name and ":" in key), "")


def read(part: IO[bytes], handler: Handler) -> Iterator[None]:
    """Yield after each piece, so that the caller takes what the handler has found."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = _PIECE
    depth = elements = silent = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements, silent
        silent = 0
        depth += 1
        elements += 1
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            raise FileRefused("much_more")
        handler.start(name.rpartition(":")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(name.rpartition(":")[2])

    def text(said: str) -> None:
        nonlocal silent
        silent = 0
        handler.text(said)

    def refuse(*_: object) -> None:
        raise FileRefused("no_workbook")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        while piece := part.read(_PIECE):
            silent += len(piece)
            parser.Parse(piece, False)
            # A token is parsed from its beginning with each piece: a long one takes quadratic time.
            if silent > MAX_TOKEN:
                raise FileRefused("much_more")
            yield
        parser.Parse(b"", True)
        yield
    except expat.ExpatError as error:
        raise FileRefused("no_workbook") from error


def unescaped(text: str) -> str:
    """`_x000D_` as the character it stands for."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return "\ufffd" if code == 0 or 0xD800 <= code <= 0xDFFF else chr(code)
