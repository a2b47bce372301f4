"""Limits of every page: the length of its address, the time of its queries, and the responses when they are exceeded.

The API has its own limits: `inflow.api.errors`.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog
from django.core.exceptions import BadRequest
from django.db import DatabaseError, DataError, InterfaceError, NotSupportedError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults

from inflow.api import errors

MAX_QUERY_BYTES = 8_000
# For all queries of one page together. PostgreSQL cancels a single query after 10 s (inflow/wsgi.py).
MAX_SECONDS = 9.0
SLOW_SECONDS = 1.0
RETRY_AFTER_S = 10

log = structlog.get_logger(__name__)


class BoundsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if len(query) > MAX_QUERY_BYTES or b"\0" in unquote_to_bytes(query) or "\0" in request.path_info:
            raise BadRequest("The address is too long or contains a NUL character.")
        with time_limit(MAX_SECONDS):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Respond with 400 to a value that is out of range for PostgreSQL or Python's dates, and with 503 if a query
        timed out."""
        if isinstance(error, OperationalError | InterfaceError | NotSupportedError):
            log.error("page_unavailable", error=type(error).__name__, path=request.path)
            return unavailable(request)
        if isinstance(error, DataError | OverflowError):
            log.warning("value_out_of_range", error=type(error).__name__, path=request.path, exc_info=True)
            if errors.is_api(request):
                return errors.respond(request, 400, "bad_request", "A value in this request is out of range.")
            return defaults.bad_request(request, error)
        return None


def unavailable(request: HttpRequest) -> HttpResponse:
    """Return a 503 response, without any query."""
    if errors.is_api(request):
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        return errors.respond(request, 503, "unavailable", "Try again in a few seconds.", headers=headers)
    response = render(request, "503.html", status=503)
    response["Retry-After"] = str(RETRY_AFTER_S)
    return response


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limit the total time of the queries in the block: a query beyond it raises OperationalError."""
    limit = _Limit(seconds)
    with connection.execute_wrapper(limit):
        try:
            yield
        finally:
            limit.lift()


class _Limit:
    """Set PostgreSQL's statement timeout to the time that is left, once a page is slow; other pages pay nothing.

    Only the time of queries counts: otherwise hashing a password on a busy machine could abort the log-in after the
    work is done and before a failure is counted."""

    def __init__(self, seconds: float) -> None:
        self._used, self._seconds = 0.0, seconds
        self._is_setting = self._is_set = False

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if self._used >= SLOW_SECONDS and not self._is_setting:
            if self._used >= self._seconds:
                raise OperationalError("This request has used up its time.")
            self._set(f"SET statement_timeout = {max(1, int((self._seconds - self._used) * 1_000))}")
            self._is_set = True
        begun = time.monotonic()
        try:
            return execute(sql, params, many, context)
        finally:
            self._used += time.monotonic() - begun

    def lift(self) -> None:
        if self._is_set:
            with contextlib.suppress(DatabaseError, InterfaceError):
                self._set("RESET statement_timeout")

    def _set(self, sql: str) -> None:
        self._is_setting = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
        finally:
            self._is_setting = False
