"""Languages of texts. Stored texts and the API are in English; the dashboard is in the user's language.

Use `english` for translatable texts that are stored or sent to another system.
"""

from contextlib import AbstractContextManager
from typing import Any

from django.utils import translation
from django.utils.translation import gettext

ENGLISH = "en"


def english(text: Any) -> str:
    """Return a lazy translation in English, whatever the active language."""
    with in_english():
        return str(text)


def in_english() -> AbstractContextManager[None]:
    return translation.override(ENGLISH)


def is_english() -> bool:
    return translation.get_language() in (None, ENGLISH)


def choice_label(choices: Any, code: str | None) -> str:
    """Return a TextChoices value for a sentence: the value itself in English, as in the API, otherwise its label."""
    return str(code) if is_english() or code not in choices.values else str(choices(code).label)


def field_label(field: str) -> str:
    """Return a field's name for a sentence: the API's name in English, otherwise its translation."""
    return field if is_english() else gettext(field.replace("_", " "))
