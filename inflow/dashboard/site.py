from typing import Any

from django.contrib import messages
from django.core.paginator import InvalidPage
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from communications.schedule import standstill
from inflow.accounts.access import person
from inflow.accounts.models import User
from inflow.dashboard.core import suspension
from inflow.dashboard.core.errors import TooManyExports
from inflow.restores import highwater


class Site(UnfoldAdminSite):  # type: ignore[misc]
    empty_value_display = "–"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the bars above each page: stopped messages, a suspended account, and for platform staff the hold after a
        restore."""
        user = request.user
        bars = SimpleLazyObject(lambda: standstill.banners(user) if isinstance(user, User) else [])
        held = highwater.held() if user.is_superuser else None
        suspended = isinstance(user, User) and suspension.is_suspended(user)
        return {**super().each_context(request), "standstill": bars, "held": held, "suspended": suspended}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """Leave out the list of all models, which the sidebar of navigation.py replaces on each page."""
        return super().get_app_list(request, app_label) if app_label else []

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Leave out Django's redirect from a row to its public address: our rows have none."""
        return [each for each in super().get_urls() if getattr(each, "name", "") != "view_on_site"]

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        try:
            response: HttpResponse = super().search(request, extra_context)
        except (InvalidPage, ValueError) as error:  # unfold does not validate the page number
            raise Http404 from error
        return response

    def export_later(self, request: HttpRequest, model: type[Model], form: str) -> HttpResponse:
        """Start the export of a list that is too long for a request."""
        from inflow.dashboard.core import long_exports  # it loads the pages

        try:
            export = long_exports.start(person(request), model, form, request.GET.urlencode())
        except TooManyExports:
            messages.error(request, _("Wait until your other exports are finished."))
            return HttpResponseRedirect(reverse("exports"))
        long_exports.offer(export)
        return HttpResponseRedirect(reverse("export", args=[export.pk]))
