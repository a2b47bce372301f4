"""Sentences of the timeline.

An entry stores its kind and its parameters; its sentence is rendered in the language of the reader. Other packages add
their kinds with `register` and the labels of their parameters with `add_labels`.
"""

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _lazy

from inflow import languages
from invoices import money
from invoices.models import DisputeOutcome, PaymentStatus, Reason, ReportKind, Resolution, Status, TimelineEntry
from invoices.models.identities import ContactKind

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
# Kinds whose sentence lists the values before and after.
CHANGES = ("status_changed", "changed")

_sentences: dict[str, list[Any]] = {}
_labels: dict[str, Mapping[str, Any]] = {}


def register(kind: str, *sentences: Any) -> None:
    """Add sentences for a kind of entry. The first one whose placeholders all have a parameter is used."""
    _sentences.setdefault(kind, []).extend(sentences)


def add_labels(parameter: str, labels: Mapping[str, Any]) -> None:
    """Add the labels of a parameter's values."""
    _labels[parameter] = {**_labels.get(parameter, {}), **labels}


def sentences() -> Iterable[tuple[str, Any]]:
    """Return each kind with each of its sentences."""
    return [(kind, sentence) for kind, each in _sentences.items() for sentence in each]


def store(value: object) -> object:
    """Return a parameter's value for JSON: a code as text, a datetime in UTC, an amount with its currency."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, tuple):
        amount, currency = value
        return {"amount": str(amount), "currency": currency}
    return value if value is None or isinstance(value, bool | int) else str(value)


class Because(str):
    """A reason that the system gives for a change: an English sentence with its code and parameters, so that it is
    rendered in the reader's language. Reasons that people give are plain texts."""

    code: str
    params: Mapping[str, Any]

    def __new__(cls, code: str, **params: object) -> "Because":
        stored = {name: store(value) for name, value in params.items()}
        with languages.in_english():
            self = super().__new__(cls, _because(code, stored, str, has_iso_dates=True))
        self.code, self.params = code, stored
        return self


def render_reason(entry: TimelineEntry, isolate: Callable[[str], str] = str) -> str:
    """Return the entry's reason, in the active language if the system gave it."""
    because = entry.params.get("because")
    if not isinstance(because, dict) or because.get("code") not in _REASONS:
        return isolate(entry.reason) if entry.reason else ""
    return _because(because["code"], because["params"], isolate)


def _because(
    code: str, params: Mapping[str, Any], isolate: Callable[[str], str], *, has_iso_dates: bool = False
) -> str:
    sentence = str(_REASONS[code])
    names = _PLACEHOLDER.findall(sentence)
    values = {name: isolate(_value(name, params, at_start=False, has_iso_dates=has_iso_dates)) for name in names}
    return sentence % values


def in_english(entry: TimelineEntry) -> str:
    """Return the entry's sentence for the API."""
    with languages.in_english():
        return render(entry, has_iso_dates=True)


def render(entry: TimelineEntry, isolate: Callable[[str], str] = str, *, has_iso_dates: bool = False) -> str:
    """Return the entry's sentence in the active language. `isolate` is applied to each of its values.

    An entry that is older than the parameters has only an English sentence.
    """
    if entry.kind in CHANGES and entry.after and not entry.stored_text:
        return _changes(entry.before, entry.after)
    for sentence in _sentences.get(entry.kind, ()):
        names = _PLACEHOLDER.findall(str(sentence))
        if all(name in entry.params for name in names):
            text = str(sentence)
            starts = {name: text.startswith(f"%({name})s") for name in names}
            values = {
                name: isolate(_value(name, entry.params, at_start=starts[name], has_iso_dates=has_iso_dates))
                for name in names
            }
            return text % values
    return entry.stored_text


def _value(name: str, params: Mapping[str, Any], *, at_start: bool, has_iso_dates: bool) -> str:
    value = params[name]
    if isinstance(value, dict):
        return money.display(Decimal(value["amount"]), value["currency"])
    if name in _labels:
        label = _labels[name].get(str(value))
        if label is None:
            return str(value).replace("_", " ")
        return str(label) if at_start or name == "language" else _within(str(label))
    if name == "day":
        day = dt.date.fromisoformat(value)
        return value if has_iso_dates else date_format(day)
    if name == "moment":
        zone = zoneinfo.ZoneInfo(params.get("zone", "UTC"))
        moment = dt.datetime.fromisoformat(value).astimezone(zone)
        return f"{moment:%Y-%m-%d %H:%M}" if has_iso_dates else date_format(moment, "DATETIME_FORMAT")
    return str(value)


def _within(label: str) -> str:
    """Return a label for the middle of a sentence: "Follow-up" becomes "follow-up", "SMS" stays."""
    return label[:1].lower() + label[1:] if label[1:].islower() else label


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    parts = [_change(name, before.get(name), value) for name, value in after.items()]
    return f"{capfirst('; '.join(parts))}."


def _change(name: str, before: object, after: object) -> str:
    if name in NOT_SHOWN:
        return str(NOT_SHOWN[name])
    field = gettext(name.replace("_", " "))
    return f"{field}: {_shown(before)} → {_shown(after)}"


def _shown(value: object) -> str:
    """Return a value of a change. Values that were absent are shown as a dash in the amendments of texts."""
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return "–" if value == "" else str(value)


# Changes whose values are too long for a sentence.
NOT_SHOWN = {
    "notes": _lazy("Notes changed"),
    "metadata": _lazy("Metadata changed"),
    "contacts": _lazy("Further contacts changed"),
}
# Reasons that the system gives.
_REASONS = {
    "books": _lazy("As in the books on %(day)s."),
    "other_party": _lazy("The invoice names another party."),
    "contested": _lazy("A part of the invoice is now disputed."),
}


add_labels("case", dict(Reason.choices))
add_labels("dispute_outcome", dict(DisputeOutcome.choices))
add_labels("resolution", dict(Resolution.choices))
add_labels("invoice_status", dict(Status.choices))
add_labels("payment_status", dict(PaymentStatus.choices))
add_labels("contact", dict(ContactKind.choices))
add_labels("report", dict(ReportKind.choices))
add_labels("provider", {"stripe": "Stripe", "hmac": _lazy("The payment provider")})

register("created", _lazy("Invoice of %(amount)s registered."))
register(
    "payment_recorded",
    _lazy("%(amount)s of a payment of %(whole)s recorded."),
    _lazy("Payment of %(amount)s recorded."),
)
register("payment_reversed", _lazy("Payment of %(amount)s reversed."))
register("payment_voided", _lazy("Payment of %(amount)s voided."))
register("payment_released", _lazy("%(amount)s returned to credit."))
register("credit_applied", _lazy("Credit of %(amount)s applied."))
register("credit_applied_automatically", _lazy("Credit of %(amount)s applied automatically."))
register("credit_note_issued", _lazy("Credit note %(number)s of %(amount)s issued."))
register("credit_note_voided", _lazy("Credit note %(number)s of %(amount)s voided."))
register("note", _lazy("Note added."))
register("file_added", _lazy("File %(file)s added."))
register("file_removed", _lazy("File %(file)s removed."))
register("task_created", _lazy("Task added, due on %(day)s."))
register("task_done", _lazy("Task done."))
register("task_reopened", _lazy("Task reopened."))
register("promise", _lazy("Promise to pay %(amount)s by %(day)s."))
register("promise_broken", _lazy("The promise to pay %(amount)s by %(day)s is broken."))
register("escalation_joined", _lazy("Added to the open case: %(case)s."))
register("escalated", _lazy("Escalated to level %(level)s: %(case)s."))
register("escalation_resolved", _lazy("Level %(level)s case resolved: %(resolution)s."))
register("escalation_reopened", _lazy("Level %(level)s case reopened: the payment was undone."))
register("escalation_open_again", _lazy("Level %(level)s case reopened."))
register("closing_undone", _lazy("Cancellation or write-off undone."))
register("escalation_acknowledged", _lazy("Level %(level)s case in progress."))
register(
    "opted_out",
    _lazy("%(address)s opted out of messages by %(medium)s."),
    _lazy("The debtor opted out of messages by %(medium)s."),
    _lazy("The debtor opted out of all messages."),
)
register(
    "opted_in",
    _lazy("The debtor consented to messages by %(medium)s."),
    _lazy("Messages to %(address)s are allowed again."),
    _lazy("Messages to the debtor are allowed again."),
)
register("contact_replaced", _lazy("The debtor's %(contact)s was replaced: %(old)s → %(new)s."))
register("debtor_merged", _lazy("Moved to debtor %(new)s, into which %(old)s was merged."))
register("merge_undone", _lazy("Moved back to debtor %(new)s: the merge was undone."))
register("moved", _lazy("Moved from the debtor %(old)s to %(new)s."))
register(
    "others_left",
    _lazy("Invoice %(number)s was moved to the debtor %(new)s."),
    _lazy("%(count)s invoices were moved to the debtor %(new)s."),
)
register(
    "others_arrived",
    _lazy("Invoice %(number)s was moved here from the debtor %(old)s."),
    _lazy("%(count)s invoices were moved here from the debtor %(old)s."),
)
register("never_chase", _lazy("The debtor is marked never chase: no reminders are sent."))
register("chased_again", _lazy("The debtor is no longer marked never chase: reminders continue."))
register(
    "debtor_policy",
    _lazy("The debtor's reminder policy was changed: %(policy)s."),
    _lazy("The debtor follows the account's default reminder policy."),
)
register(
    "dispute_opened",
    _lazy("%(amount)s is disputed: %(dispute_reason)s. The rest is still chased."),
    _lazy("%(amount)s is disputed. The rest is still chased."),
    _lazy("Reason for the dispute: %(dispute_reason)s."),
)
register(
    "dispute_revised",
    _lazy("The disputed amount is now %(amount)s."),
    _lazy("The whole balance is now disputed."),
)
register("dispute_resolved", _lazy("Dispute resolved: %(dispute_outcome)s."))
register("dispute_file", _lazy("File added to the dispute: %(file)s."))
register("answered", _lazy("The debtor replied."))
register("answer_handled", _lazy("The debtor's reply has been handled."))
register("document_attached", _lazy("Invoice document attached: %(file)s."))
register("document_replaced", _lazy("Invoice document replaced: %(file)s."))
register("document_confirmed", _lazy("Invoice document confirmed for the debtor: %(file)s."))
register("document_removed", _lazy("Invoice document removed: %(file)s."))
register("payment_reported", _lazy("%(provider)s reports a %(report)s of %(amount)s. It needs attention."))
