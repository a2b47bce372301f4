"""The canonical form of identifiers that users copy from elsewhere, such as invoice numbers.

Two texts that look the same have the same canonical form: Unicode NFC, without invisible characters, without spaces at
the ends, and with ordinary spaces instead of other white space.
"""

import re
import unicodedata

# Categories Cc and Cf, and other invisible characters (Unicode's Default_Ignorable_Code_Point). The first part has the
# same syntax in JSON Schema; characters outside the basic plane are written differently there.
_INVISIBLE = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    r"\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
_INVISIBLE_BEYOND = (
    r"\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff"
)
_invisible = re.compile(f"[{_INVISIBLE}{_INVISIBLE_BEYOND}]")
_space = re.compile(r"\s")

# A pattern of one visible character.
SHOWN = rf"[^\s{_INVISIBLE}]"

# Longer texts are not normalized: the time grows with the square of the number of consecutive combining marks.
_MAX_CHARS = 1_000
_SPACES = str.maketrans("\t\n\r", "   ")


def canonical(text: str) -> str:
    """Return the canonical form of `text`, which may be empty. A text that is too long is only stripped."""
    if (text.isascii() and text.isprintable()) or len(text) > _MAX_CHARS:
        return text.strip()
    return _space.sub(" ", unicodedata.normalize("NFC", _invisible.sub("", text))).strip()


def spellings(text: str) -> list[str]:
    """Return the canonical form of `text`, and the text itself: some identifiers are stored as they came."""
    return [each for each in dict.fromkeys((canonical(text), text)) if each]


def canonical_words(text: str) -> str:
    """Return a search term with each word in canonical form. Tabs and newlines separate words."""
    return " ".join(canonical(text.translate(_SPACES)).split())
