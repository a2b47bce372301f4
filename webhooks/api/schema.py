"""OpenAPI descriptions of the events."""

from typing import Any

from webhooks.models import ANY_EVENT, TEST_EVENT, EventType
from webhooks.outbox import API_VERSION

_INVOICE = {"$ref": "#/components/schemas/Invoice"}
_INVOICE_IF_ANY = {
    "anyOf": [_INVOICE, {"type": "null"}],
    "description": "The invoice that it was recorded on, else the oldest of its invoices; null if it pays none.",
}
_STATUS = {"$ref": "#/components/schemas/InvoiceStatus"}
_PAYMENT_STATUS = {"$ref": "#/components/schemas/PaymentStatus"}


def _with(base: str, **properties: Any) -> dict[str, Any]:
    more = {"type": "object", "properties": properties, "required": list(properties)}
    return {"allOf": [{"$ref": f"#/components/schemas/{base}"}, more]}


_DATA: dict[str, dict[str, Any]] = {
    EventType.INVOICE_CREATED: _INVOICE,
    EventType.INVOICE_AMENDED: _with(
        "Invoice",
        changes={
            "type": "object",
            "description": "The changed fields, each with its value before and after.",
            "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2},
        },
    ),
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
    EventType.DISPUTE_OPENED: _with("Dispute", invoice=_INVOICE),
    EventType.DISPUTE_RESOLVED: _with("Dispute", invoice=_INVOICE),
    EventType.PAYMENT_RECORDED: _with(
        "Payment",
        currency={"type": "string"},
        debtor_id={"type": "string", "format": "uuid", "description": "The debtor who paid."},
        allocations={
            "type": "array",
            "items": {"$ref": "#/components/schemas/Allocation"},
            "description": "All invoices that the payment pays now. Empty for a void or a reversal.",
        },
        invoice=_INVOICE_IF_ANY,
    ),
    EventType.PAYMENT_REVERSED: _with("Receipt", how={"enum": ["void", "reverse"]}, invoice=_INVOICE_IF_ANY),
    EventType.COMMUNICATION_SENT: {"$ref": "#/components/schemas/Communication"},
    EventType.COMMUNICATION_FAILED: {"$ref": "#/components/schemas/Communication"},
    TEST_EVENT: {
        "type": "object",
        "properties": {
            "webhook": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "target_url": {"type": "string"},
                    "events": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}


def describe_events(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the `webhooks` section with one entry for each type of event. It is a drf-spectacular hook."""
    result["webhooks"] = {type: {"post": _operation(type, str(label), _DATA[type])} for type, label in ANY_EVENT}
    return result


def _operation(type: str, label: str, data: dict[str, Any]) -> dict[str, Any]:
    envelope = {
        "type": "object",
        "required": ["id", "type", "timestamp", "api_version", "data"],
        "properties": {
            "id": {"type": "string", "pattern": "^evt_[0-9a-f]{32}$"},
            "type": {"const": type},
            "timestamp": {"type": "string", "format": "date-time"},
            "api_version": {"const": API_VERSION},
            "data": data,
        },
    }
    headers = {
        "webhook-id": "The event's id, the same for each attempt.",
        "webhook-timestamp": "Unix time of this attempt, in seconds.",
        "webhook-signature": "Standard Webhooks 1.0: `v1,` and the base64 HMAC-SHA256 of id.timestamp.body.",
    }
    return {
        "summary": label,
        "operationId": f"on_{type.replace('.', '_')}",
        "parameters": [
            {"in": "header", "name": name, "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": envelope}}},
        "responses": {"2XX": {"description": "Received. For any other status, the delivery is retried."}},
        "security": [],
    }
