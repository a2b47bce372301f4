"""Checks between the password and the dashboard: the second step, and the age of the session."""

import datetime as dt
from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from inflow.accounts import second_step, sessions
from inflow.accounts.models import User

# Open without the second step: logging in and out, setting the step up, translations for the admin's scripts, and the
# pages that links in emails open.
OPEN = (
    *("/admin/login/", "/admin/logout/", "/admin/security/two-steps/set-up/", "/admin/jsi18n/"),
    *("/admin/password_reset/", "/admin/reset/", "/admin/invitation/"),
)


class EntranceMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/admin/") or not isinstance(request.user, User):
            return self.get_response(request)
        if sessions.age(request.session) > dt.timedelta(days=settings.SESSION_DAYS):
            logout(request)
            return self.get_response(request)
        sessions.touch(request.session)
        if (page := missing_step(request)) and not request.path_info.startswith(OPEN):
            return HttpResponseRedirect(f"{page}?{urlencode({'next': request.get_full_path()})}")
        return self.get_response(request)


def missing_step(request: HttpRequest) -> str:
    """Return the address of the page that completes the log-in, or an empty string if it is complete."""
    user = request.user
    assert isinstance(user, User)
    if second_step.has_passed(request.session):
        return ""
    if user.has_second_step:
        return reverse("second-step")
    return reverse("set-up-two-steps") if second_step.is_required(user) else ""
