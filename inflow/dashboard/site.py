from typing import Any

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite

from inflow.restores import highwater


class Site(UnfoldAdminSite):  # type: ignore[misc]
    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """Django makes the list of all models for each page, where the sidebar of navigation.py stands instead."""
        return super().get_app_list(request, app_label) if app_label else []

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Platform staff see on every page that messages and webhooks are held after a restore."""
        held = highwater.held() if request.user.is_superuser else None
        return {**super().each_context(request), "held": held}
