"""The timeline in the reader's language.

`invoices.narrative` renders an entry from its parameters. An older entry has only its English sentence: it is matched
with the forms below, and shown as it is stored where none fits.
"""

import datetime as dt
import functools
import re
from collections.abc import Iterable
from typing import Any

import re2
from django import template
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import get_language_bidi, gettext, gettext_noop

from communications.delivery import gate, reasons
from communications.models import Kind, Medium, State, StepKind, Triage
from communications.models.inbound import AnswerKind, AnswerStatus, ReplyStatus
from inflow import languages
from inflow.accounts.actors import Channel
from inflow.dashboard.core.markup import bdi
from invoices import narrative
from invoices.models import PaymentStatus, Reason, Resolution, Status, TimelineEntry

register = template.Library()
_ = gettext_noop
# The more exact comes first. A placeholder's name says how its value is read: see `_read`.
FORMS = (
    _("Invoice of %(amount)s registered."),
    _("Payment of %(amount)s recorded."),
    _("Payment of %(amount)s reversed."),
    _("Promise to pay %(amount)s by %(day)s."),
    _("The promise to pay %(amount)s by %(day)s is broken."),
    _("Joins the open case: %(word)s."),
    _("Escalated to level %(level)s: %(word)s."),
    _("Case of level %(level)s resolved: %(word)s."),
    _("Case of level %(level)s is being worked on."),
    _("The debtor asked not to be written to by %(word)s."),
    _("The debtor asked not to be written to."),
    _("The debtor agreed to be written to by %(word)s."),
    _("The debtor may be written to again."),
    _("The debtor answered."),
    _("The debtor's answer is handled."),
    _("%(address)s asked not to be written to by %(word)s."),
    _("%(address)s may be written to again."),
    _("No way to write to this debtor is known: add an email address."),
    _("Message was refused for %(address)s."),
    _("Message may not have reached %(address)s."),
    _("Try %(number)s planned for %(moment)s UTC."),
    _("Written in English: a template is missing."),
    _("No reminder before the due date: no hour for it was left."),
    _("Planned messages stopped: the invoice is %(word)s."),
    _("Planned %(word)s dropped: %(because)s."),
    _("%(word)s sent to %(address)s by %(medium)s."),
    _("%(word)s to %(address)s did not arrive."),
    _("%(word)s is not sent: a person decided so."),
    _("%(word)s is not sent."),
    _("%(word)s not sent: %(because)s."),
    _("%(word)s message by %(medium)s."),
    _("%(word)s postponed to %(moment)s (%(zone)s): %(because)s."),
    _("%(word)s planned for %(moment)s (%(zone)s)."),
    _("%(because)s: %(word)s goes on %(moment)s (%(zone)s)."),
    _("%(word)s held: somebody has to look at it before %(amount)s are demanded."),
    _("%(word)s released: it goes on %(moment)s (%(zone)s) unless it is called back."),
    _("%(word)s called back."),
    _("%(word)s delivered: %(address)s."),
    _("%(word)s read: %(address)s."),
    _("%(word)s replied: %(address)s."),
    _("%(state)s: %(word)s."),
)
# What the engine gives as a reason in words of its own.
BECAUSE = (
    _("an earlier step did not arrive"),
    _("another step is next now"),
    _("no step is left"),
    _("its day was moved"),
    _("the promise was given anew"),
    _("All payments are recorded"),
    _("Messages are switched on again"),
    _("the ladder"),
    _("paid"),
    _("closed"),
    _("opted out"),
    _("no contact"),
    _("invalid contact"),
    _("email"),
    _("clock"),
    _("debtor"),
    _("dashboard"),
    _("import"),
    _("debtor page"),
    _("reply"),
)
_CHOICES = (Kind, StepKind, Medium, State, Reason, Resolution, Triage, AnswerKind, AnswerStatus, ReplyStatus)
_MOMENT = "%Y-%m-%d %H:%M"


@register.filter
def told(entry: TimelineEntry) -> str:
    """What happened, in a sentence."""
    if entry.kind in ("status_changed", "changed") and entry.after:
        return _changes(entry.before, entry.after)
    if not entry.stored_text:
        return mark_safe(narrative.render(entry, bdi))  # noqa: S308  (our own sentence around escaped values)
    if languages.is_english():
        return entry.stored_text
    for form, pattern in _patterns():
        if found := pattern.fullmatch(entry.stored_text):
            said = {name: bdi(_read(name, value)) for name, value in found.groupdict().items()}
            return mark_safe(gettext(form) % said)  # noqa: S308  (our own sentence around escaped values)
    return format_html("<bdi>{}</bdi>", entry.stored_text)


@register.filter
def who(entry: TimelineEntry) -> str:
    """A person's email, a key's name, or who has no name."""
    return gettext(entry.actor) if entry.actor in ("clock", "debtor") else entry.actor


@register.filter
def through(entry: TimelineEntry) -> str:
    return "API" if entry.channel == Channel.API else gettext(entry.channel.replace("_", " "))


@functools.cache
def _patterns() -> list[tuple[str, Any]]:
    """In linear time: a stored text may hold what a debtor wrote."""
    return [
        (form, re2.compile(re.sub(r"%\\\((\w+)\\\)s|%\((\w+)\)s", r"(?P<\1\2>.+?)", re.escape(form)))) for form in FORMS
    ]


@functools.cache
def _words() -> dict[str, Any]:
    """The lazy words of our enumerations and reasons, by what they are in English."""
    with languages.in_english():
        labels: Iterable[Any] = [label for choices in _CHOICES for label in choices.labels]
        known = [*labels, *gate.WORDS.values(), *reasons.WORDS.values()]
        return {str(word).lower(): word for word in reversed(known)}


@functools.cache
def _codes() -> dict[str, Any]:
    """Reasons by their codes, as the engine writes them into a sentence."""
    return {code.replace("_", " "): word for code, word in reasons.WORDS.items()}


def _read(name: str, value: str) -> str:
    if name == "day":
        return _date(value, "%Y-%m-%d")
    if name == "moment":
        return _date(value, _MOMENT)
    if name in ("word", "state", "medium", "because"):
        word = _words().get(value.lower()) or (_codes().get(value) if name == "because" else None)
        return str(word or gettext(value))
    return value


def _date(value: str, form: str) -> str:
    try:
        moment = dt.datetime.strptime(value, form)  # noqa: DTZ007  (only shown, on the clock that the sentence names)
    except ValueError:
        return value
    return date_format(moment, "DATETIME_FORMAT" if form == _MOMENT else "DATE_FORMAT")


def _changes(before: dict[str, Any], after: dict[str, Any]) -> SafeString:
    parts = [
        (capfirst(gettext(name.replace("_", " "))), _value(name, before.get(name)), _value(name, value))
        for name, value in after.items()
        if name != "notes"
    ]
    noted = [(gettext("Notes changed"),)] if "notes" in after else []
    arrow = "←" if get_language_bidi() else "→"
    told = format_html_join(gettext("; "), "{}: <bdi>{}</bdi> " + arrow + " <bdi>{}</bdi>", parts)
    return format_html_join(gettext("; "), "{}", [*([(told,)] if parts else []), *noted])


def _value(name: str, value: Any) -> str:
    if value in (None, ""):
        return "–"
    choices = {"status": Status, "payment_status": PaymentStatus}.get(name)
    if choices and str(value) in choices.values:
        return str(choices(str(value)).label)
    if str(value) in ("True", "False"):
        return gettext("yes") if str(value) == "True" else gettext("no")
    return _date(str(value), "%Y-%m-%d")
