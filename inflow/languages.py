"""English is what is stored and what the API says; a person of the dashboard reads their own language.

Whatever is written into a row or sent to another system passes `english` where it is made of words that are translated.
"""

from contextlib import AbstractContextManager
from typing import Any

from django.utils import translation
from django.utils.translation import gettext

ENGLISH = "en"


def english(words: Any) -> str:
    """`str(words)`, in English whatever the reader's language."""
    with in_english():
        return str(words)


def in_english() -> AbstractContextManager[None]:
    return translation.override(ENGLISH)


def is_english() -> bool:
    return translation.get_language() in (None, ENGLISH)


def spoken(choices: Any, code: str | None) -> str:
    """A code of some TextChoices within a sentence: in English the code itself, as the API's contract has it."""
    return str(code) if is_english() or code not in choices.values else str(choices(code).label)


def named(field: str) -> str:
    """A field's name within a sentence: in English as the API calls it."""
    return field if is_english() else gettext(field.replace("_", " "))
