"""An account's gateways for SMS and WhatsApp: their configuration, credentials and signatures."""

import base64
import hmac
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from communications.models import Gateway
from inflow.accounts.encryption import decrypt, encrypt
from inflow.accounts.models import Account
from inflow.egress import targets
from inflow.egress.errors import ForbiddenTarget

_CACHE = "_gateways"
_SENDER = re.compile(r"\+[1-9]\d{6,14}|MG[0-9A-Za-z]{10,62}|[0-9A-Za-z][0-9A-Za-z &_+-]{0,10}")
_SID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def of(account: Account) -> Mapping[str, Gateway]:
    """Return the account's active gateways by channel. They are cached on the `Account` instance."""
    cached: dict[str, Gateway] | None = vars(account).get(_CACHE)
    if cached is None:
        cached = {gateway.channel: gateway for gateway in Gateway.objects.filter(account=account, is_active=True)}
        vars(account)[_CACHE] = cached
    return cached


def forget(account: Account) -> None:
    """Clear the cache on the `Account` instance."""
    vars(account).pop(_CACHE, None)


def is_captured(account: Account, gateway: Gateway) -> bool:
    """Return True if messages of this account are recorded but not transmitted.

    Messages of test accounts are captured. Under `make run`, an account without a clock of its own uses the local
    gateway instead. An account with its own clock does not: moving the clock is an HTTP request to the same server.
    """
    is_local = settings.TRY_OUT and account.clock is None and targets.is_loopback(gateway.base_url)
    return account.is_test and not is_local


def set_token(gateway: Gateway, token: str) -> None:
    gateway.sealed_auth_token = encrypt(token)


def token_of(gateway: Gateway) -> str:
    return decrypt(gateway.sealed_auth_token)


def reencrypt(gateway: Gateway) -> None:
    """Encrypt the token again with the first of FIELD_KEYS."""
    with transaction.atomic():
        stored = Gateway.objects.select_for_update(no_key=True).get(pk=gateway.pk)
        set_token(stored, token_of(stored))
        stored.save(update_fields=["sealed_auth_token"])


def check_base_url(url: str) -> None:
    """Raise `ForbiddenTarget` unless the URL is https to a public host, or loopback under `make run`."""
    targets.check_https(url)
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ForbiddenTarget(_("A base URL must not contain ? or #."))


def is_sender(text: str) -> bool:
    return _SENDER.fullmatch(text) is not None


def is_service(sender: str) -> bool:
    """Return True if the sender is the id of a messaging service. Sender names have at most 11 characters."""
    return sender.startswith("MG") and len(sender) > 11


def template_of(gateway: Gateway, kind: str, language: str) -> str:
    """Return the provider's id of the approved WhatsApp template, or an empty string."""
    sid: str = gateway.content_sids.get(f"{kind}.{language}", "")
    return sid


def is_sid(text: str) -> bool:
    """Return True if the text has the form of a provider's id. Such ids are stored and become part of URLs."""
    return _SID.fullmatch(text) is not None


def hook_url(gateway: Gateway, name: str) -> str:
    """Return the URL of a gateway's webhook. `name` is `status` or `inbound`."""
    return f"{settings.BASE_URL}/hooks/messages/{gateway.pk}/{name}"


def sign(token: str, url: str, fields: Iterable[tuple[str, Iterable[str]]]) -> str:
    """Return the value of X-Twilio-Signature: HMAC-SHA1 of the URL and the fields, sorted by name."""
    text = url + "".join(name + value for name, values in sorted(fields) for value in sorted(set(values)))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()


def is_signed(gateway: Gateway, signature: str, url: str, fields: Iterable[tuple[str, Iterable[str]]]) -> bool:
    return hmac.compare_digest(sign(token_of(gateway), url, fields).encode(), signature.encode())
