"""JSON representation of communications in the API and in webhooks."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject

from communications.engine.forecast import Entry
from communications.models import Communication, Copy
from invoices.models import AccountQuerySet

COLUMNS = (
    "id",
    "message_id",
    "invoice_id",
    "invoice__invoice_number",
    "kind",
    "channel",
    "status",
    "suppressed_reason",
    "recipient",
    "language",
    "subject",
    "body",
    "step",
    "scheduled_for",
    "sent_at",
    "delivered_at",
    "created_at",
    "error",
)
_OF_COPY = ("recipient", "status", "sent_at", "delivered_at", "error")
_NULL_WHEN_EMPTY = ("suppressed_reason", "recipient", "subject", "body", "error")


def rows(communications: AccountQuerySet) -> "QuerySet[Communication, dict[str, Any]]":
    """Return the columns that `of_row` needs, with the copies of each message, in one statement."""
    copies = Copy.objects.filter(message_id=OuterRef("message_id")).order_by("position")
    parts = JSONObject(**{name: name for name in _OF_COPY})
    return communications.values(*COLUMNS, copies=ArraySubquery(copies.values(part=parts)))


def of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of one of `rows`. A message with a single recipient is its only copy."""
    data = {name.removeprefix("invoice__"): value for name, value in row.items()}
    for name in _NULL_WHEN_EMPTY:
        data[name] = data[name] or None
    copies = [_of_copy(copy) for copy in data.pop("copies", ())]
    if not copies and data["sent_at"]:
        copies = [{name: data[name] for name in _OF_COPY}]
    return data | {"copies": copies}


def _of_copy(copy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a copy. PostgreSQL's JSON holds times as text, and the names in another order."""
    data = {name: copy[name] for name in _OF_COPY}
    for name in ("sent_at", "delivered_at"):
        if isinstance(data[name], str):
            data[name] = dt.datetime.fromisoformat(data[name])
    return data | {"error": data["error"] or None}


def of_communication(communication: Communication) -> dict[str, Any]:
    row = {name: getattr(communication, name) for name in COLUMNS if "__" not in name}
    copies = Copy.objects.filter(message_id=communication.message_id).order_by("position").values(*_OF_COPY)
    number = communication.invoice.invoice_number
    return of_row(
        {name: row.get(name, number) for name in COLUMNS} | {"copies": copies if communication.has_copies else ()}
    )


def of_entry(entry: Entry) -> dict[str, Any]:
    return {
        "invoice_id": entry.invoice_id,
        "invoice_number": entry.invoice_number,
        "scheduled_for": entry.scheduled_for,
        "channel": entry.channel or None,
        "step": entry.step,
        "kind": entry.kind,
        "recipient": entry.recipient or None,
        "suppressed_reason": entry.reason or None,
    }
