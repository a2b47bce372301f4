"""The id of each request: in the answer, in the logs and in every error. The API's way past what is for pages. And
whose request it is."""

import os
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware

from inflow.api.answers import Answer

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def request_id_of(environ: Mapping[str, Any]) -> str:
    """Return the client's `X-Request-Id` if it is a sane token, else a new one."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _SANE.fullmatch(given) else os.urandom(16).hex()


class RequestIdMiddleware:
    """`X-Request-Id`: the client's own if it is a sane token, else ours."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request.META)
        request.request_id = request_id  # type: ignore[attr-defined]
        # Until the next request of this thread: Django logs a refusal after the last middleware.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request_id
        return response


class ApiMiddleware:
    """Leads the API's requests past all the middleware that follows, which is for pages, in one step. What it would do
    for the API is done here: the host is looked at, and the answer gets its length and what Django gives to all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response, self._for_the_api = get_response, _past_all(get_response)
        self._tells_https: bool = settings.SECURE_HSTS_SECONDS > 0
        self._given = {is_secure: _given_to_all(is_secure=is_secure) for is_secure in (False, True)}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/zapier/"):
            return self.get_response(request)
        try:
            request.get_host()
        except DisallowedHost:
            return self.get_response(request)  # which says so
        response: HttpResponse = self._for_the_api(request)
        given = self._given[self._tells_https and request.is_secure()]
        if isinstance(response, Answer):
            response.headers.add(given)
        else:
            for name, value in given.values():
                response.headers.setdefault(name, value)
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


def _given_to_all(*, is_secure: bool) -> dict[str, tuple[str, str]]:
    """By Django's own word."""
    asked: Any = SimpleNamespace(is_secure=lambda: is_secure)
    told = SecurityMiddleware(lambda request: HttpResponse()).process_response(asked, HttpResponse())
    return {name.lower(): (name, value) for name, value in told.headers.items() if name != "Content-Type"}


def _past_all(get_response: Any) -> Any:
    """What answers where no middleware is left."""
    while hasattr(middleware := getattr(get_response, "__wrapped__", None), "get_response"):
        get_response = middleware.get_response  # type: ignore[union-attr]
    return get_response


def client_address(request: HttpRequest) -> str:
    """The peer's address; behind `TRUSTED_PROXIES`, the last one in X-Forwarded-For that is no proxy of ours."""
    address: str = request.META.get("REMOTE_ADDR", "")
    if address in settings.TRUSTED_PROXIES:
        for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
            if hop.strip() and hop.strip() not in settings.TRUSTED_PROXIES:
                return hop.strip()
    return address
