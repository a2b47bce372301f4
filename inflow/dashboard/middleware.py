"""Middleware of the dashboard. `ApiMiddleware` keeps it away from requests to the API."""

from collections.abc import Callable
from typing import ClassVar

from csp import middleware as csp
from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from inflow import masking
from inflow.accounts.models import User
from inflow.accounts.roles import Role


class LocaleMiddleware:
    """Shows the dashboard in the person's language and in the time zone of their account.

    The language is the person's choice, or else the browser's. Platform staff without an account see UTC. Other pages
    are English, or choose their own language, as the debtor's page does.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        user = request.user
        chosen = user.language if isinstance(user, User) else ""
        language = chosen or translation.get_language_from_request(request)
        zone = user.account.zone if isinstance(user, User) and user.account else None
        request.LANGUAGE_CODE = language
        with translation.override(language), timezone.override(zone):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


class ContentPolicyMiddleware(csp.CSPMiddleware):
    """Sets the Content-Security-Policy of pages that have none of their own. unfold evaluates attributes and sets
    styles."""

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


class LinkMaskMiddleware:
    """Masks the links to debtors' pages for viewers: anybody who has such a link can act as the debtor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_text = not response.streaming and response.get("Content-Type", "").startswith("text/")
        if not is_text or not request.path.startswith("/admin/"):
            return response
        if isinstance(request.user, User) and not request.user.may(Role.AGENT):
            response.content = masking.mask_body(response.content)
        return response
