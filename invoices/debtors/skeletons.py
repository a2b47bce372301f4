"""Consonants of names, by which a name in Arabic letters is compared with one in Latin letters.

Vowels are written in one script and left out in the other, and letters such as ق have several transcriptions. So only
the consonants count, in classes: "Al Rashid" and "الراشد" both become "rXd". Common words of business are translated.
"""

import functools
import re
import unicodedata

from invoices.debtors import legal_forms

# Upper case stands for sounds with two Latin letters: X is sh, K is kh, G is gh.
_ARABIC = {
    **dict.fromkeys("بپ", "b"),
    **dict.fromkeys("تطث", "t"),
    **dict.fromkeys("جچگ", "j"),
    **dict.fromkeys("حه", "h"),
    **dict.fromkeys("دض", "d"),
    **dict.fromkeys("ذزظ", "z"),
    **dict.fromkeys("سص", "s"),
    **dict.fromkeys("قكک", "k"),
    **dict.fromkeys("فڤ", "f"),
    **{"خ": "K", "ر": "r", "ش": "X", "غ": "G", "ل": "l", "م": "m", "ن": "n"},
}
_LATIN_PAIRS = {"kh": "K", "sh": "X", "ch": "X", "gh": "G", "th": "t", "dh": "z", "ph": "f", "ck": "k", "ce": "s"}
_LATIN_PAIRS |= {"ci": "s"}
_LATIN = {
    **{letter: letter for letter in "bdfhjklmnrstz"},
    **{"c": "k", "g": "j", "p": "b", "q": "k", "v": "f", "x": "ks"},
}
_TRANSLATED = {
    "تجارة": "trading",
    "تجارية": "trading",
    "عامة": "general",
    "مقاولات": "contracting",
    "مجموعة": "group",
    "عالمية": "international",
    "دولية": "international",
    "خدمات": "services",
    "عقارية": "estate",
    "عقارات": "estate",
    "نقل": "transport",
    "صناعات": "industries",
    "صناعية": "industries",
    "انشاءات": "construction",
    "بناء": "construction",
    "طبية": "medical",
    "صيدلية": "pharmacy",
    "مطعم": "restaurant",
    "بنك": "bank",
    "خليج": "gulf",
    "متحدة": "united",
    "امارات": "emirates",
    "وطنية": "national",
    "شرق": "east",
    "شارقة": "sharjah",
    "دبي": "dubai",
}
_DROPPED = frozenset({"al", "el", "ul", "the", "and", "of", "for", "real", "و", *legal_forms.WHOLE})
_DROPPED |= {*legal_forms.GENERIC_AFTER, *legal_forms.GENERIC_BEFORE}
_WORDS = re.compile(r"[a-z]+|[\u0621-\u064a\u067e-\u06af]+|[0-9]+")
_ARTICLE = re.compile(r"^(?:وال|بال|ال|لل)(?=..)")
_MARKS = re.compile("[\u0640\u064b-\u065f\u0670]")
_ALEF = str.maketrans("أإآٱىة", "ااااية")


@functools.lru_cache(maxsize=5_000)
def of(text: str) -> tuple[str, bool]:
    """Return the consonants of a name's words, in order of the alphabet, and True if it has Arabic letters."""
    text = unicodedata.normalize("NFKC", text[:200]).casefold()
    plain = "".join(each for each in unicodedata.normalize("NFD", text) if not "\u0300" <= each <= "\u036f")
    text = _MARKS.sub("", unicodedata.normalize("NFC", plain)).translate(_ALEF)
    found = [word for word in map(_skeleton, _WORDS.findall(text)) if word]
    return " ".join(sorted(found)), any("\u0621" <= letter <= "\u06af" for letter in text)


def weight(skeleton: str) -> int:
    """Return how much a skeleton says: the number of its consonants. A translated word counts as two."""
    return sum(2 if word.startswith("=") else len(word) for word in skeleton.split())


def _skeleton(word: str) -> str:
    """Return the consonants of a word, "=" and its translation, or nothing for an article or a legal form."""
    if word.isdecimal():
        return word
    if word in _DROPPED or len(word) == 1:
        return ""
    if word[0] > "z":
        word = _ARTICLE.sub("", word)
        if word in _TRANSLATED:
            return f"={_TRANSLATED[word]}"
        return _collapsed("".join(_ARABIC.get(letter, "") for letter in word))
    if word in _ENGLISH:
        return f"={word}"
    found, at = "", 0
    while at < len(word):
        pair = word[at : at + 2]
        found += _LATIN_PAIRS.get(pair) or _LATIN.get(word[at], "")
        at += 2 if pair in _LATIN_PAIRS else 1
    return _collapsed(found)


def _collapsed(letters: str) -> str:
    """Return the letters, each once in a row, without the last h: "Fatimah" is "Fatima"."""
    letters = re.sub(r"(.)\1+", r"\1", letters)
    return letters.removesuffix("h") if len(letters) > 2 else letters


_ENGLISH = frozenset(_TRANSLATED.values())
