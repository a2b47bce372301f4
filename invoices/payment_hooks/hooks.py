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


def create(account: Account, kind: HookKind, secret: str = "") -> tuple[PaymentHook, str]:
    """Create a hook. Return it with its secret: the one that Stripe shows, or a new one for other systems."""
    secret = _secret(kind, secret)
    return PaymentHook.objects.create(account=account, kind=kind, sealed_secret=encrypt(secret)), secret


def rotate(hook: PaymentHook, secret: str = "") -> str:
    """Replace the secret and return the new one. Reports that are signed with the old one are refused from now on."""
    secret = _secret(HookKind(hook.kind), secret)
    hook.sealed_secret = encrypt(secret)
    hook.save(update_fields=["sealed_secret"])
    return secret


def secret_of(hook: PaymentHook) -> str:
    return decrypt(hook.sealed_secret)


def address(hook: PaymentHook) -> str:
    """Return the URL to which the provider sends its reports."""
    return settings.BASE_URL + reverse("payment-hook", args=[hook.token])


def _secret(kind: HookKind, given: str) -> str:
    if kind == HookKind.HMAC:
        return f"whsec_{secrets.token_urlsafe(32)}"
    if not (MIN_SECRET <= len(given) <= MAX_SECRET and given.isascii() and given.isprintable() and " " not in given):
        raise Refused("secret", "invalid", _("Enter the signing secret that Stripe shows for the endpoint (whsec_…)."))
    return given
