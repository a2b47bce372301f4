"""Normalisation of English and Arabic headings and words for comparison, and the tables that list them."""

import functools
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

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
    """Return the names in a text, separated by "|" or a new line, folded and without duplicates."""
    return tuple(dict.fromkeys(folded(name) for name in text.replace("\n", "|").split("|") if name))


def table(name: str) -> dict[str, Any]:
    """Return the content of a TOML file in this folder."""
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
