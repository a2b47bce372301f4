"""Invoice numbers in the texts of bank lines, which come in capitals, without signs, and broken in any place."""

import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from invoices.numbers import look_alike

_MOST_CHUNKS = 7  # parts of a number, such as INV-2026-11-0042
_MAX_LENGTH = 48
# A shorter number, or one of few digits alone, occurs by chance.
_MIN_LENGTH, _MIN_DIGITS = 4, 5


class Candidate(NamedTuple):
    """A piece of a text that may be a number. `is_spaced` if it has spaces inside."""

    key: str
    start: int
    end: int
    is_spaced: bool


def key(number: str) -> str:
    """Return the letters and digits of a number, with which numbers are compared."""
    return "".join(sign for sign in look_alike(number).casefold() if sign.isalnum())


def is_weak(key: str) -> bool:
    """Return True if a number occurs in texts by chance: it is short, or looks like a year or a date."""
    if not key.isdecimal():
        return len(key) < _MIN_LENGTH
    return len(key) < _MIN_DIGITS or (len(key) in (6, 8) and _is_date(key))


def _is_date(digits: str) -> bool:
    year_first = digits[:2] in ("19", "20") and "01" <= digits[-4:-2] <= "12" and "01" <= digits[-2:] <= "31"
    day_first = "01" <= digits[:2] <= "31" and "01" <= digits[2:4] <= "12"
    return year_first or day_first


def candidates(text: str) -> Iterator[Candidate]:
    """Yield the pieces of the text that may be numbers: up to some neighbouring chunks with a digit among them."""
    plain = _plain(text)
    chunks = list(_chunks(plain))
    for first in range(len(chunks)):
        joined, is_spaced = "", False
        for place in range(first, min(first + _MOST_CHUNKS, len(chunks))):
            start, end = chunks[place]
            if place > first:
                between = plain[chunks[place - 1][1] : start]
                is_spaced = is_spaced or any(sign.isspace() for sign in between)
            joined += plain[start:end]
            if len(joined) > _MAX_LENGTH:
                break
            if any(sign.isdecimal() for sign in joined):
                yield Candidate(joined, chunks[first][0], end, is_spaced)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in folded)


def _chunks(plain: str) -> Iterator[tuple[int, int]]:
    start = None
    for place, sign in enumerate(plain):
        if sign.isalnum():
            start = place if start is None else start
        elif start is not None:
            yield start, place
            start = None
    if start is not None:
        yield start, len(plain)


def best(found: Iterable[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """Return the known numbers of a text that do not overlap, longest first, and the others."""
    chosen: list[Candidate] = []
    others: list[Candidate] = []
    for each in sorted(found, key=lambda each: (each.is_spaced, -len(each.key), each.start)):
        overlaps = any(each.start < other.end and other.start < each.end for other in chosen)
        (others if overlaps else chosen).append(each)
    return sorted(chosen, key=lambda each: each.start), others


def known(text: str, keys: Collection[str]) -> list[Candidate]:
    """Return the candidates of a text that are among the keys."""
    return [each for each in candidates(text) if each.key in keys]
