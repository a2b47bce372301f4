"""Debtors whose names resemble the payer's: found by their rarest words, then compared letter by letter."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import lru_cache

from rapidfuzz import fuzz

from invoices.debtors import parties
from invoices.imports.headings import folded

SIMILAR = 88.0
IN_TEXT = 96.0
_MIN_NAME = 8  # characters of a name that is searched in free text
_RAREST = 3
_MOST_WITH_A_WORD = 300
_MOST_COMPARED = 60


class Names:
    """Names of an account's debtors, by the keys that the caller gives them."""

    def __init__(self, names: Iterable[tuple[int, str]]) -> None:
        self._by_base: dict[str, set[int]] = defaultdict(set)
        self._by_word: dict[str, set[int]] = defaultdict(set)
        self._spellings: dict[int, set[str]] = defaultdict(set)
        self._shown: dict[int, list[str]] = defaultdict(list)
        for key, name in names:
            if plain := folded(name):
                self._shown[key].append(name)
                self._by_base[base_of(name)].add(key)
                self._spellings[key].add(plain)
                for word in plain.split():
                    self._by_word[word].add(key)

    def spelling(self, key: int, name: str) -> str:
        """Return the debtor's name that resembles `name` most."""
        plain = folded(name)
        return max(self._shown[key], key=lambda shown: (fuzz.token_sort_ratio(plain, folded(shown)), shown))

    def same(self, name: str) -> Collection[int]:
        """Return the debtors with this name, apart from case, punctuation and legal form."""
        return self._by_base.get(base_of(name), ()) if name.strip() else ()

    def similar(self, name: str) -> list[tuple[float, int]]:
        """Return the debtors with a similar name, the most similar first."""
        plain = folded(name)
        scored = ((self._score(fuzz.token_sort_ratio, plain, key), key) for key in self._near(plain))
        return sorted((each for each in scored if each[0] >= SIMILAR), key=lambda each: (-each[0], each[1]))

    def within(self, text: str) -> list[tuple[float, int]]:
        """Return the debtors whose whole name stands in a text."""
        plain = folded(text)
        scored = ((self._score(_contained, plain, key), key) for key in self._near(plain))
        return sorted((each for each in scored if each[0] >= IN_TEXT), key=lambda each: (-each[0], each[1]))

    def _score(self, compare: "object", plain: str, key: int) -> float:
        assert callable(compare)
        return max(float(compare(plain, spelling)) for spelling in self._spellings[key])

    def _near(self, plain: str) -> list[int]:
        """Return the debtors that share one of the text's rarest words."""
        words = {word for word in plain.split() if len(word) > 2 and word in self._by_word}
        rarest = sorted(words, key=lambda word: (len(self._by_word[word]), word))[:_RAREST]
        found = dict.fromkeys(
            key
            for word in rarest
            if len(self._by_word[word]) <= _MOST_WITH_A_WORD
            for key in sorted(self._by_word[word])
        )
        return list(found)[:_MOST_COMPARED]


def _contained(text: str, name: str) -> float:
    return fuzz.partial_ratio(name, text) if _MIN_NAME <= len(name) <= len(text) else 0.0


@lru_cache(maxsize=20_000)
def base_of(name: str) -> str:
    return parties.of(name[:200], "").base
