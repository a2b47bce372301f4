"""Language of the dashboard: the person's choice, stored with them and in their browser for the log-in."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inflow.accounts.models import Language, User

_YEAR_S = 365 * 24 * 3600


def choices(request: HttpRequest) -> list[dict[str, Any]]:
    """For unfold's menu: each language by its own name, and the browser's."""
    names = [{"code": code, "name_local": name} for code, name in settings.LANGUAGES]
    return [*names, {"code": "", "name_local": _("As the browser says")}]


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Keep the choice; an empty one follows the browser again."""
    language = request.POST.get("language", "")
    came_from = request.POST.get("next") or request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(came_from if is_ours else reverse("admin:index"))
    if language not in ("", *Language.values):
        return response
    if isinstance(request.user, User):
        User.objects.filter(pk=request.user.pk).update(language=language)
    if language:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=_YEAR_S,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    else:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
    return response
