"""Signatures of payment reports: a timestamp and HMAC-SHA256 over `timestamp.body`, in Stripe's form.

    Stripe-Signature: t=1767225600,v1=<64 hex digits>

Other systems send the same value in `X-InFlow-Signature`.
"""

import hashlib
import hmac
import time

from invoices.models import HookKind

HEADERS = {HookKind.STRIPE: "Stripe-Signature", HookKind.HMAC: "X-InFlow-Signature"}
CHALLENGE = 'InFlow-Signature realm="payments"'  # the same for every hook, also for an unknown address
TOLERANCE_S = 300
_MAX_HEADER = 2_000


def is_signed(header: str, body: bytes, secret: str, *, now: float | None = None) -> bool:
    """Return True if one of the header's signatures is valid and not older or newer than the tolerance."""
    pairs = [part.strip().partition("=") for part in header[:_MAX_HEADER].split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) <= 12):
        return False
    if abs((time.time() if now is None else now) - int(times[0])) > TOLERANCE_S:
        return False
    expected = sign(times[0], body, secret)
    given = [value.encode() for name, _, value in pairs if name == "v1"]
    return any(hmac.compare_digest(expected.encode(), value) for value in given)


def sign(timestamp: str, body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
