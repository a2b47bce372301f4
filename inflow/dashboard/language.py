"""Language of the dashboard: the person's choice, stored in their row and, for the log-in page, in a cookie."""

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
    """Return the entries of unfold's menu: each language in its own name, and the browser's language."""
    names = [{"code": code, "name_local": name} for code, name in settings.LANGUAGES]
    return [*names, {"code": "", "name_local": _("Same as the browser")}]


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Store the choice; an empty one follows the browser's language again."""
    language = request.POST.get("language", "")
    previous = request.POST.get("next") or request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(previous, {request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(previous if is_ours else reverse("admin:index"))
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
