"""Removal of quoted mail from replies.

The introductory lines of quotes are recognized in many languages. In addition, the text, subject and addresses of the
original mail are used: lines that match them are quoted, and other lines below or between them belong to the reply.

The length of each line is limited and the text is processed in a single pass, so that the time is bounded.
"""

# Patterns and lists of words are easier to keep without breaks.
# ruff: noqa: E501

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from communications.channels.email import reply_address
from communications.content import phrases
from communications.inbound import markup
from communications.inbound.triage.spelling import normalise, without_links
from communications.models import Communication

# Limits in characters, lines and characters per line.
MAX_READ = 200_000
_MAX_LINES = 2_000
_MAX_LINE = 2_000

_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\u061c\ufeff]")
_PREFIX = re.compile(r"(?:[>|»] ?)+")
_SEPARATOR = re.compile(r"[-_=*]{5,}\s*$")
_ANNOUNCED = re.compile(
    r"[-_=*> ]{2,}(?:original (?:message|appointment)|forwarded message|begin forwarded|reply message|ursprungliche nachricht|message d ?origine"
    r"|mensaje original|orijinal mesaj|исходное сообщение|原始邮件|मूल संदेश|الرساله الاصليه|رساله معاد توجيهها|الرساله المعاد توجيهها).*",
    re.IGNORECASE,
)
_FIELD = re.compile(r"[*_ ]{0,3}([^\s\d:：>*_][^:：]{0,30}?)[*_ ]{0,3}[:：][*_ ]{0,3}(.*)")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}")
_MAX_FIELDS = 12  # lines of `From: …`
# Maximum length of the introductory line of a quote, which may be wrapped over three lines.
_MAX_HEAD = 600
# Maximum distance of the verb from the end of the line; the writer and an address may follow it.
_MAX_WRITER = 260
_TABLE = tomllib.loads(Path(__file__).with_name("quotes.toml").read_text(encoding="utf-8"))
_WROTE = tuple(f" {normalise(verb)} " for verb in re.split(r"[,\n]", _TABLE["wrote"].strip()))
# Verbs at the end of the line, without a space before them.
_WROTE_AT_END = tuple(_TABLE["wrote_at_end"].split(","))
# Names of header fields in common languages of mail programs.
_FIELD_NAMES = frozenset(normalise(name).split()[0] for name in _TABLE["fields"].split())


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that we sent: its normalised lines, all of them as one text, its subject and addresses."""

    lines: frozenset[str]
    text: str
    subject: str
    addresses: frozenset[str]


@dataclass(slots=True)
class _Place:
    """Position of the last matching line in our own text, at which a wrapped line continues."""

    start: int = -1
    end: int = -1


def sent_as(message: Communication | None) -> SentMail | None:
    if message is None:
        return None
    senders = (reply_address(message.message_id), *_ADDRESS.findall(settings.DEFAULT_FROM_EMAIL))
    return describe(message.body, message.html, message.subject, senders)


def describe(body: str, html: str, subject: str, addresses: Iterable[str]) -> SentMail:
    """Return the features of a sent mail by which quotes of its text or HTML are recognized."""
    shown = markup.to_text(html)
    lines = [normalise(without_links(line)) for line in (*body.splitlines(), *shown.splitlines())]
    return SentMail(
        frozenset(line for line in lines if line),
        f" {' '.join(line for line in lines if line)} ",
        normalise(subject),
        frozenset(address.lower() for address in addresses if address),
    )


# Footers of our mails in all languages and versions.
_FOOTERS = frozenset(
    normalise(line)
    for labels in phrases.LABELS.values()
    for line in (labels["unsubscribe"], labels["unsubscribe_line"], labels["page"], labels["page_line"])
) | frozenset(normalise(line) for line in _TABLE["footers"].strip().splitlines())


def without_quote(text: str, sent: SentMail | None = None) -> str:
    """Return a reply, plain text or HTML, without the mail that it quotes above or below."""
    text = text[:MAX_READ].replace("\r\n", "\n").replace("\r", "\n")
    if markup.is_html(text):
        text = markup.to_text(text)
    lines = text.split("\n")[:_MAX_LINES]
    plain = [_UNSEEN.sub("", line[:_MAX_LINE]).strip() for line in lines]
    heads = _heads(plain, sent)
    kept = _without_quoted_lines(lines, plain, heads, sent)
    return "\n".join(kept).strip()


def _without_quoted_lines(
    lines: list[str], plain: list[str], heads: dict[int, int], sent: SentMail | None
) -> list[str]:
    kept: list[str] = []
    place, in_quote, number, head_end = _Place(), False, 0, -1
    has_marks = any(_is_marked(line) for line in plain)
    while number < len(lines):
        line = plain[number]
        if number in heads:
            if in_quote and not has_marks and any(plain[head_end:number]):
                break  # an older mail is quoted below ours
            in_quote, place.end = True, -1
            number = head_end = heads[number]
            continue
        if _is_marked(line):
            in_quote = in_quote or has_marks
        elif in_quote and not has_marks and sent is None:
            pass  # everything below the introductory line is quoted
        elif _is_ours(line, sent, place, in_quote, bool(kept)):
            if not in_quote and sent:
                _take_back(kept, sent, place)
            in_quote = True
        elif not (_SEPARATOR.match(line) and (in_quote or _leads_to_quote(plain, number, heads, sent))):
            kept.append(lines[number])
        number += 1
    return kept


def _take_back(kept: list[str], sent: SentMail, place: _Place) -> None:
    """Remove preceding lines that belong to the quote, such as 'Dear Ahmed,'."""
    before = sent.text[: max(place.start, 0)].rstrip()
    while kept:
        words = normalise(without_links(_UNSEEN.sub("", kept[-1])))
        if words and words not in sent.lines and not (before.endswith(f" {words}") and place.start > 0):
            return
        if words and before.endswith(words):
            before = before[: -len(words)].rstrip()
        kept.pop()


def _is_marked(line: str) -> bool:
    return line.startswith((">", "|", "»"))


def _is_ours(line: str, sent: SentMail | None, place: _Place, in_quote: bool, is_below: bool) -> bool:
    """Return True if a line is part of the sent mail. Short lines count only in a quote or as whole lines."""
    words = normalise(without_links(_PREFIX.sub("", line, count=1)))
    if not words:
        return bool(line) and (in_quote or settings.BASE_URL in line)
    if sent and place.end >= 0 and sent.text.startswith(f"{words} ", place.end):
        place.end += len(words) + 1
        return True
    for footer in _FOOTERS:
        if words.endswith(footer) and len(words) <= len(footer) + 60 and (words == footer or sent):
            return in_quote or is_below
    if sent is None:
        return False
    if sent.addresses & {address.lower() for address in _ADDRESS.findall(line)}:
        return True
    count = len(words.split())
    is_whole = words in sent.lines and (count >= 3 or in_quote)
    if is_whole or count >= 5:
        found = sent.text.find(f" {words} ")
        if found >= 0:
            place.start, place.end = found, found + len(words) + 2
            return True
    return bool(sent.subject) and words == sent.subject


def _leads_to_quote(plain: list[str], number: int, heads: dict[int, int], sent: SentMail | None) -> bool:
    """Return True if a separator line is followed by a quote."""
    for following in range(number + 1, min(number + 4, len(plain))):
        if following in heads or _is_marked(plain[following]):
            return True
        if plain[following]:
            return _is_ours(plain[following], sent, _Place(), False, True)
    return False


# --- Introductory lines ---------------------------------------------------------------------------------------------


def _heads(plain: list[str], sent: SentMail | None) -> dict[int, int]:
    """Return a mapping from the first line of each introduction of a quote to the line after it."""
    found: dict[int, int] = {}
    number = 0
    while number < len(plain):
        line = plain[number]
        end = 0
        if line and not _is_marked(line):
            if _ANNOUNCED.match(line) or _is_announced(line):
                end = number + 1
            else:
                end = _fields(plain, number, sent) or _attribution(plain, number, sent)
        if end:
            found[number] = end
            number = end
        else:
            number += 1
    return found


def _is_announced(line: str) -> bool:
    return bool(line[:1] in "-_=*" and _ANNOUNCED.match(f"-- {normalise(line)}"))


def _fields(plain: list[str], number: int, sent: SentMail | None) -> int:
    """Return the line after header fields like `From: …`, `Sent: …`, or 0 if these lines are not header fields."""
    end, proofs, names = number, 0, 0
    last = min(len(plain), number + _MAX_FIELDS)
    while end < last and (match := _FIELD.fullmatch(plain[end])):
        name, value = normalise(match[1]), match[2]
        names += 1
        is_known = bool(name) and name.split()[0] in _FIELD_NAMES
        proofs += is_known and bool(value)
        if _ADDRESS.search(value) and (is_known or names > 1 or _names_us(value, sent)):
            proofs += 1
        if sent and sent.subject and len(sent.subject) > 8 and normalise(value).endswith(sent.subject):
            proofs += 2
        end += 1
        if names < 3 and end + 1 < len(plain) and not plain[end] and _FIELD.fullmatch(plain[end + 1]):
            end += 1  # a blank line between the fields
    return end if proofs >= 2 else 0


def _names_us(value: str, sent: SentMail | None) -> bool:
    return bool(sent and sent.addresses & {address.lower() for address in _ADDRESS.findall(value)})


def _attribution(plain: list[str], number: int, sent: SentMail | None) -> int:
    """Return the line after 'On Monday, Falcon <…> wrote:', which may be wrapped over three lines, or 0."""
    joined = ""
    for end in range(number, min(number + 3, len(plain))):
        if not plain[end] or _is_marked(plain[end]) or len(joined) + len(plain[end]) > _MAX_HEAD:
            break
        joined = f"{joined} {plain[end]}".strip()
        if not joined.endswith((":", "：", *_WROTE_AT_END)):
            continue
        is_first_half = end == number or joined.lower().startswith("on ") or "@" in joined
        if is_first_half and _says_wrote(joined) and (end == number or ":" in plain[end]):
            return end + 1
        if joined.endswith((":", "：")) and _names_us(joined, sent):
            return end + 1
    return 0


def _says_wrote(line: str) -> bool:
    """Return True if a line says that somebody wrote the following text."""
    if line.rstrip(":： ").endswith(_WROTE_AT_END):
        return True
    words = f" {normalise(line)} "
    if words.startswith(" on ") and words.endswith(" wrote "):
        return True
    return any(words.find(verb, max(0, len(words) - _MAX_WRITER)) >= 0 for verb in _WROTE)
