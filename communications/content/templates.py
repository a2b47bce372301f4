"""Which words a message is made of: the account's own for its kind and tone, else its own for any tone, else ours.

Ours lie in templates/communications/<language>/<channel>/<kind>[.<tone>].txt, in the same tiny language; an email's
file begins with its subject. One file, and one row of an account, holds subject and body: they never mix languages.
"""

import uuid
from dataclasses import dataclass
from functools import lru_cache

import structlog
from django.conf import settings
from django.db.models import QuerySet

from communications.models import Kind, Medium, MessageTemplate, Tone
from inflow.accounts.models import Account, Language
from inflow.sql import compiled

log = structlog.get_logger(__name__)
_FOLDER = settings.BASE_DIR / "templates" / "communications"
_SUBJECT = "Subject:"


class Missing(Exception):
    """There are no words for this kind of message, in English either."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says before its values are put in. Only an email has a subject."""

    subject: str
    body: str
    language: str
    is_own: bool = False


def find(account: Account, kind: str, tone: str, channel: str, wanted: str) -> Words:
    """In the wanted language, else in English, which the log and `Words.language` tell. Raises `Missing`."""
    tones, languages = (tone, ""), (wanted, Language.ENGLISH.value)
    own = {(row.language, row.tone): row for row in _own(account, kind, channel) if row.tone in tones}
    for language in languages:
        for named in tones:
            if row := own.get((language, named)):
                return Words(row.subject, row.body, language, is_own=True)
        if ours := built_in(kind, tone, channel, language):
            return ours
        log.warning("template_missing", language=language, kind=kind, channel=channel)
    raise Missing(f"{kind} by {channel}")


_KNOWN = "_templates"


def remember(account: Account) -> None:
    """Let this `account`, whose clock leaps, read its templates once."""
    vars(account)[_KNOWN] = {}


def _own(account: Account, kind: str, channel: str) -> list[MessageTemplate]:
    known: dict[tuple[str, str], list[MessageTemplate]] | None = vars(account).get(_KNOWN)
    if known is None:
        return _templates(account=account.pk, kind=kind, channel=channel)
    if (kind, channel) not in known:
        known[kind, channel] = _templates(account=account.pk, kind=kind, channel=channel)
    return known[kind, channel]


@compiled
def _templates(*, account: uuid.UUID, kind: str, channel: str) -> QuerySet[MessageTemplate]:
    return MessageTemplate.objects.filter(account=account, kind=kind, channel=channel)


def inherited(account: Account, kind: str, tone: str, channel: str, language: str) -> Words | None:
    """What this language's words would be without the account's own for this very tone."""
    rows = MessageTemplate.objects.for_account(account).filter(kind=kind, tone="", channel=channel, language=language)
    if tone and (row := rows.first()):
        return Words(row.subject, row.body, language, is_own=True)
    return built_in(kind, tone, channel, language)


def write(account: Account, kind: str, tone: str, channel: str, words: Words) -> None:
    """Keep the account's words for this use, unless they say no more than what they would replace, or nothing."""
    ours = inherited(account, kind, tone, channel, words.language)
    is_same = ours and (ours.subject, ours.body) == (words.subject, words.body)
    if is_same or not words.body:
        reset(account, kind, tone, channel, words.language)
        return
    MessageTemplate.objects.update_or_create(
        account=account,
        kind=kind,
        tone=tone,
        channel=channel,
        language=words.language,
        defaults={"subject": words.subject, "body": words.body},
    )


def reset(account: Account, kind: str, tone: str, channel: str, *languages: str) -> int:
    """Drop the account's own words for this use. How many there were."""
    rows = MessageTemplate.objects.for_account(account).filter(kind=kind, tone=tone, channel=channel)
    return rows.filter(language__in=languages or Language.values).delete()[0]


@lru_cache(maxsize=256)
def built_in(kind: str, tone: str, channel: str, language: str) -> Words | None:
    """Our own words, for this tone if it has some of its own."""
    if language not in Language.values or channel not in Medium.values or kind not in Kind.values:
        return None
    for name in (f"{kind}.{tone}" if tone in Tone.values else kind, kind):
        file = _FOLDER / language / channel / f"{name}.txt"
        if file.is_file():
            text = file.read_text(encoding="utf-8").strip()
            if channel != Medium.EMAIL:
                return Words("", text, language)
            subject, _, body = text.partition("\n\n")
            return Words(subject.removeprefix(_SUBJECT).strip(), body, language)
    return None


def tones_of(kind: str) -> tuple[str, ...]:
    """The tones in which a kind of message can be written; those that never threaten have one alone."""
    return ("", *Tone.values) if kind in (Kind.REMINDER, Kind.FOLLOW_UP, Kind.FINAL_NOTICE) else ("",)
