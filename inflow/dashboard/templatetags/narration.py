"""Timeline entries in the reader's language.

`invoices.narrative` renders an entry from its kind and parameters. Older entries have only an English sentence,
which is shown as stored.
"""

import datetime as dt
from typing import Any

from django import template
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import get_language_bidi, gettext, gettext_noop

from inflow.accounts.actors import Channel
from inflow.dashboard.core.markup import bdi
from invoices import narrative
from invoices.models import PaymentStatus, Status, TimelineEntry

register = template.Library()
_ = gettext_noop
# Actors and channels are stored in English.
NAMES = (_("debtor"), _("email"), _("dashboard"), _("import"), _("debtor page"), _("reply"))


@register.filter
def sentence(entry: TimelineEntry) -> str:
    """Return the entry as a sentence."""
    if entry.kind in ("status_changed", "changed") and entry.after:
        return _changes(entry.before, entry.after)
    if not entry.stored_text:
        return mark_safe(narrative.render(entry, bdi))  # noqa: S308  (our own sentence around escaped values)
    return format_html("<bdi>{}</bdi>", entry.stored_text)


@register.filter
def reason(entry: TimelineEntry) -> str:
    """Return the reason of the entry."""
    return mark_safe(narrative.render_reason(entry, bdi))  # noqa: S308  (our own sentence around escaped values)


@register.filter
def actor(entry: TimelineEntry) -> str:
    """Return the email of a person, the name of a key, or "automatic" or "debtor" in the reader's language."""
    if entry.actor == "clock":
        return gettext("automatic")
    return gettext(entry.actor) if entry.actor == "debtor" else entry.actor


@register.filter
def channel(entry: TimelineEntry) -> str:
    return "API" if entry.channel == Channel.API else gettext(entry.channel.replace("_", " "))


def _changes(before: dict[str, Any], after: dict[str, Any]) -> SafeString:
    parts = [
        (capfirst(gettext(name.replace("_", " "))), _value(name, before.get(name)), _value(name, value))
        for name, value in after.items()
        if name not in narrative.NOT_SHOWN
    ]
    noted = [(narrative.NOT_SHOWN[name],) for name in after if name in narrative.NOT_SHOWN]
    arrow = "←" if get_language_bidi() else "→"
    changed = format_html_join(gettext("; "), "{}: <bdi>{}</bdi> " + arrow + " <bdi>{}</bdi>", parts)
    return format_html_join(gettext("; "), "{}", [*([(changed,)] if parts else []), *noted])


def _value(name: str, value: Any) -> str:
    if isinstance(value, list):
        value = gettext(", ").join(map(str, value))
    if value in (None, ""):
        return "–"
    choices = {"status": Status, "payment_status": PaymentStatus}.get(name)
    if choices and str(value) in choices.values:
        return str(choices(str(value)).label)
    if str(value) in ("True", "False"):
        return gettext("yes") if str(value) == "True" else gettext("no")
    return _date(str(value))


def _date(value: str) -> str:
    try:
        return date_format(dt.date.fromisoformat(value), "DATE_FORMAT")
    except ValueError:
        return value
