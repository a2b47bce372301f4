"""Normalisation of English and Arabic headings and words for comparison."""

import functools
import re
import unicodedata

_MAX_LENGTH = 200


def folded(heading: str) -> str:
    """Return the heading without case, punctuation, Arabic vowel signs and tatweel, and with one form of each Arabic
    letter. "InvoiceNumber" becomes "invoice number"."""
    return _folded(heading[:_MAX_LENGTH])


@functools.lru_cache(maxsize=8_192)
def _folded(heading: str) -> str:
    text = unicodedata.normalize("NFKC", heading)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).casefold()
    text = re.sub(r"[\u064b-\u0652\u0640]", "", text)
    text = re.sub("[أإآ]", "ا", text).replace("ى", "ي").replace("ة", "ه")
    return " ".join(re.sub(r"[\W_]+", " ", text).split())


@functools.lru_cache(maxsize=1_024)
def names(text: str) -> tuple[str, ...]:
    """Return the names in a text, separated by "|", folded and without duplicates."""
    return tuple(dict.fromkeys(folded(name) for name in text.split("|") if name))
