"""Authentication of the API by the key in `X-InFlow-Key`."""

from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from django.http.request import HttpHeaders
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from inflow.accounts import keys
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account, ApiKey
from inflow.api import throttling
from inflow.api.errors import Problem

HEADER = "X-InFlow-Key"
_HEADER = HttpHeaders.to_wsgi_name(HEADER)


class KeyAuthentication(BaseAuthentication):
    """One identical 401 for a key that is missing, malformed, unknown, revoked or expired."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey]:
        if settings.HTTPS and not request.is_secure():
            throttling.refuse_flood(request)
            raise Problem(403, "https_required", "Use https: a key that is sent in clear should be revoked.")
        key = keys.find(request.META.get(_HEADER, ""))
        if key is None:
            throttling.refuse_flood(request)
            raise Problem(
                401,
                "invalid_key",
                f"A valid API key is needed in the {HEADER} header.",
                headers={"WWW-Authenticate": self.authenticate_header(request)},
            )
        return None, key

    def authenticate_header(self, request: Any) -> str:
        return 'InFlow-Key realm="api"'


def count(request: HttpRequest) -> throttling.Usage | None:
    """Count a request outside the viewsets: for the account of its key, or else for the client's address.

    Raise a 429 past the limit.
    """
    try:
        key = keys.find(request.META.get(_HEADER, ""))
    except (OperationalError, InterfaceError):
        key = None
    if key is None:
        throttling.refuse_flood(request)
        return None
    usage = throttling.count(key.account)
    if usage and usage.is_refused:
        raise throttling.refusal(usage)
    return usage


def account_of(request: Request) -> Account:
    return key_of(request).account


def key_of(request: Request) -> ApiKey:
    auth: Any = request.auth
    key: ApiKey = auth
    return key


def actor_of(request: Request) -> Actor:
    return Actor(str(key_of(request)), Channel.API)
