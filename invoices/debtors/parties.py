"""Parties of invoices: the company or person that owes the money, independent of the name's spelling.

The base of a party is its company, or its name if it has no company, without spaces, punctuation and legal form.
Different forms are different parties. A name without a form is the same party as the name with a form only if the
account has exactly one such form.
"""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Self

from invoices.debtors import legal_forms

MAX_BASE, MAX_FORM = 200, 30
MAX_KEY = MAX_BASE + 1 + MAX_FORM
_SEPARATOR = "|"  # never part of a base
_BETWEEN_NUMBERS = "-"

# Letters that are interchangeable in Arabic spelling, and their variants on Persian and Urdu keyboards.
_ARABIC = str.maketrans(
    {**dict.fromkeys("أإآٱٲٳ", "ا"), **dict.fromkeys("ىیېےۍ", "ي"), **dict.fromkeys("ةەہھۀۂ", "ه"), "ک": "ك", "ڪ": "ك"}
)
_ARABIC_MARKS = re.compile(
    "[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u08d3-\u08ff]"
)
_MAX_LENGTH = 400  # names have at most 200 characters
_DOTLESS_I = str.maketrans({"İ": "i", "ı": "i"})
# Placeholders that people type into a required field.
_NOT_A_COMPANY = frozenset({"na", "none", "null", "nil", "notapplicable", "notavailable", "لايوجد", "غيرمتوفر"})
# Forms in scripts that put no spaces between words.
_WITHOUT_SPACES = re.compile("(株式会社|合同会社|股份有限公司|有限公司)")
# "Smith & Sons" is equal to "Smith and Sons". In Arabic, "and" is a prefix of the next word.
_AND = "&"
_AND_WORDS = frozenset({"and", "und", "et"})
_ARABIC_AND = re.compile(r"(?<=[\u0620-\u064a])\s*&\s*(?=[\u0620-\u064a])")
# "M/S Gulf Trading" stands for "Messrs Gulf Trading".
_MESSRS = re.compile(r"^\s*m\s*/\s*s\b")
_MOST_WORDS = 8


class Party(NamedTuple):
    """The base name of a party, and its legal form or an empty string."""

    base: str
    form: str = ""

    @property
    def key(self) -> str:
        return f"{self.base}{_SEPARATOR}{self.form}"

    @classmethod
    def of_key(cls, key: str) -> Self:
        base, _, form = key.partition(_SEPARATOR)
        return cls(base, form)


@functools.lru_cache(maxsize=5_000)
def of(name: str, company: str) -> Party:
    """Return the party of an invoice. A company without letters and digits, or such as "N/A", is ignored."""
    words = _words(company)
    if not set(words) - {_AND} or "".join(words) in _NOT_A_COMPANY:
        words = _words(name)
        if not set(words) - {_AND}:
            words = [_bare(company) or _bare(name)]
    base, form = _without_form(words)
    if len(base) > MAX_BASE:
        base = hashlib.sha256(base.encode()).hexdigest()
    return Party(base, form)


def is_same(one: Party, other: Party, known_forms: Collection[str]) -> bool:
    """Return True if both are the same party. `known_forms` are the account's non-empty forms of the name."""
    if one.base != other.base:
        return False
    if one.form == other.form:
        return True
    forms = {one.form, other.form}
    known = {*known_forms, *forms}
    if not known & legal_forms.OF_ONE_PERSON:
        known, forms = known - {legal_forms.COMPANY}, forms - {legal_forms.COMPANY}
        if not forms - {""}:
            return True
    return len(forms - {""}) == 1 and len(known - {""}) == 1


def groups(keys: Iterable[str], known_forms: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """Map each key to all keys of the same party. `known_forms` maps bases to the account's forms."""
    parties = sorted({Party.of_key(key) for key in keys})
    return {
        one.key: frozenset(
            other.key for other in parties if is_same(one, other, set(known_forms.get(one.base, ())) - {""})
        )
        for one in parties
    }


def are_ambiguous(keys: Iterable[str]) -> set[str]:
    """Return the bases whose forms are ambiguous: there are several, and one of them is empty or a mere "company"."""
    forms: dict[str, set[str]] = {}
    for key in keys:
        party = Party.of_key(key)
        forms.setdefault(party.base, set()).add(party.form)
    return {base for base, found in forms.items() if len(found) > 1 and found & {"", legal_forms.COMPANY}}


def _words(text: str) -> list[str]:
    """Return the words of a name in folded letters and digits, and "&". "L.L.C." becomes three words."""
    text = unicodedata.normalize("NFKC", text[:_MAX_LENGTH].translate(_DOTLESS_I)).casefold()
    text = _ARABIC_MARKS.sub("", unicodedata.normalize("NFKC", text)).translate(_ARABIC)
    text = _MESSRS.sub(" ", text)
    text = _WITHOUT_SPACES.sub(r" \1 ", text)
    text = _ARABIC_AND.sub(" و", text.replace("&amp;", _AND))
    words = "".join(map(_folded, text)).split()
    return [_AND if word in _AND_WORDS else word for word in words]


def _folded(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if character in "'’ʼ" or category == "Cf":  # an apostrophe or an invisible character within a word
        return ""
    if character == _AND:
        return f" {_AND} "
    if character == _SEPARATOR:
        return " "
    return " " if category[0] in "PZC" or category in ("So", "Sk") else character


def _bare(text: str) -> str:
    """Return the characters of a name that has no letters or digits."""
    return "".join(unicodedata.normalize("NFKC", text).split()).replace(_SEPARATOR, "/")


def _without_form(words: list[str]) -> tuple[str, str]:
    """Return the name and its form. A name that consists of a form only is kept."""
    begun = _without(words, _GENERIC_BEFORE, at_end=False)
    rest, form = _cut(begun)
    bare = _without(rest, _GENERIC_AFTER, at_end=True)
    is_company = len(bare) < len(rest) or _COMPANY in words[: len(words) - len(begun)]
    return _joined(bare), form or (legal_forms.COMPANY if is_company else "")


def _joined(words: list[str]) -> str:
    """Return the words without spaces, but with a separator between numbers: "Unit 1 1" is not "Unit 11"."""
    joined = ""
    for word in words:
        if joined[-1:].isdecimal() and word[0].isdecimal():
            joined += _BETWEEN_NUMBERS
        joined += word
    return joined


def _cut(words: list[str]) -> tuple[list[str], str]:
    for count in range(min(len(words) - 1, _MOST_WORDS), 0, -1):
        if form := _form(words[-count:]):
            return words[:-count], form
    for count in range(min(len(words) - 1, _MOST_WORDS), 0, -1):
        form = _form(words[:count])
        if form in legal_forms.BEFORE:
            return words[count:], form
    return words, ""


def _form(words: list[str]) -> str:
    spelling = "".join(words)
    if form := _WHOLE.get(spelling):
        return form
    return _LETTERS.get(spelling, "") if all(len(word) == 1 for word in words) else ""


def _without(words: list[str], generic: frozenset[str], *, at_end: bool) -> list[str]:
    while len(words) > 1 and words[-1 if at_end else 0] in generic:
        words = words[:-1] if at_end else words[1:]
    return words


_WHOLE = {"".join(_words(spelling)): form for spelling, form in legal_forms.WHOLE.items()}
_LETTERS = {"".join(_words(spelling)): form for spelling, form in legal_forms.LETTERS.items()}
_COMPANY = "".join(_words("شركة"))
_GENERIC_AFTER = frozenset("".join(_words(word)) for word in legal_forms.GENERIC_AFTER)
_GENERIC_BEFORE = frozenset("".join(_words(word)) for word in legal_forms.GENERIC_BEFORE)
