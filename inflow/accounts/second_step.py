"""Two-step login: codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

A code of the app can be used once, in its time step of 30 seconds or an adjacent one. The key is stored encrypted,
recovery codes as digests.
"""

import base64
import hashlib
import math
import re
import secrets
import time
from urllib.parse import quote, urlencode

import segno
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_otp.oath import TOTP

from inflow.accounts import encryption
from inflow.accounts.errors import InvalidCode
from inflow.accounts.models import Authenticator, User
from inflow.accounts.roles import Role

RECOVERY_CODES = 10
_STEP_S, _TOLERANCE = 30, 1
_MAX_FAILURES = 10  # after which the wait no longer doubles: 512 seconds
_PASSED = "second_step"


def is_required(user: User) -> bool:
    if user.is_superuser:
        return bool(settings.STAFF_TWO_STEPS)
    return bool(user.account and user.account.admins_use_two_steps and user.role == Role.ADMIN)


# --- Set-up ---


def new_key() -> str:
    """Return 160 random bits in base32, the format of authenticator apps."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def otpauth_url(user: User, key: str) -> str:
    """Return the URL that an authenticator app reads from the QR code."""
    query = urlencode({"secret": key, "issuer": "InFlow", "algorithm": "SHA1", "digits": 6, "period": _STEP_S})
    return f"otpauth://totp/{quote(f'InFlow:{user.email}')}?{query}"


def qr_code(text: str) -> SafeString:
    """Return a QR code as inline SVG."""
    svg: str = segno.make(text, error="m").svg_inline(omitsize=True, border=3, light="#fff", dark="#000")
    return mark_safe(svg)  # noqa: S308  (generated from numbers)


def enrol(user: User, key: str, code: str) -> list[str]:
    """Set up the second step and return the recovery codes. Raise `InvalidCode` if `code` is not valid for `key`."""
    step = _step_of(key, code, after=-1)
    if step is None:
        raise InvalidCode(_("This is not the code that the app shows now. Check the clock of your phone."))
    codes, digests = _recovery_codes()
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        Authenticator.objects.create(
            user=user, sealed_key=encryption.encrypt(key), last_step=step, recovery_digests=digests
        )
    return codes


def renew_codes(user: User) -> list[str]:
    """Replace the recovery codes and return the new ones."""
    codes, digests = _recovery_codes()
    Authenticator.objects.filter(user=user).update(recovery_digests=digests)
    return codes


def remove(user: User) -> bool:
    """Remove the second step. Return True if it was set up."""
    return bool(Authenticator.objects.filter(user=user).delete()[0])


def reencrypt(authenticator: Authenticator) -> None:
    """Encrypt the key again with the first of FIELD_KEYS."""
    with transaction.atomic():
        stored = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        stored.sealed_key = encryption.encrypt(encryption.decrypt(stored.sealed_key))
        stored.save(update_fields=["sealed_key"])


# --- Verification ---


def verify(user: User, code: str) -> str:
    """Use up a code and return its kind: "app", "recovery", or an empty string if no second step is set up.

    Raise `InvalidCode`. After each wrong code the user has to wait, for one second at first, then twice as long.
    """
    with transaction.atomic():
        device = Authenticator.objects.select_for_update().filter(user=user).first()
        if device is None:
            return ""
        is_allowed, throttling = device.verify_is_allowed()
        kind = _use(device, code) if is_allowed else ""
        if kind:
            device.throttle_reset(commit=False)
            device.set_last_used_timestamp(commit=False)
        elif is_allowed:
            device.throttle_increment(commit=False)
            device.throttling_failure_count = min(device.throttling_failure_count, _MAX_FAILURES)
        throttling_fields = ["throttling_failure_timestamp", "throttling_failure_count"]
        device.save(update_fields=[*throttling_fields, "last_used_at", "last_step", "recovery_digests"])
    if not is_allowed:
        wait = max(1, math.ceil((throttling["locked_until"] - timezone.now()).total_seconds()))
        message = ngettext("Wait %(wait)d second, then try again.", "Wait %(wait)d seconds, then try again.", wait)
        raise InvalidCode(message % {"wait": wait}, code="wait")
    if not kind:
        raise InvalidCode(_("This code is wrong or has already been used."))
    return kind


def has_passed(session: SessionBase) -> bool:
    return bool(session.get(_PASSED))


def mark_passed(session: SessionBase) -> None:
    session[_PASSED] = True


def _use(device: Authenticator, code: str) -> str:
    """Mark the code as used and return its kind, or return an empty string if it is wrong."""
    step = _step_of(encryption.decrypt(device.sealed_key), code, after=device.last_step)
    if step is not None:
        device.last_step = step
        return "app"
    digest = _digest(code)
    if digest in device.recovery_digests:
        device.recovery_digests.remove(digest)
        return "recovery"
    return ""


def _step_of(key: str, code: str, *, after: int) -> int | None:
    """Return the time step of the code, if it is later than `after`."""
    digits = re.sub(r"[\s-]", "", code)
    if not re.fullmatch(r"[0-9]{6}", digits):
        return None
    totp = TOTP(base64.b32decode(key), step=_STEP_S)
    totp.time = time.time()
    step: int | None = totp.t() if totp.verify(int(digits), _TOLERANCE, after + 1) else None
    return step


def _recovery_codes() -> tuple[list[str], list[str]]:
    """Return ten codes of 80 bits, in groups of four characters, and their digests."""
    raw = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _code in range(RECOVERY_CODES)]
    return ["-".join(re.findall("....", code)) for code in raw], [_digest(code) for code in raw]


def _digest(code: str) -> str:
    return hashlib.sha256(re.sub(r"[\s-]", "", code).lower().encode()).hexdigest()
