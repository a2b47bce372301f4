"""Suspended accounts: their people can read everything and change only their own log-in."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from inflow.accounts.models import User
from inflow.dashboard.core import refusals

_READING = ("GET", "HEAD", "OPTIONS")
# Logging in and out, the language, the person's own password, second step and sessions, and joining another account.
_OWN = (
    *("/admin/login/", "/admin/logout/", "/admin/language/", "/admin/security/"),
    *("/admin/password_change/", "/admin/password_reset/", "/admin/reset/", "/admin/invitation/"),
)


class SuspensionMiddleware:
    """Comes last, so that its response passes all other middleware and has every header of a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        changes = path.startswith("/admin/") and request.method not in _READING and not path.startswith(_OWN)
        if changes and isinstance(request.user, User) and is_suspended(request.user):
            return refusals.suspended(request)
        return self.get_response(request)


def is_suspended(user: User) -> bool:
    """Tell whether the person may only read. Platform staff may also work in a suspended account."""
    return not user.is_superuser and user.account is not None and user.account.suspended_at is not None
