"""What subscribers receive, in the description of the API."""

from typing import Any

from webhooks.models import EventType
from webhooks.outbox import API_VERSION

_INVOICE = {"$ref": "#/components/schemas/Invoice"}
_STATUS = {"$ref": "#/components/schemas/InvoiceStatus"}
_PAYMENT_STATUS = {"$ref": "#/components/schemas/PaymentStatus"}


def _with(base: str, **properties: Any) -> dict[str, Any]:
    more = {"type": "object", "properties": properties, "required": list(properties)}
    return {"allOf": [{"$ref": f"#/components/schemas/{base}"}, more]}


_DATA: dict[str, dict[str, Any]] = {
    EventType.INVOICE_CREATED: _INVOICE,
    EventType.INVOICE_STATUS_CHANGED: _with(
        "Invoice", previous_status=_STATUS, previous_payment_status=_PAYMENT_STATUS
    ),
    EventType.ESCALATION_CREATED: _with("Escalation", invoice=_INVOICE),
    EventType.PROMISE_BROKEN: {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "invoice_id": {"type": "string", "format": "uuid"},
            "invoice_number": {"type": "string"},
            "promised_on": {"type": "string", "format": "date"},
            "amount": {"type": "number"},
            "hold_until": {"type": "string", "format": "date", "description": "The last day of grace."},
            "status": {"const": "broken"},
            "created_at": {"type": "string", "format": "date-time"},
            "invoice": _INVOICE,
        },
    },
    EventType.PAYMENT_RECORDED: _with("Payment", invoice=_INVOICE),
    EventType.COMMUNICATION_SENT: {"$ref": "#/components/schemas/Communication"},
    EventType.COMMUNICATION_FAILED: {"$ref": "#/components/schemas/Communication"},
}


def describe_events(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A hook: the `webhooks` section, one entry for each event that is sent today."""
    result["webhooks"] = {type.value: {"post": _operation(type, data)} for type, data in _typed()}
    return result


def _typed() -> list[tuple[EventType, dict[str, Any]]]:
    return [(type, _DATA[type]) for type in EventType if type in _DATA]


def _operation(type: EventType, data: dict[str, Any]) -> dict[str, Any]:
    envelope = {
        "type": "object",
        "required": ["id", "type", "timestamp", "api_version", "data"],
        "properties": {
            "id": {"type": "string", "pattern": "^evt_[0-9a-f]{32}$"},
            "type": {"const": type.value},
            "timestamp": {"type": "string", "format": "date-time"},
            "api_version": {"const": API_VERSION},
            "data": data,
        },
    }
    headers = {
        "webhook-id": "The event's id, the same on each try.",
        "webhook-timestamp": "Unix seconds of this try.",
        "webhook-signature": "Standard Webhooks 1.0: `v1,` and the base64 HMAC-SHA256 of id.timestamp.body.",
    }
    return {
        "summary": type.label,
        "operationId": f"on_{type.value.replace('.', '_')}",
        "parameters": [
            {"in": "header", "name": name, "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": envelope}}},
        "responses": {"2XX": {"description": "Received. Anything else is tried again."}},
        "security": [],
    }
