"""One pass through untrusted XML, with limits on depth, elements and token length, and without entities."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import IO
from xml.parsers import expat

from invoices.imports.errors import FileRefused
from invoices.imports.parsing.bounds import MAX_DEPTH, MAX_ELEMENTS, MAX_TOKEN

Attributes = Mapping[str, str]
_PIECE = 64 * 1024
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Handler:
    """Receiver of elements, by name without prefix, and of text. `line` returns the line that is being read."""

    line: Callable[[], int]

    def start(self, name: str, attributes: Attributes) -> None: ...

    def text(self, text: str) -> None: ...

    def end(self, name: str) -> None: ...


def attribute(attributes: Attributes, name: str) -> str:
    """Return the attribute with this name and any prefix, or an empty string."""
    return next((value for key, value in attributes.items() if key.rpartition(":")[2] == name and ":" in key), "")


def read(part: IO[bytes], handler: Handler) -> Iterator[None]:
    """Pass a part to the handler and yield after each piece."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = _PIECE
    depth = elements = pending = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements, pending
        pending = 0
        depth += 1
        elements += 1
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            raise FileRefused("much_more")
        handler.start(name.rpartition(":")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(name.rpartition(":")[2])

    def text(content: str) -> None:
        nonlocal pending
        pending = 0
        handler.text(content)

    def refuse(*_: object) -> None:
        raise FileRefused("no_workbook", str(parser.CurrentLineNumber))

    handler.line = lambda: parser.CurrentLineNumber
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        while piece := part.read(_PIECE):
            pending += len(piece)
            parser.Parse(piece, False)
            # expat parses a token from its beginning with each piece, so that a long one takes quadratic time.
            if pending > MAX_TOKEN:
                raise FileRefused("much_more")
            yield
        parser.Parse(b"", True)
        yield
    except expat.ExpatError as error:
        raise FileRefused("no_workbook", str(error.lineno)) from error


def unescaped(text: str) -> str:
    """Return the text with escapes such as `_x000D_` replaced by their characters."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return "\ufffd" if code == 0 or 0xD800 <= code <= 0xDFFF else chr(code)
