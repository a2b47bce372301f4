"""The dashboard tells times on the wall clock of the person's account; platform staff without one see UTC."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from inflow.accounts.models import User


class LocalTimeMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        user = request.user
        zone = user.account.zone if isinstance(user, User) and user.account else None
        with timezone.override(zone):
            return self.get_response(request)
