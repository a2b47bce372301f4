"""One spelling for names that people copy from elsewhere, such as invoice numbers.

Two texts that look the same are equal: Unicode's composed form, without characters that are not shown, without spaces
at the ends. Any other space within is written as an ordinary one, as which it is shown and searched for.
"""

import re
import unicodedata

# The categories Cc and Cf, and what else is not shown (Unicode's Default_Ignorable_Code_Point). JSON Schema reads the
# first part alike; the other planes are written in another way there.
_UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    r"\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
_UNSEEN_BEYOND = (
    r"\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff"
)
_unseen = re.compile(f"[{_UNSEEN}{_UNSEEN_BEYOND}]")
_space = re.compile(r"\s")

# For patterns: a character that is left of a text.
SHOWN = rf"[^\s{_UNSEEN}]"


# What is longer is no name: ordering its combining marks takes time that grows with the square of their number.
_MOST = 1_000
_SPACES = str.maketrans("\t\n\r", "   ")


def canonical(text: str) -> str:
    """Return `text` in its one spelling; it may be empty then. What is too long for a name is only trimmed."""
    if (text.isascii() and text.isprintable()) or len(text) > _MOST:
        return text.strip()
    return _space.sub(" ", unicodedata.normalize("NFC", _unseen.sub("", text))).strip()


def canonical_words(text: str) -> str:
    """Return what is searched for, each word in its one spelling. Tabs and new lines divide words, other control
    characters are not shown."""
    return " ".join(canonical(text.translate(_SPACES)).split())
