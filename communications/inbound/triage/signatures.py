"""Removal of signatures: name, company, and lines added by mail programs."""

# Patterns and lists of words are easier to keep without breaks.
# ruff: noqa: E501, SIM905

import itertools
import re

from communications.inbound.triage.spelling import normalise

_DELIMITER = re.compile(r"--+ ?|__+|—+")
_FAREWELL = re.compile(
    r"(?:(?:with )?(?:kind|best|warm|warmest|many|my best)? ?(?:regards|rgds|wishes)|br|kr|sincerely|(?:yours|your) (?:sincerely|faithfully|truly)"
    r"|sincerely yours|cheers|cordialement|bien cordialement|respectfully|thanks (?:and|&)? ?(?:best |kind )?regards|thanks and regards|thank you and regards"
    r"|مع (?:خالص |فايق |اطيب |وافر )?(?:ال)?(?:تحيه|تحيات|تحياتي|الشكر|التقدير|الاحترام)(?: \w+){0,3}|تحياتي|تحياتنا|وتفضلوا بقبول .*|ودمتم(?: \w+){0,2}|تقبلوا تحياتي|اخوكم(?: \w+)?)"
)
_DEVICE = re.compile(
    r"(?:الحصول علي|احصل علي|发自|發自|傳送自|从我的|obtener|telecharger|scarica|outlook fur|outlook pour|outlook para|yahoo mail|enviado desde|envoye de|von meinem|gesendet von|inviato da|verzonden vanaf) ?.{0,60}|(?:sent|get|envoye) (?:from|by|with|via|using|outlook|de|depuis)\b.*|(?:تم ارسال\w*|ارسلت|مرسل|مرسله) من (?:ال|جهاز)?.*(?:ايفون|iphone|جوال|هاتف|samsung|android|outlook).*"
)
# Lines that occur only in footers.
_FOOTER = re.compile(
    r"(?:this (?:e ?mail|message|communication)(?: and)?(?: any)? .{0,60}(?:confidential|intended|privileged)|confidential|disclaimer"
    r"|please consider the environment|to unsubscribe\b|click here to unsubscribe|if you (?:no longer|do not|dont) (?:wish|want) to receive"
    r"|you (?:are receiving|received) this|unsubscribe from (?:our|this)|manage (?:your )?preferences|view (?:this|it) in (?:your )?browser"
    r"|لالغاء الاشتراك (?:من|في|اضغط|زوروا|قم)|اذا كنت لا ترغب|هذه الرساله (?:سريه|موجهه)|ticket (?:id|no|number|status)?\b.{0,40}$)"
)
_NOT_ME = re.compile(
    r"\b[Ii](?:['’]?m| am) not (?:Mr\.? |Mrs\.? |Ms\.? |the )?[A-Z][a-z]{2,}\b(?! [a-z]+ing)|\b[Tt]his is(?:n['’]t| not) [A-Z][a-z]{2,}\b"
)
_MAX_NAME_WORDS = 4
_MAX_LINES = 20


def without(text: str) -> str:
    """Return the text without its signature and footer. The result is never empty if the text has content."""
    lines = text.replace("\r\n", "\n").split("\n")
    end = len(lines)
    begins = False  # there is text above
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not stripped:
            continue
        words = normalise(stripped[:300])
        if _DEVICE.fullmatch(words) or _FOOTER.match(words):
            lines[number] = ""
            continue
        if begins and (
            (_DELIMITER.fullmatch(stripped[:300]) and len(lines) - number <= 25)
            or (words in _THANKS and _is_all_names(_below(lines, number)))
            or (_FAREWELL.fullmatch(words) and _is_signature(_below(lines, number)))
        ):
            end = number
            break
        begins = True
    kept = lines[:end]
    _drop_name(kept)
    return "\n".join(kept).strip()


def _below(lines: list[str], number: int) -> list[str]:
    """Return the non-empty lines below a line, at most one more than a signature has."""
    below = (line for line in lines[number + 1 :] if line.strip())
    return list(itertools.islice(below, _MAX_LINES + 1))


def _is_signature(lines: list[str]) -> bool:
    """Return True if the lines are names, titles and numbers. A long line is a reply below the farewell."""
    return len(lines) <= _MAX_LINES and not any(
        len(line.split()) > 14 and not _FOOTER.match(normalise(line[:300])) for line in lines[:3]
    )


_THANKS = frozenset("thanks,thank you,many thanks,thx,best,thanks in advance,thank you in advance,rgds,br".split(","))


def _is_all_names(lines: list[str]) -> bool:
    """Return True if the lines consist of capitalized words, numbers and addresses only."""
    words = [
        word
        for line in lines[:8]
        for word in re.split(r"[\s|,.()/&-]+", line)
        if word[:1].isalpha() and "@" not in word
    ]
    capital = sum(word[0].isupper() for word in words)
    return 0 < len(lines) <= 8 and capital >= 0.8 * len(words) and not _NO_NAME.search(normalise(" ".join(lines)[:500]))


def _drop_name(lines: list[str]) -> None:
    """Remove a last line that is a name: a few capitalized words, such as 'Ahmed Ali'."""
    while lines and not lines[-1].strip():
        lines.pop()
    if sum(bool(line.strip()) for line in lines) < 2:
        return
    words = lines[-1].replace(",", " ").replace(".", " ").split()
    is_name = len(words) <= _MAX_NAME_WORDS and all(
        word[0].isupper() and word[1:].islower() and word.isalpha() for word in words if len(word) > 1
    )
    if words and is_name and normalise(lines[-1]) not in _NO_NAMES and not _NO_NAME.search(normalise(lines[-1])):
        lines.pop()


_NO_NAMES = frozenset(
    "paid,done,stop,unsubscribe,friday,tomorrow,already paid,yes,no,thanks,thank you,cancel".split(",")
)
_NO_NAME = re.compile(
    r"\b(?:paid|pay|stop|unsubscribe|settled|transferred|wrong|number|dispute|sunday|monday|tuesday|wednesday|thursday|friday|saturday|tomorrow|today|january"
    r"|february|march|april|may|june|july|august|september|october|november|december|inshallah|please|no|not)\b"
)


def denies_identity(text: str) -> bool:
    """Return True for 'I am not Ahmed', 'This is not Ahmed'. Names are recognized by their capital letter."""
    return bool(_NOT_ME.search(text[:2_000]))
