"""Roles of words in a request to stop. `stop_words.toml` is the vocabulary.

Each role is a letter and a clause is a string of letters, so that `stops` can describe requests by patterns. Unknown
words get the letter of content, which only staff can interpret.
"""

# The letters are easier to keep as a text.
# ruff: noqa: SIM905

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from communications.inbound.triage.spelling import normalise

CONTENT, FILLER = "x", ""
# The letters of the sections in the vocabulary. Words in other sections have no effect.
LETTERS = dict(
    pair.split(":")
    for pair in (
        "stop:S cancel:Z enough:E enough_now:e without:q unsubscribe:U leave_alone:Q let_be:f in_peace:p stopped:s"
        " contact:C contacting:c message_or_write:B mail:H send:G receive:V thing:T your_thing:DT"
        " want:W wish_that:I not:N no_or_not:l no:O did_not:n must_not:X not_want:NW"
        " remove:R take:g off:o removed:r list:L me:M my:m it:J the:D stuff:w number:A name:y"
        " you:Y i:i of:P to:t by:b can:k and:& or:| keep:K go_on:u why:j say:a greeting:h aside:z business:v content:x"
    ).split()
)
_UNKNOWN = (CONTENT, LETTERS["business"])
_MAX_PHRASE_WORDS = 7
_MAX_WORD = 40
# Parts that are recognized within joined words, such as 'plsstop', and in misspellings.
_CORE = "SUZCcBHGJTMNlOmDAREQL"
_MISSPELT_PARTS = "SUZCcBGTQRA"
_SHORT = {"me", "it", "my", "us", "no", "لا", "ما", "لي"}


def _vocabulary() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return the parts of words and phrases, of keywords known to carriers, and of misspelt words."""
    table = tomllib.loads((Path(__file__).parent / "stop_words.toml").read_text(encoding="utf-8"))
    alone = {normalise(entry): "S" for entry in table.pop("alone").split()}
    known: dict[str, str] = {}
    for name, entries in table.items():
        for entry in entries.split():
            known.setdefault(normalise(entry), LETTERS.get(name, FILLER))
    misspelt: dict[str, str] = {}
    for word, part in known.items():
        if part in _MISSPELT_PARTS and part and len(word) >= 6 and word.isascii() and word.isalpha():
            for variant in _variants(word):
                misspelt.setdefault(variant, part)
    return known, alone, misspelt


def _variants(word: str) -> Iterator[str]:
    """Yield the word with one letter missing, doubled, or changed with its neighbour, or with another vowel."""
    for at in range(1, len(word)):
        before, letter, after = word[:at], word[at], word[at + 1 :]
        yield before + after
        yield before + letter + letter + after
        if after:
            yield before + after[0] + letter + after[1:]
        if letter in "aeiou":
            yield from (before + other + after for other in "aeiou")


KNOWN, ALONE, _MISSPELT = _vocabulary()

_TIMES = re.compile(
    r"\b\d{1,5} (?:times?|مرات|مره|x|marrat|mara|(?=messages|texts|reminders|calls|emails|msgs|رساله|رسايل))\b"
)

# Arabic nouns take articles, prepositions and possessives; verbs persons, objects and negations.
_ARTICLE = re.compile("وال|بال|فال|هال|عال|لل|ال(?=...)")
_OWNERS = ("كم", "كن", "ك", "نا", "ي", "هم", "ها", "ه")
_PREPOSITION = re.compile(r"[وفبلع](?=\w{3})")
_VOWELS = re.compile("[aeiouywاويء2]")
_LATIN = str.maketrans({"7": "h", "5": "x", "8": "g", "6": "t", "9": "s"})
_ARABIC = str.maketrans("بتثجحخدذرزسشصضطظعغفقكلمنه", "bttjhxddrzscsdtz3gfqklmnh")
# Second and third persons of verbs of writing, by their consonants: 'تبعتوا', 'teb3ato', 'يراسلني'.
_SENDS = "b3[td]|rsl|trc|sft|dz"
_CONTACTS = "tsl|sl(?=[nlh]*c)|3t(?=[nlh]*c)|klmn|hkn?|ktb|z3[jg]|dq|rn|lhqn|qlqn|sd3n"
# 'You have …ed us', whatever the verb: a complaint.
_YOU_DID = re.compile(r"\w{3,}تو(?:نا|ني|ن)")
_VERB = re.compile(rf"(?P<not>[ml])?(?P<person>b?[ty])(?:(?P<sends>{_SENDS})|{_CONTACTS})[nlhc]*")
_ENDING = "(?:و|وا|ي|ون)?(?:ها|ه|هم|لي|لنا)?"
_FORMS = [
    (re.compile(rf"[اتن]?(?:و?قف|بطل|حبس|متنع|كف){_ENDING}"), "S"),
    (re.compile(r"(?:اعف|ارحم|ا?عتق|ريح|ا?فك)و?(?:ني|نا)"), "Q"),
    (re.compile(r"(?:ا?ترك|دع|خلي?|سيب|هد)و?(?:ني|نا)"), "f"),
    (re.compile(r"(?:[اتين]?(?:حذف|مسح|شطب|ستبعد)|[اتين]?(?:شيل|زيل|حيد)|بلك)(?:و|وا|ي|ون|وها|ه|ها)?"), "R"),
    (re.compile(r"(?:ا(?:حذف|مسح|شطب|زيل|ستبعد|خرج)|شيل|طلع|حيد|خرج|بلك)(?:ني|وني|ونا)"), "Q"),
    (re.compile(r"[انب]?(?:ريد|بغ[يا]|عايز|عاوز|حتاج|رغب)(?:ه|ين)?(?:ك|كم)?"), "W"),
    (re.compile(r"ما?(?:[ان]?(?:ريد|بي|بغ[يا])|بد[يو]|بدنا|عايز|عاوز|ود[ينا]|بغيت)ش?"), "NW"),
    (re.compile(r"[انب](?:ريد|بي|بغ[يا]|دي|حب|حتاج|قبل)ش"), "NW"),
]
_LATIN_STOPS = re.compile(
    "(?:[ao]w?|ta?w[ae]?|w[aei]?)(?:2+|g+|q+|k+|8)[aei]?f+(?:o+|u|ou|i|ee|a?w)?(?:ha|hom|hum|li|lna)?"
)


def _of_arabic(word: str) -> str | None:
    """Return the parts of an inflected Arabic word, such as 'ورسائلكم', 'وقفوها', 'شيلوني', 'بالتوقف'."""
    for wanted in (word, word.removeprefix("و"), word.removeprefix("ف")):
        if wanted in KNOWN:
            return KNOWN[wanted]
        for form, part in _FORMS:
            if form.fullmatch(wanted):
                return part
        found = _of_verb(wanted)
        if found is not None:
            return found
    if _YOU_DID.fullmatch(word):
        return LETTERS["aside"]
    article = _ARTICLE.match(word)
    stem = word[article.end() :] if article else word
    for owner in ("", *_OWNERS):
        noun = KNOWN.get(stem.removesuffix(owner), "") if stem.endswith(owner) else ""
        if noun in ("T", "A", "L", "y"):
            return ("D" if (article or owner) and noun == "T" else "") + noun
    bare = _PREPOSITION.sub("", word, count=1)
    return _of_arabic(bare) if bare != word else None


def _consonants(word: str) -> str:
    """Return the first letter and the consonants after it, of Arabic in either script."""
    spelled = re.sub("[sc]h", "c", word).replace("th", "t") if word.isascii() else word.translate(_ARABIC)
    spelled = re.sub(r"(?<!^)([^t])\1", r"\1", spelled.replace("kh", "x").replace("gh", "g").translate(_LATIN))
    return spelled[0].replace("ي", "y") + _VOWELS.sub("", spelled[1:])


# Arabizi has no fixed spelling. Its digits distinguish it from English.
_HAS_DIGIT = re.compile(r"\d")
_ARABIZI = {
    _consonants(word): part
    for word, part in KNOWN.items()
    if word.isalnum() and (not word.isascii() or _HAS_DIGIT.search(word)) and len(_consonants(word)) >= 3
}


def _of_verb(word: str) -> str | None:
    """Return the parts of a verb of sending or contacting in the second or third person: 'tb3atlish', 'تراسلوني'."""
    consonants = _consonants(word)
    match = _VERB.fullmatch(consonants)
    if not match or (word.isascii() and len(consonants) < 4):
        return None
    part = "G" if match["sends"] else "C"
    if match["person"].startswith("b"):
        part = LETTERS["aside"]
    return ("N" if match["not"] else "") + part


def _of_word(word: str) -> str:
    """Return the parts of one word."""
    if word in KNOWN:
        return KNOWN[word]
    if word in _MISSPELT:
        return _MISSPELT[word]
    if len(word) > _MAX_WORD:
        return LETTERS["business"]
    found = "S" if _LATIN_STOPS.fullmatch(word) else _of_verb(word) if word.isascii() else _of_arabic(word)
    if found is None and word.isascii() and _HAS_DIGIT.search(word):
        found = _ARABIZI.get(_consonants(word))
    if word.isdecimal():
        found = LETTERS["business"]
    elif found is None and "0" in word:
        found = KNOWN.get(word.replace("0", "o"))
    if found is None:
        found = _of_joined(word)
    if found is None:  # an unknown Latin word may be a name
        return CONTENT if word.isascii() and not _HAS_DIGIT.search(word) else LETTERS["business"]
    return found


def _of_joined(word: str) -> str | None:
    """Return the parts of known words without spaces between them, such as 'plsstop', 'لاترسل'."""
    if len(word) < 5:
        return None
    best: list[str | None] = [None] * len(word) + [""]
    for start in range(len(word) - 2, -1, -1):
        for end in range(len(word), start + 1, -1):
            rest, part = best[end], _core(word[start:end])
            if rest is not None and part is not None:
                best[start] = part + rest
                break
    return best[0]


def _core(word: str) -> str | None:
    """Return the parts of a word within joined words, if all of them may occur in a request."""
    if len(word) < 3 and word not in _SHORT:
        return None
    part = KNOWN.get(word)
    if part is None and len(word) >= 4 and not word.isascii():
        part = _of_arabic(word)
    return part if part is not None and all(letter in _CORE for letter in part) else None


def parts(words: str) -> str:
    """Return the parts of a clause's words, without those that have no effect."""
    tokens = _joined(_TIMES.sub("", words).split())
    found: list[str] = []
    at = 0
    while at < len(tokens):
        for length in range(min(_MAX_PHRASE_WORDS, len(tokens) - at), 1, -1):
            part = KNOWN.get(" ".join(tokens[at : at + length]))
            if part is not None:
                found.append(part)
                at += length
                break
        else:
            part = _of_word(tokens[at])
            if part in _UNKNOWN and at + 1 < len(tokens) and _of_word(tokens[at + 1]) in _UNKNOWN:
                broken = _of_word(tokens[at] + tokens[at + 1])  # 'uns ubscribe'
                if broken not in _UNKNOWN:
                    part, at = broken, at + 1
            found.append(part)
            at += 1
    return "".join(found)


def _joined(tokens: list[str]) -> list[str]:
    """Join single letters, such as 's t o p'."""
    joined: list[str] = []
    run: list[str] = []
    for token in [*tokens, ""]:
        if len(token) == 1 and token.isalpha():
            run.append(token)
            continue
        if len(run) >= 3:
            joined.append("".join(run))
        else:
            joined.extend(run)
        run = []
        if token:
            joined.append(token)
    return joined
