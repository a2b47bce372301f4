"""Message templates: the account's own for kind and tone, else its own for any tone, else the built-in one.

Built-in templates are in templates/communications/<language>/<channel>/<kind>[.<tone>].txt and use the same template
language. The file of an email begins with its subject. Subject and body always come from the same file or row.
"""

import uuid
from dataclasses import dataclass
from functools import lru_cache

import structlog
from django.conf import settings
from django.db.models import QuerySet

from communications.content.errors import TemplateMissing
from communications.models import Kind, Medium, MessageTemplate, Tone
from inflow.accounts.models import Account, Language
from inflow.sql import compiled

log = structlog.get_logger(__name__)
_FOLDER = settings.BASE_DIR / "templates" / "communications"
_SUBJECT = "Subject:"


@dataclass(frozen=True, slots=True)
class TemplateText:
    """Subject and body of a template. Only emails have a subject."""

    subject: str
    body: str
    language: str
    is_own: bool = False


def find(account: Account, kind: str, tone: str, channel: str, wanted: str) -> TemplateText:
    """Return the template in the wanted language, else in English with a warning. Raise `TemplateMissing`."""
    tones, languages = (tone, ""), (wanted, Language.ENGLISH.value)
    own = {(row.language, row.tone): row for row in _own(account, kind, channel) if row.tone in tones}
    for language in languages:
        for named in tones:
            if row := own.get((language, named)):
                return TemplateText(row.subject, row.body, language, is_own=True)
        if default := built_in(kind, tone, channel, language):
            return default
        log.warning("template_missing", language=language, kind=kind, channel=channel)
    raise TemplateMissing(f"{kind} by {channel}")


_KNOWN = "_templates"


def cache_templates(account: Account) -> None:
    """Cache templates on this `Account` instance, whose clock is being moved."""
    vars(account)[_KNOWN] = {}


def _own(account: Account, kind: str, channel: str) -> list[MessageTemplate]:
    cache: dict[tuple[str, str], list[MessageTemplate]] | None = vars(account).get(_KNOWN)
    if cache is None:
        return _templates(account=account.pk, kind=kind, channel=channel)
    if (kind, channel) not in cache:
        cache[kind, channel] = _templates(account=account.pk, kind=kind, channel=channel)
    return cache[kind, channel]


@compiled
def _templates(*, account: uuid.UUID, kind: str, channel: str) -> QuerySet[MessageTemplate]:
    return MessageTemplate.objects.filter(account=account, kind=kind, channel=channel)


def inherited(account: Account, kind: str, tone: str, channel: str, language: str) -> TemplateText | None:
    """Return the template that would be used without the account's own one for this tone."""
    rows = MessageTemplate.objects.for_account(account).filter(kind=kind, tone="", channel=channel, language=language)
    if tone and (row := rows.first()):
        return TemplateText(row.subject, row.body, language, is_own=True)
    return built_in(kind, tone, channel, language)


def write(account: Account, kind: str, tone: str, channel: str, words: TemplateText) -> None:
    """Save the account's template. Delete it instead if it is empty or equals the one that it would replace."""
    default = inherited(account, kind, tone, channel, words.language)
    is_same = default and (default.subject, default.body) == (words.subject, words.body)
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
    """Delete the account's own templates for this use and return their number."""
    rows = MessageTemplate.objects.for_account(account).filter(kind=kind, tone=tone, channel=channel)
    return rows.filter(language__in=languages or Language.values).delete()[0]


@lru_cache(maxsize=256)
def built_in(kind: str, tone: str, channel: str, language: str) -> TemplateText | None:
    """Return the built-in template for this tone, else for any tone."""
    if language not in Language.values or channel not in Medium.values or kind not in Kind.values:
        return None
    for name in (f"{kind}.{tone}" if tone in Tone.values else kind, kind):
        file = _FOLDER / language / channel / f"{name}.txt"
        if file.is_file():
            text = file.read_text(encoding="utf-8").strip()
            if channel != Medium.EMAIL:
                return TemplateText("", text, language)
            subject, _, body = text.partition("\n\n")
            return TemplateText(subject.removeprefix(_SUBJECT).strip(), body, language)
    return None


def tones_of(kind: str) -> tuple[str, ...]:
    """Return the tones of a kind of message. Kinds other than the reminder steps have a single tone."""
    return ("", *Tone.values) if kind in (Kind.REMINDER, Kind.FOLLOW_UP, Kind.FINAL_NOTICE) else ("",)
