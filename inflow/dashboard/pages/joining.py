"""Acceptance of an invitation: the link in the email, then a form for name and password, which logs the person in.

As with Django's links to set a password, the token is stored in the session, and the page's address does not have it.
"""

from django import forms
from django.contrib.auth import login as begin_session
from django.contrib.auth.forms import SetPasswordForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from inflow.accounts import invitations, roles, second_step, sessions
from inflow.accounts.errors import InvitationUnavailable, UserExists
from inflow.accounts.models import Invitation, User
from inflow.accounts.roles import Role
from inflow.dashboard.core import attempts
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import isolated
from inflow.dashboard.pages.login import page, record

_LINK = "invitation"
_BACKEND = "django.contrib.auth.backends.ModelBackend"


class JoinForm(PageForm, SetPasswordForm):  # type: ignore[type-arg]
    first_name = forms.CharField(max_length=150, widget=forms.TextInput({"autocomplete": "given-name"}))
    last_name = forms.CharField(max_length=150, required=False, widget=forms.TextInput({"autocomplete": "family-name"}))
    field_order = ("first_name", "last_name")

    def clean(self) -> None:
        """Set the names first: a password must not resemble them."""
        self.user.first_name = self.cleaned_data.get("first_name", "")
        self.user.last_name = self.cleaned_data.get("last_name", "")
        super().clean()


@never_cache
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    if invitations.from_token(token) is None:
        return _refused(request)
    request.session[_LINK] = token
    return HttpResponseRedirect(reverse("accept-invitation"))


@never_cache
@sensitive_post_parameters()
def join(request: HttpRequest) -> HttpResponse:
    invitation = invitations.from_token(request.session.get(_LINK, ""))
    if invitation is None:
        return _refused(request)
    if User.objects.filter(email=invitation.email).exists():
        return _has_log_in(request, invitation)
    user = User(email=invitation.email)
    form = JoinForm(user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        user.set_password(form.cleaned_data["new_password1"])
        try:
            return _accept(request, invitation, user)
        except UserExists:
            return _has_log_in(request, invitation)
        except InvitationUnavailable:
            return _refused(request)
    shown = {
        "title": _("Welcome to InFlow"),
        "form": form,
        "invitation": invitation,
        "role": roles.NAMES[Role(invitation.role)] if invitation.account else _("Platform staff"),
        "needs_second_step": _needs_second_step(invitation),
    }
    return page(request, "admin/join.html", shown)


def _accept(request: HttpRequest, invitation: Invitation, user: User) -> HttpResponse:
    with transaction.atomic():
        user = invitations.accept(invitation, user)
        begin_session(request, user, backend=_BACKEND)
        sessions.start(request.session, attempts.address_of(request), request.headers.get("User-Agent", ""))
        request.session.pop(_LINK, None)
        record(request, user, "invitation.accepted", role=str(user.role))
        record(request, user, "session.started")
    return HttpResponseRedirect(reverse("admin:index"))


def _needs_second_step(invitation: Invitation) -> bool:
    is_platform = invitation.account is None
    return second_step.is_required(User(account=invitation.account, role=invitation.role, is_superuser=is_platform))


def _refused(request: HttpRequest) -> HttpResponse:
    text = _("This invitation is no longer valid: it was accepted, withdrawn or sent again, or its 7 days have passed.")
    advice = _("Look for a newer email, or ask the person who invited you to send the invitation again.")
    return _gone(request, _("This link no longer works"), text, advice)


def _has_log_in(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    text = _("%(email)s already has a log-in to InFlow, and an address can have only one.") % {
        "email": isolated(invitation.email)
    }
    advice = _("Log in with it, or ask the person who invited you to use another address of yours.")
    return _gone(request, _("You already have a log-in"), text, advice)


def _gone(request: HttpRequest, title: str, text: str, advice: str) -> HttpResponse:
    response = page(request, "admin/refusal.html", {"title": title, "text": text, "advice": advice})
    response.status_code = 410
    return response
