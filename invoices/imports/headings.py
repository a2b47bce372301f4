"""Comparison of headings and words of files, in English and Arabic."""

import functools
import re
import unicodedata

_MOST = 200  # of a heading's characters; a longer one is none that we know


def folded(heading: str) -> str:
    """Without case, vowel signs, tatweel and punctuation; `InvoiceNumber` is `invoice number`; the forms of alef, ya
    and ta marbuta are one."""
    return _folded(heading[:_MOST])


@functools.lru_cache(maxsize=8_192)
def _folded(heading: str) -> str:
    text = unicodedata.normalize("NFKC", heading)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).casefold()
    text = re.sub(r"[\u064b-\u0652\u0640]", "", text)
    text = re.sub("[أإآ]", "ا", text).replace("ى", "ي").replace("ة", "ه")
    return " ".join(re.sub(r"[\W_]+", " ", text).split())


@functools.lru_cache(maxsize=1_024)
def names(text: str) -> tuple[str, ...]:
    """Return the names in a row of a table, folded, in their order."""
    return tuple(dict.fromkeys(folded(name) for name in text.split("|") if name))
