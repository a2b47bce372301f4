"""The dashboard's middleware: sessions, log-in, messages. The API has no use for them, and does not pay for them.

The dashboard tells times on the wall clock of the person's account; platform staff without one see UTC.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from csp import middleware as csp
from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware import clickjacking, csrf
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from whitenoise import middleware as whitenoise

from inflow.accounts.models import User


def past_pages(get_response: Any) -> Any:
    """What follows after all the middleware in a row that the API has no use for."""
    return getattr(getattr(get_response, "__wrapped__", None), "for_the_api", get_response)


class _NotForTheApi:
    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)  # type: ignore[call-arg]
        self.for_the_api = past_pages(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_api = request.path_info.startswith("/api/zapier/")
        response: HttpResponse = self.for_the_api(request) if is_api else super().__call__(request)  # type: ignore[misc]
        return response


class StaticFilesMiddleware(_NotForTheApi, whitenoise.WhiteNoiseMiddleware):
    pass


class SessionMiddleware(_NotForTheApi, sessions.SessionMiddleware):
    pass


class CsrfViewMiddleware(_NotForTheApi, csrf.CsrfViewMiddleware):
    pass


class AuthenticationMiddleware(_NotForTheApi, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(_NotForTheApi, messages.MessageMiddleware):
    pass


class XFrameOptionsMiddleware(_NotForTheApi, clickjacking.XFrameOptionsMiddleware):
    pass


class LanguageMiddleware:
    """The dashboard speaks the person's language: the one they chose, else the browser's. All else stays English, or
    chooses for itself, as the debtor's page does."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response, self.for_the_api = get_response, past_pages(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        user = request.user
        chosen = user.language if isinstance(user, User) else ""
        language = chosen or translation.get_language_from_request(request)
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


class ContentPolicyMiddleware(_NotForTheApi, csp.CSPMiddleware):
    """The Content-Security-Policy of pages that have none of their own. unfold evaluates attributes and sets styles."""

    loosened: ClassVar[dict[str, list[str]]] = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = response.get("Content-Type", "").startswith("text/html")
        return super().process_response(request, response) if is_page else response

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> csp.PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith("/admin/") and not report_only:
            parts.update = self.loosened
        return parts


class LocalTimeMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response, self.for_the_api = get_response, past_pages(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        user = request.user
        zone = user.account.zone if isinstance(user, User) and user.account else None
        with timezone.override(zone):
            return self.get_response(request)
