"""Standard Webhooks 1.0: https://www.standardwebhooks.com."""

import base64
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(secret: str, event_id: str, timestamp: int, body: bytes, also: Iterable[str] = ()) -> dict[str, str]:
    """`timestamp` is in Unix seconds; `body` are the exact bytes that are sent. Each secret of `also` signs too."""
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(each, event_id, timestamp, body) for each in (secret, *also)),
    }


def sign(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
