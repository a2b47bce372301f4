"""Password reset: request a link by email, and set a new password with it. The views and tokens are Django's."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import logout, views
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.cache import never_cache

from inflow.accounts import passwords
from inflow.accounts.errors import ResetLinkUsed
from inflow.accounts.models import User
from inflow.api.throttling import flooded
from inflow.dashboard.core import attempts, refusals
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.pages.login import seen_from

# Limits by client and by email address, also for unknown addresses.
PER_CLIENT, PER_EMAIL = "20/h", "5/h"


class RequestForm(PageForm, PasswordResetForm):
    """Django's form; `Request` stores the request instead of sending the email."""


class NewPasswordForm(PageForm, SetPasswordForm):  # type: ignore[type-arg]
    pass


class Page:
    """A page in the dashboard's style that is not cached. Under `no-referrer`, browsers send `Origin: null` with a
    form, which the CSRF check refuses; `same-origin` reveals the address to no other host."""

    @method_decorator(never_cache)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        response["Referrer-Policy"] = "same-origin"
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {**admin.site.each_context(self.request), **context}  # type: ignore[attr-defined]


class Request(Page, views.PasswordResetView):
    form_class = RequestForm
    template_name = "admin/password_reset.html"
    title = _lazy("Forgotten password")

    def form_valid(self, form: Any) -> HttpResponse:
        email = form.cleaned_data["email"].strip().lower()[:254]  # lower case may be longer
        client = attempts.network_of(self.request) or ""
        wait = flooded(self.request, "password-reset-client", client, PER_CLIENT)
        wait = wait or flooded(self.request, "password-reset-email", email, PER_EMAIL)
        if wait:
            return refusals.too_many_requests(self.request, wait)
        passwords.request(email, translation.get_language() or "", client=seen_from(self.request))
        return HttpResponseRedirect(self.get_success_url())


class Requested(Page, views.PasswordResetDoneView):
    template_name = "admin/password_reset_done.html"
    title = _lazy("Check your email")


class Renew(Page, views.PasswordResetConfirmView):
    """Django stores the token in the session and redirects to an address without it, so no Referer header has it."""

    form_class = NewPasswordForm
    template_name = "admin/password_reset_confirm.html"
    title = _lazy("Set a new password")
    token_generator = passwords.tokens

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.user  # as read when the link was checked
        try:
            passwords.renew(user, form.cleaned_data["new_password1"], seen_from(self.request))
        except ResetLinkUsed:
            return HttpResponseRedirect(self.request.path)
        attempts.forgive(self.request, user)
        logout(self.request)
        return HttpResponseRedirect(self.get_success_url())


class Renewed(Page, views.PasswordResetCompleteView):
    template_name = "admin/password_reset_complete.html"
    title = _lazy("Your password is set")
