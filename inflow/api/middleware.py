"""The id of each request, in the response, the logs and every error; the API's way past the middleware of pages."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.core.exceptions import DisallowedHost
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import resolve

from inflow import masking, proxies
from inflow.api import errors
from inflow.sql import close_dead_connection

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def request_id_of(environ: Mapping[str, Any]) -> str:
    """Return the client's `X-Request-Id` if it is a sane token and no API key, else a new one."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _SANE.fullmatch(given) and not masking.holds_key(given) else os.urandom(16).hex()


class RequestIdMiddleware:
    """`X-Request-Id`: the client's own if it is a sane token and no API key, else ours.

    No cache keeps a response of the API: shared caches protect `Authorization`, and not a header of our own. This is
    the first middleware: what an untrusted peer says of the client is forgotten here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        proxies.drop_untrusted_headers(request.META)
        request_id = request_id_of(request.META)
        request.request_id = request_id  # type: ignore[attr-defined]
        # Until the next request of this thread: Django logs a refusal after the last middleware.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request_id
        if errors.is_api(request):
            response.headers["Cache-Control"] = "no-store"
            if not response.streaming:
                response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


class ApiMiddleware:
    """Call the API's view without the middleware after this one, which is for pages.

    The views handle their errors (`inflow.api.errors`). Any other error becomes a 500.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/zapier/"):
            return self.get_response(request)
        try:
            request.get_host()
        except DisallowedHost:
            return self.get_response(request)  # which says so
        request.resolver_match = resolve(request.path_info)
        view, args, kwargs = request.resolver_match
        response: HttpResponse = view(request, *args, **kwargs)
        return response


class ConnectionMiddleware:
    """Replace a connection that PostgreSQL ended since the last page. The API does so with its first query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not connection.in_atomic_block:
            close_dead_connection()
        return self.get_response(request)
