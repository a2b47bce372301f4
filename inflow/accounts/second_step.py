"""Logging in in two steps: the codes of an authenticator app (RFC 6238), and recovery codes for when it is lost.

A code of the app is good for its half minute and the ones beside it, and once. The key is sealed; of a recovery code
only the digest is kept.
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
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_otp.oath import TOTP

from inflow.accounts import encryption
from inflow.accounts.models import Authenticator, User
from inflow.accounts.roles import Role

RECOVERY_CODES = 10
_STEP_S, _TOLERANCE = 30, 1
_MAX_FAILURES = 10  # of which the wait grows: 512 seconds
_PASSED = "second_step"


class WrongCode(ValidationError):
    pass


def is_required(user: User) -> bool:
    if user.is_superuser:
        return bool(settings.STAFF_TWO_STEPS)
    return bool(user.account and user.account.admins_use_two_steps and user.role == Role.ADMIN)


# --- Setting up ---


def new_key() -> str:
    """160 random bits in base32, as authenticator apps read it."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def address(user: User, key: str) -> str:
    """Return the address that an authenticator app reads from the picture."""
    said = urlencode({"secret": key, "issuer": "InFlow", "algorithm": "SHA1", "digits": 6, "period": _STEP_S})
    return f"otpauth://totp/{quote(f'InFlow:{user.email}')}?{said}"


def picture(text: str) -> SafeString:
    """A QR code as SVG, without styles or addresses."""
    svg: str = segno.make(text, error="m").svg_inline(omitsize=True, border=3, light="#fff", dark="#000")
    return mark_safe(svg)  # noqa: S308  (digits of its own make)


def enrol(user: User, key: str, code: str) -> list[str]:
    """The recovery codes. Raises `WrongCode` where the app does not show this code for `key`."""
    step = _step_of(key, code, after=-1)
    if step is None:
        raise WrongCode(_("This is not the code that the app shows now. Is the clock of your phone right?"))
    codes, digests = _recovery_codes()
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        Authenticator.objects.create(
            user=user, sealed_key=encryption.encrypt(key), last_step=step, recovery_digests=digests
        )
    return codes


def renew_codes(user: User) -> list[str]:
    """New recovery codes; the old ones are worthless."""
    codes, digests = _recovery_codes()
    Authenticator.objects.filter(user=user).update(recovery_digests=digests)
    return codes


def remove(user: User) -> bool:
    """Remove the second step. Return True if there was one."""
    return bool(Authenticator.objects.filter(user=user).delete()[0])


def reseal(authenticator: Authenticator) -> None:
    """Encrypt its key anew, under the first of FIELD_KEYS."""
    with transaction.atomic():
        stored = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        stored.sealed_key = encryption.encrypt(encryption.decrypt(stored.sealed_key))
        stored.save(update_fields=["sealed_key"])


# --- Passing ---


def accept(user: User, code: str) -> str:
    """Use the code up: "app" or "recovery" says what it was. Raises `WrongCode`, after which the next try has to wait:
    a second, then twice as long each time."""
    with transaction.atomic():
        device = Authenticator.objects.select_for_update().filter(user=user).first()
        if device is None:
            return ""
        is_open, why = device.verify_is_allowed()
        way = _use(device, code) if is_open else ""
        if way:
            device.throttle_reset(commit=False)
            device.set_last_used_timestamp(commit=False)
        elif is_open:
            device.throttle_increment(commit=False)
            device.throttling_failure_count = min(device.throttling_failure_count, _MAX_FAILURES)
        device.save()
    if not is_open:
        wait = max(1, math.ceil((why["locked_until"] - timezone.now()).total_seconds()))
        sentence = ngettext("Wait %(wait)d second, then try again.", "Wait %(wait)d seconds, then try again.", wait)
        raise WrongCode(sentence % {"wait": wait}, code="wait")
    if not way:
        raise WrongCode(_("This code is wrong, or was used already."))
    return way


def passed(session: object) -> bool:
    return bool(session.get(_PASSED))  # type: ignore[attr-defined]


def note_passed(session: object) -> None:
    session[_PASSED] = True  # type: ignore[index]


def _use(device: Authenticator, code: str) -> str:
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
    """The half minute whose code it is, later than `after`."""
    digits = re.sub(r"[\s-]", "", code)
    if not re.fullmatch(r"[0-9]{6}", digits):
        return None
    totp = TOTP(base64.b32decode(key), step=_STEP_S)
    totp.time = time.time()
    step: int | None = totp.t() if totp.verify(int(digits), _TOLERANCE, after + 1) else None
    return step


def _recovery_codes() -> tuple[list[str], list[str]]:
    """Ten of 80 bits, in fours, and their digests."""
    raw = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _code in range(RECOVERY_CODES)]
    return ["-".join(re.findall("....", code)) for code in raw], [_digest(code) for code in raw]


def _digest(code: str) -> str:
    return hashlib.sha256(re.sub(r"[\s-]", "", code).lower().encode()).hexdigest()
