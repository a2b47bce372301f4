"""Sanitizing of external text for storage and display."""

import re

# Maximum number of characters that are stored, and that are classified and displayed.
MAX_STORED = 1_000_000
MAX_SHOWN = 60_000

# PostgreSQL refuses NUL, and UTF-8 has no lone surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Control characters and directional marks, which could reorder the text around them.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def storable(text: str) -> str:
    """Return the text without characters that cannot be stored, truncated to `MAX_STORED`."""
    return _UNSTORABLE.sub("", text[:MAX_STORED])


def shown(text: str) -> str:
    """Return the text without control and directional characters, truncated to `MAX_SHOWN`."""
    text = text[: 4 * MAX_SHOWN].replace("\r\n", "\n").replace("\r", "\n")
    return _UNSAFE.sub("", text).strip()[:MAX_SHOWN].rstrip()
