"""Texts of the debtor's page in English and Arabic, from `texts.toml`."""

import tomllib
from pathlib import Path
from types import SimpleNamespace


class PageText(SimpleNamespace):
    """The texts in one language. Their names are the keys of `texts.toml`."""

    language: str


_TEXTS = tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))
_ALL = {
    language: PageText(**{name: pair[place] for name, pair in _TEXTS.items()})
    for place, language in enumerate(("en", "ar"))
}


def of(language: str) -> PageText:
    return _ALL[language]
