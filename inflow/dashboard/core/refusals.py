"""Error pages in the style of their readers: a temporary lock-out, an expired form, a suspended account."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inflow.api import errors


def locked_out(request: HttpRequest, wait_s: int) -> HttpResponse:
    """Return a 429 response with Retry-After after too many failed log-ins."""
    text = _("Too many wrong passwords or codes. Logging in from here is blocked for a while.")
    return _too_many(request, text, wait_s)


def too_many_requests(request: HttpRequest, wait_s: int) -> HttpResponse:
    """Return a 429 response with Retry-After after too many requests for a password link, also for unknown emails."""
    text = _("Too many links were requested. A link that you have already received works for an hour.")
    return _too_many(request, text, wait_s)


def _too_many(request: HttpRequest, text: str, wait_s: int) -> HttpResponse:
    minutes = -(-wait_s // 60)
    wait = ngettext("Try again in %(minutes)d minute.", "Try again in %(minutes)d minutes.", minutes)
    response = _refusal(request, _("Too many attempts"), text, wait % {"minutes": minutes}, 429)
    response["Retry-After"] = str(wait_s)
    return response


def untrusted_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Refuse a form without its CSRF token: from another site, from a tab left open, or without cookies."""
    if errors.is_api(request):
        return errors.respond(request, 403, "forbidden", "This request can't be trusted.")
    if request.path_info.startswith("/p/"):
        return render(request, "communications/portal/untrusted.html", status=403)
    text = _("Nothing was changed. The page was open too long, you have logged in again since, or cookies are blocked.")
    return _refusal(request, _("This form has expired"), text, _("Go back, reload the page and send it again."), 403)


def suspended(request: HttpRequest) -> HttpResponse:
    """Refuse a change in a suspended account."""
    text = _("Nothing was changed: while this account is suspended, its data can only be read.")
    return _refusal(request, _("Account suspended"), text, _("Ask the provider of this service to reactivate it."), 403)


def _refusal(request: HttpRequest, title: str, text: str, advice: str, status: int) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "text": text, "advice": advice}
    return render(request, "admin/refusal.html", context, status=status)
