"""Signatures of Standard Webhooks 1.0: https://www.standardwebhooks.com."""

import base64
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(secret: str, event_id: str, timestamp: int, body: bytes, also: Iterable[str] = ()) -> dict[str, str]:
    """Return the headers that sign `body`, the exact bytes of the request, with `secret` and each of `also`.

    `timestamp` is the Unix time of the attempt in seconds.
    """
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(each, event_id, timestamp, body) for each in (secret, *also)),
    }


def sign(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
