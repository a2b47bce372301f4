from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite

from communications import standstill
from inflow.accounts.models import User
from inflow.dashboard import suspension
from inflow.restores import highwater


class Site(UnfoldAdminSite):  # type: ignore[misc]
    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Every page says so while messages are stopped or the account is suspended; platform staff see that messages
        and webhooks are held after a restore."""
        user = request.user
        bars = SimpleLazyObject(lambda: standstill.bars(user) if isinstance(user, User) else [])
        held = highwater.held() if user.is_superuser else None
        suspended = isinstance(user, User) and suspension.is_suspended(user)
        return {**super().each_context(request), "standstill": bars, "held": held, "suspended": suspended}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """Django makes the list of all models for each page, where the sidebar of navigation.py stands instead."""
        return super().get_app_list(request, app_label) if app_label else []
