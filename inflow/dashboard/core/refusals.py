"""Pages that say no, in the looks of who reads them: shut out for a while, a form that can't be trusted."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inflow.api import errors


def locked_out(request: HttpRequest, wait_s: int) -> HttpResponse:
    """429 with Retry-After: too many failures to log in."""
    text = _("Log-in from here is closed for a while, because a password or code was wrong too often.")
    return _too_many(request, text, wait_s)


def too_many_requests(request: HttpRequest, wait_s: int) -> HttpResponse:
    """429 with Retry-After: too many links to set a password were asked for, whether or not anybody has the address."""
    text = _("Too many links were asked for. If one was mailed to you already, it works for an hour.")
    return _too_many(request, text, wait_s)


def _too_many(request: HttpRequest, text: str, wait_s: int) -> HttpResponse:
    minutes = -(-wait_s // 60)
    wait = ngettext("Try again in %(minutes)d minute.", "Try again in %(minutes)d minutes.", minutes)
    response = _say(request, _("Too many attempts"), text, wait % {"minutes": minutes}, 429)
    response["Retry-After"] = str(wait_s)
    return response


def untrusted_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that came without its token: from another site, from a tab of yesterday, or without cookies."""
    if errors.is_api(request):
        return errors.respond(request, 403, "forbidden", "This request can't be trusted.")
    if request.path_info.startswith("/p/"):
        return render(request, "communications/portal/untrusted.html", status=403)
    text = _("Nothing was changed. The page was open for too long, you logged in anew meanwhile, or cookies are off.")
    return _say(request, _("This form has expired"), text, _("Go back, reload the page and send it again."), 403)


def suspended(request: HttpRequest) -> HttpResponse:
    """A change by a person whose account is suspended."""
    text = _("Nothing was changed: while this account is suspended, its data can only be read.")
    return _say(request, _("Account suspended"), text, _("Ask the provider of this service to reactivate it."), 403)


def _say(request: HttpRequest, title: str, text: str, advice: str, status: int) -> HttpResponse:
    said = {**admin.site.each_context(request), "title": title, "text": text, "advice": advice}
    return render(request, "admin/refusal.html", said, status=status)
