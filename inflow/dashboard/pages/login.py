"""Logging in and out: the password, the second step, and their entries in the audit log."""

from collections.abc import Mapping

from django import forms
from django.contrib import admin
from django.contrib.auth import logout as end_session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts import audit, second_step, sessions
from inflow.accounts.access import person
from inflow.accounts.models import User
from inflow.dashboard.core import attempts, refusals
from inflow.dashboard.core.entrance import missing_step
from inflow.dashboard.core.forms import PageForm
from inflow.languages import in_english


class CodeForm(PageForm):
    code = forms.CharField(
        label=_lazy("Code"),
        max_length=40,
        widget=forms.TextInput({"autocomplete": "one-time-code", "autofocus": "", "spellcheck": "false"}),
    )


def login(request: HttpRequest) -> HttpResponse:
    email = attempts.email_of(request) if request.method == "POST" else None
    if email and (wait := attempts.locked_for(request, email)):
        return refusals.locked_out(request, wait)
    response = admin.site.login(request)
    if email and response.status_code == 302:
        address, agent = attempts.address_of(request), request.headers.get("User-Agent", "")
        sessions.start(request.session, address, agent)
        if not person(request).has_second_step:
            _let_in(request)
    elif email:
        wait = attempts.locked_for(request, email)
        if user := User.objects.filter(email=email).first():
            record(request, user, "session.locked_out" if wait else "session.refused")
        if wait:
            return refusals.locked_out(request, wait)
    return response


def code(request: HttpRequest) -> HttpResponse:
    """Request the second step: a code from the authenticator app or a recovery code."""
    user = person(request)
    if missing_step(request) != reverse("second-step"):
        return HttpResponseRedirect(_next_page(request))
    if wait := attempts.locked_for(request, user.email):
        end_session(request)
        return refusals.locked_out(request, wait)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            way = second_step.verify(user, form.cleaned_data["code"])
        except ValidationError as refusal:
            form.add_error("code", refusal)
            if refusal.code != "wait":
                attempts.count_failure(request, user)
                record(request, user, "second_step.refused")
        else:
            second_step.mark_passed(request.session)
            request.session.cycle_key()
            if way == "recovery":
                record(request, user, "second_step.recovery_code_used")
            _let_in(request)
            return HttpResponseRedirect(_next_page(request))
    context = {"title": _("Enter your code"), "form": form, "next": _next_page(request)}
    return page(request, "admin/second_step.html", context)


def logout(request: HttpRequest) -> HttpResponse:
    user = request.user
    response = admin.site.logout(request)
    if request.method == "POST" and isinstance(user, User):
        record(request, user, "session.ended")
    return response


def password_change(request: HttpRequest) -> HttpResponse:
    """Change the person's own password, and end their other sessions."""
    with transaction.atomic():
        response = admin.site.password_change(request)
        if request.method == "POST" and response.status_code == 302:
            sessions.end_all(person(request), but=request.session.session_key)
            record(request, person(request), "user.password_changed")
    return response


def page(request: HttpRequest, template: str, context: Mapping[str, object]) -> HttpResponse:
    """Return a page outside the lists."""
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})


def _let_in(request: HttpRequest) -> None:
    attempts.forgive(request, person(request))
    record(request, person(request), "session.started")


def record(request: HttpRequest, user: User, what: str, **detail: object) -> None:
    """Record a log-in, its steps and failures in the audit log, with their origin."""
    audit.record(user.account, user.email, what, user.email[:120], **{**seen_from(request), **detail})


def seen_from(request: HttpRequest) -> dict[str, str | None]:
    """Return the origin of a request, for the audit log."""
    with in_english():
        device = sessions.device(request.headers.get("User-Agent", ""))
    return {"address": attempts.address_of(request), "device": device}


def _next_page(request: HttpRequest) -> str:
    """Return the page that was requested before the log-in."""
    page = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        return page
    return reverse("admin:index")
