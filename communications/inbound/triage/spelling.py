"""Normalisation of text in English, Arabic and Arabizi, and its division into sentences and clauses."""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

_MARKS = re.compile(
    "[\u0300-\u036f\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u202a-\u202e\u2060-\u2069\u061c\ufeff\ufe0f]"
)
_FORMS = str.maketrans(
    {
        **dict.fromkeys("أإآٱ", "ا"),
        "ى": "ي",
        "ی": "ي",
        "ئ": "ي",
        "ؤ": "و",
        "ة": "ه",
        "ک": "ك",
        "گ": "ك",
        "چ": "ج",
        **{chr(0x660 + digit): str(digit) for digit in range(10)},
        **{chr(0x6F0 + digit): str(digit) for digit in range(10)},
        "\u066b": ".",
        "\u066c": ",",
        **dict.fromkeys("'’‘`´ʼ", None),
    }
)
_APART = re.compile(r"(?!(?<=\d)[./-](?=\d))[\W_]")
_REPEATED = re.compile(r"([^\W\d])\1{2,}")
_LINKS = re.compile(r"(?:https?://|www\.)\S+|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_MISSPELLINGS = tomllib.loads(Path(__file__).with_name("misspellings.toml").read_text(encoding="utf-8"))
_SHORT = {short: word for word, spellings in _MISSPELLINGS.items() for short in spellings.split()}
# 'My no. is': the period does not end a sentence.
_NUMBER = re.compile(r"\b(my|our|this|your|ur|phone|mobile|mob|tel)\s{1,3}no\.?(?=\s)", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(r"\bun ?su(?:b|s|bs|sb)?s?c?(?:ri|ir|i)b\w*")
# 'S.T.O.P.': the periods do not end a sentence.
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}[^\W\d_]\b\.?")
# A line of at least this length that ends within a sentence was wrapped by a mail program.
_WRAPPED_FROM = 50
_SENTENCE = re.compile(r"[^.!?؟;؛\n…]+|[.!?؟;؛\n…]")
_ENDS_LINE = (".", "!", "?", "؟", ":", "،", ",", ";", "؛")
_CLAUSE = re.compile(
    r"(?<!\d)[,،:](?!\d)|(?<=\D)[,،](?=\d)|(?<=\d)[,،](?=\D)|\s[-–—]+\s|[–—]|[()\[\]]|\b(?:but|however|although)\b|\b(?:لكن|ولكن)\b"
)
_TAG = re.compile(r"\s(?:ok|okay|right|fine|good|deal|please|pls|thanks|تمام|ماشي|طيب|اوكي)\s*$")
_ASKS = re.compile(
    r"(?:(?:and|so|but|also|hi|hello|dear|please|sorry|و|طيب|يعني) )*"
    r"(?:(?:has|have|had|is|are|was|were|did|does|do|can|could|will|would|should|shall|may|didnt|isnt|hasnt|wasnt)"
    r" (?:you|i|we|it|this|that|the|they|he|she|my|our|your|there|any|someone|anyone|anybody|somebody|these|those)\b"
    r"|(?:when(?! (?:we|i|our|my|he|she|they)\b)|why|what|whats|how|which|who|whose|where)\b|any (?:update|news|idea)\b"
    r"|(?:هل|متي|امتي|كيف|كيفاش|شلون|ازاي|لماذا|ليش|ليه|لم لا|علاش|وين|فين|اين|ايش|شو|ايه|ماذا|مين|من هو|كم"
    r"|ممكن اعرف)\b"
    r"|(?:do you|emta|meta|leish|leh|kif|kifash|shlon|ezay|wen|fen|shu|hal|sho)\b)"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause of normalised words. `asks` is True for questions."""

    words: str
    asks: bool


def normalise(text: str) -> str:
    """Normalise a text: unify forms of alef, hamza and taa, accents, digits and case.

    Tatweel, diacritics and punctuation are removed, except punctuation between the digits of a date.
    """
    text = unicodedata.normalize("NFKD", text).casefold()
    text = _MARKS.sub("", text).translate(_FORMS)
    text = _APART.sub(
        lambda match: match[0] if match[0] in "./-" and len(match[0]) == 1 and _joins(match) else " ", text
    )
    text = _REPEATED.sub(r"\1", text)
    return " ".join(text.split())


def _joins(match: re.Match[str]) -> bool:
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return before.isdecimal() and after.isdecimal()


def without_links(text: str) -> str:
    """Return the text without web and email addresses."""
    return _LINKS.sub(" ", text)


def clauses(text: str) -> list[Clause]:
    """Return the clauses of a text in order, without web and email addresses."""
    text = unicodedata.normalize("NFKC", without_links(text)).translate(_FORMS)
    text = _NUMBER.sub(r"\1 number", text)
    text = _DOTTED.sub(lambda match: match[0].replace(".", ""), text)
    found: list[Clause] = []
    for sentence, mark in _sentences(_unwrapped(text)):
        parts = [part for part in _CLAUSE.split(sentence) if part and part.strip()]
        asked = mark in ("?", "؟")
        for number, part in enumerate(parts):
            words = _spelled_out(normalise(part))
            if not words:
                continue
            is_last = number == len(parts) - 1
            asks = bool(_ASKS.match(words)) or (asked and is_last and not _TAG.search(f" {words}"))
            found.append(Clause(words, asks))
    return found


def _spelled_out(words: str) -> str:
    words = " ".join(_SHORT.get(word, word) for word in words.split())
    return _UNSUBSCRIBE.sub("unsubscribe", words) if " unsu" in f" {words}" or "un su" in words else words


def _unwrapped(text: str) -> str:
    lines = text.split("\n")
    joined: list[str] = []
    was_wrapped = False
    for line in lines:
        stripped = line.strip()
        if joined and was_wrapped and stripped:
            joined[-1] += f" {stripped}"
        else:
            joined.append(stripped)
        was_wrapped = len(stripped) >= _WRAPPED_FROM and not stripped.endswith(_ENDS_LINE)
    return "\n".join(joined)


def _sentences(text: str) -> list[tuple[str, str]]:
    """Return each sentence with its end mark. A period between digits or letters does not end a sentence."""
    sentences: list[tuple[str, str]] = []
    pending = ""
    pieces = _SENTENCE.findall(text)
    for number, piece in enumerate(pieces):
        if piece == ".":
            after = pieces[number + 1][:1] if number + 1 < len(pieces) else ""
            if (
                pending
                and not pending[-1].isspace()
                and after.isalnum()
                and (pending[-1].isdecimal() or after.isdecimal())
            ):
                pending += piece
                continue
        if len(piece) == 1 and piece in ".!?؟;؛\n…":
            if pending.strip():
                sentences.append((pending, piece))
            elif sentences and piece in "?؟":
                sentences[-1] = (sentences[-1][0], piece)
            pending = ""
        else:
            pending += piece
    if pending.strip():
        sentences.append((pending, ""))
    return sentences
