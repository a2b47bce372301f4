"""Text from outside, made fit to be stored and to be shown."""

import re

# So much of a message is stored; what the rules found, and people read, is the beginning of it.
MAX_STORED = 1_000_000
MAX_SHOWN = 60_000

# PostgreSQL refuses NUL, and UTF-8 has no lone surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Control characters, and marks that turn the text around them: the letters' own direction is enough.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def storable(text: str) -> str:
    """Return the text as it is, but for characters that can't be stored and what exceeds `MAX_STORED`."""
    return _UNSTORABLE.sub("", text[:MAX_STORED])


def shown(text: str) -> str:
    """Return text that is safe to show: no control characters, none that change its direction, `MAX_SHOWN` at most."""
    text = text[: 4 * MAX_SHOWN].replace("\r\n", "\n").replace("\r", "\n")
    return _UNSAFE.sub("", text).strip()[:MAX_SHOWN].rstrip()
