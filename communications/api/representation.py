"""JSON representation of communications in the API and in webhooks."""

from collections.abc import Mapping
from typing import Any

from communications.engine.forecast import Entry
from communications.models import Communication

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
_NULL_WHEN_EMPTY = ("suppressed_reason", "recipient", "subject", "body", "error")


def of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a row of `COLUMNS`."""
    data = {name.removeprefix("invoice__"): value for name, value in row.items()}
    for name in _NULL_WHEN_EMPTY:
        data[name] = data[name] or None
    return data


def of_communication(communication: Communication) -> dict[str, Any]:
    row = {name: getattr(communication, name) for name in COLUMNS if "__" not in name}
    return of_row({name: row.get(name, communication.invoice.invoice_number) for name in COLUMNS})


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
