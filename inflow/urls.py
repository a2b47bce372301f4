"""URLs of the whole project. Unknown paths under /api get a problem document."""

import sys

from django.conf import settings
from django.contrib import admin
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views import defaults
from django.views.generic import RedirectView

import communications.api.urls
import invoices.api.urls
import webhooks.api.urls
from inflow.api import errors
from inflow.api.views import docs, me, no_route, openapi
from inflow.dashboard import language
from inflow.dashboard.core import bounds
from inflow.dashboard.pages import joining, login, passwords
from inflow.dashboard.pages.first_run import dismiss

admin.autodiscover()
urlpatterns = [
    path("api/zapier/me", me, name="me"),
    # Flattened, because each include() costs another match.
    *(
        path(f"api/zapier/{each.pattern}", each.callback, name=each.name)
        for urls in (invoices.api.urls, communications.api.urls, webhooks.api.urls)
        for each in urls.urlpatterns
    ),
    path("", include("communications.inbound.gateway_hooks")),
    path("", include("invoices.payment_hooks.urls")),
    path("api/openapi.json", openapi, name="openapi"),
    path("api/docs", docs, name="docs"),
    path("admin/login/", login.login, name="login"),
    path("admin/login/code/", admin.site.admin_view(login.code), name="second-step"),
    path("admin/logout/", login.logout, name="logout"),
    path("admin/password_change/", admin.site.admin_view(login.password_change), name="password-change"),
    # Django's own names, which the login page links to.
    path("admin/password_reset/", passwords.Request.as_view(), name="admin_password_reset"),
    path("admin/password_reset/done/", passwords.Requested.as_view(), name="password_reset_done"),
    path("admin/reset/<uidb64>/<token>/", passwords.Renew.as_view(), name="password_reset_confirm"),
    path("admin/reset/done/", passwords.Renewed.as_view(), name="password_reset_complete"),
    path("admin/invitation/", joining.join, name="accept-invitation"),
    path("admin/invitation/<str:token>/", joining.open_link, name="open-invitation"),
    path("admin/security/", include("inflow.dashboard.pages.security")),
    path("admin/notifications/", include("inflow.dashboard.pages.notifications")),
    path("admin/exports/", include("inflow.dashboard.pages.exports")),
    path("admin/language/", language.choose, name="language"),
    path("admin/first-run/dismiss", dismiss, name="first-run-dismiss"),
    path("p/", include("communications.portal.urls")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(url="/admin/"), name="home"),
]
if settings.MAIL_PROVIDER:  # django-anymail is an optional dependency
    from communications.inbound import mail_hooks

    urlpatterns.append(path("hooks/mail/", include(mail_hooks.urls(settings.MAIL_PROVIDER))))
if settings.TRY_OUT:
    urlpatterns.append(path("", include("inflow.dashboard.demo.receiver")))
    urlpatterns.append(path("", include("communications.channels.local_gateway")))


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    if errors.is_api(request):
        return errors.respond(request, 400, "bad_request", "The request is malformed.")
    return defaults.bad_request(request, exception)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    if errors.is_api(request):
        return no_route(request)
    return defaults.page_not_found(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    """Respond to an unexpected error, including errors of middleware, such as a session that cannot be loaded."""
    if errors.is_api(request):
        return errors.respond(request, 500, "internal", "An internal error occurred. It has been logged.")
    if isinstance(sys.exception(), OperationalError | InterfaceError):  # the database is unavailable
        return bounds.unavailable(request)
    return defaults.server_error(request)
