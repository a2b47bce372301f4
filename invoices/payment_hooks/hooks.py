"""Payment hooks: the addresses at which providers report payments, and the secrets that sign the reports."""

import secrets

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from inflow.accounts.encryption import decrypt, encrypt
from inflow.accounts.models import Account
from invoices.errors import Refused
from invoices.models import HookKind, PaymentHook

MIN_SECRET, MAX_SECRET = 20, 200


def create(account: Account, kind: HookKind) -> tuple[PaymentHook, str]:
    """Create a hook. Return it with its new secret, or without one for Stripe, which makes the secret itself."""
    secret = _new_secret() if kind == HookKind.HMAC else ""
    sealed = encrypt(secret) if secret else ""
    return PaymentHook.objects.create(account=account, kind=kind, sealed_secret=sealed), secret


def rotate(hook: PaymentHook, secret: str = "") -> str:
    """Replace the secret by a new one, or by the given one that Stripe made. Return it. Reports that are signed with
    the old one are refused from now on. Raise `Refused` if the given one can't be Stripe's."""
    if hook.kind == HookKind.STRIPE:
        _check(secret)
    else:
        secret = _new_secret()
    hook.sealed_secret = encrypt(secret)
    hook.save(update_fields=["sealed_secret"])
    return secret


def secret_of(hook: PaymentHook) -> str:
    """Return the secret, or an empty string if there is none yet."""
    return decrypt(hook.sealed_secret) if hook.sealed_secret else ""


def reencrypt(hook: PaymentHook) -> None:
    """Encrypt the secret again with the first of FIELD_KEYS."""
    if hook.sealed_secret:
        hook.sealed_secret = encrypt(decrypt(hook.sealed_secret))
        hook.save(update_fields=["sealed_secret"])


def address(hook: PaymentHook) -> str:
    """Return the URL to which the provider sends its reports."""
    return settings.BASE_URL + reverse("payment-hook", args=[hook.token])


def _new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"


def _check(secret: str) -> None:
    is_plain = secret.isascii() and secret.isprintable() and " " not in secret
    if not is_plain or not MIN_SECRET <= len(secret) <= MAX_SECRET:
        raise Refused("secret", "invalid", _("Enter the signing secret that Stripe shows for the endpoint (whsec_…)."))
