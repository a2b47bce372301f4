"""Conversion of HTML mail to text in a single pass. Quotes are marked with `> ` as in plain text."""

import html
import re
from collections.abc import Iterator

# Longer texts are truncated to this number of characters.
MAX_READ = 300_000

_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:]{0,20})(?=[\s/>])")
_LOOKS_LIKE = re.compile(r"<(?:html|body|div|p|br|span|table|td|blockquote|font)\b[^<>]{0,2000}>", re.IGNORECASE)
_LINES = frozenset(
    ("br", "p", "div", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "hr", "blockquote", "pre", "body")
)
_HIDDEN = frozenset(("style", "script", "head", "title"))
_CELLS = frozenset(("td", "th"))
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")


def is_html(text: str) -> bool:
    """Return True if a text contains HTML tags near its beginning."""
    return bool(_LOOKS_LIKE.search(text[:5_000]))


def to_text(markup: str) -> str:
    """Return the visible lines. Lines in blockquotes begin with `> ` for each level."""
    lines: list[str] = [""]
    line: list[str] = []
    depth, hidden = 0, ""

    def end_line() -> None:
        nonlocal line
        text = _SPACES.sub(" ", html.unescape("".join(line)).replace("\n", " ")).strip()
        if text:
            lines.append("> " * depth + text)
        elif lines[-1]:
            lines.append("")
        line = []

    for name, is_end, text in _pieces(markup[:MAX_READ]):
        if hidden:
            if is_end and name == hidden:
                hidden = ""
            continue
        if not name:
            line.append(text)
        elif name in _HIDDEN:
            hidden = "" if is_end else name
        elif name in _LINES:
            end_line()
            if name == "blockquote":
                depth = max(0, depth - 1) if is_end else min(depth + 1, 20)
        elif name in _CELLS:
            line.append(" ")
    end_line()
    return "\n".join(lines).strip()


def _pieces(markup: str) -> Iterator[tuple[str, bool, str]]:
    """Yield (name, is_end, "") for tags and ("", False, text) for text between them. Linear in the length."""
    position, closing = 0, -1
    while position < len(markup):
        opening = markup.find("<", position)
        if opening < 0:
            yield "", False, markup[position:]
            return
        if opening > position:
            yield "", False, markup[position:opening]
        if markup.startswith("<!--", opening):
            end = markup.find("-->", opening + 4)
            if end < 0:
                return
            position = end + 3
            continue
        if closing < opening:
            closing = markup.find(">", opening)
            if closing < 0:
                yield "", False, markup[opening:]
                return
        found = _TAG.match(markup, opening)
        following = markup.find("<", opening + 1, closing)
        if found and following < 0:
            yield found[1].lower(), markup[opening + 1] == "/", ""
            position = closing + 1
        elif markup[opening + 1 : opening + 2] in ("!", "?") and following < 0:
            position = closing + 1
        else:
            yield "", False, "<"
            position = opening + 1
