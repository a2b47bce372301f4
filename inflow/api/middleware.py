"""The id of each request: in the answer, in the logs and in every error. And whose request it is."""

import re
import secrets
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestIdMiddleware:
    """`X-Request-Id`: the client's own if it is a sane token, else ours."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _SANE.fullmatch(given) else secrets.token_hex(16)
        request.request_id = request_id  # type: ignore[attr-defined]
        # Until the next request of this thread: Django logs a refusal after the last middleware.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request_id
        return response


def client_address(request: HttpRequest) -> str:
    """The peer's address; behind `TRUSTED_PROXIES`, the last one in X-Forwarded-For that is no proxy of ours."""
    address: str = request.META.get("REMOTE_ADDR", "")
    if address in settings.TRUSTED_PROXIES:
        for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
            if hop.strip() and hop.strip() not in settings.TRUSTED_PROXIES:
                return hop.strip()
    return address
