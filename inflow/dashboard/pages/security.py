"""Settings > Security: the person's sessions and two-step log-in."""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inflow.accounts import second_step, sessions
from inflow.accounts.access import person
from inflow.accounts.errors import InvalidCode
from inflow.accounts.models import Session, User
from inflow.dashboard.core.responses import form_page
from inflow.dashboard.pages.login import CodeForm, page, record
from inflow.languages import in_english

_KEY = "new_second_step_key"


def show(request: HttpRequest) -> HttpResponse:
    user = person(request)
    open_sessions = [_row(session, request) for session in sessions.active(user)]
    shown = {
        "title": _("Security"),
        "sessions": sorted(open_sessions, key=lambda row: not row["is_this"]),
        "has_second_step": user.has_second_step,
        "is_required": second_step.is_required(user),
        "codes_left": len(user.authenticator.recovery_digests) if user.has_second_step else 0,
    }
    return page(request, "admin/security.html", shown)


@require_POST
def end(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """End one other session of the person."""
    with transaction.atomic():
        session = sessions.end(person(request), public_id)
        if session is None:
            raise Http404
        with in_english():
            device = sessions.device(session.agent)
        record(request, person(request), "session.ended", device=device, address=session.address)
    messages.success(request, _("The session has been ended."))
    return _back()


@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        ended = sessions.end_all(person(request), but=request.session.session_key)
        record(request, person(request), "session.others_ended", sessions=ended)
    messages.success(request, _("All other sessions have been ended."))
    return _back()


def set_up(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app with a QR code, then show the recovery codes once."""
    user = person(request)
    if user.has_second_step:
        return _back()
    key = request.session.get(_KEY) or second_step.new_key()
    request.session[_KEY] = key
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                codes = second_step.enrol(user, key, form.cleaned_data["code"])
                del request.session[_KEY]
                second_step.mark_passed(request.session)
                sessions.end_all(user, but=request.session.session_key)
                record(request, person(request), "second_step.set_up")
        except InvalidCode as refusal:
            form.add_error("code", refusal)
        else:
            return _codes(request, codes)
    shown = {
        "title": _("Set up two-step log-in"),
        "form": form,
        "picture": second_step.qr_code(second_step.otpauth_url(user, key)),
        "key": " ".join(key[start : start + 4] for start in range(0, len(key), 4)),
        "is_required": second_step.is_required(user),
    }
    return page(request, "admin/set_up_two_steps.html", shown)


def new_codes(request: HttpRequest) -> HttpResponse:
    def renew() -> HttpResponse:
        codes = second_step.renew_codes(person(request))
        record(request, person(request), "second_step.codes_renewed")
        return _codes(request, codes)

    return _with_code(
        request,
        renew,
        title=_("New recovery codes"),
        intro=_("Generates ten new codes. The earlier codes stop working."),
    )


def turn_off(request: HttpRequest) -> HttpResponse:
    def remove() -> HttpResponse:
        second_step.remove(person(request))
        record(request, person(request), "second_step.turned_off")
        messages.success(request, _("Two-step log-in is off. You log in with your password only."))
        return _back()

    if second_step.is_required(person(request)):
        messages.error(request, _("Your account requires two-step log-in for admins, so it can't be turned off."))
        return _back()
    return _with_code(
        request,
        remove,
        title=_("Turn off two-step log-in"),
        intro=_("Anybody who learns your password could then log in as you."),
        is_grave=True,
    )


def _with_code(request: HttpRequest, do: Any, **shown: Any) -> HttpResponse:
    user = person(request)
    if not user.has_second_step:
        return _back()
    form = CodeForm(request.POST if request.method == "POST" else None)
    form.fields["code"].help_text = _("Six digits from your authenticator app, or a recovery code.")

    def confirmed() -> HttpResponse:
        second_step.verify(user, form.cleaned_data["code"])
        response: HttpResponse = do()
        return response

    own = admin.site.get_model_admin(User)
    return form_page(own, request, form, confirmed, back=reverse("security"), **shown)


def _codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Show the recovery codes. No other page does; `admin_view` keeps the response from being stored."""
    shown = {"title": _("Your recovery codes"), "codes": "\n".join(codes)}
    return page(request, "admin/recovery_codes.html", shown)


def _row(session: Session, request: HttpRequest) -> dict[str, Any]:
    return {
        "public_id": session.public_id,
        "device": sessions.device(session.agent),
        "address": session.address or "",
        "started_at": session.started_at,
        "seen_at": session.seen_at,
        "is_this": sessions.is_current(session, request.session),
    }


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("security"))


_own = admin.site.admin_view
urlpatterns = [
    path("", _own(show), name="security"),
    path("sessions/end-others/", _own(end_others), name="end-other-sessions"),
    path("sessions/<uuid:public_id>/end/", _own(end), name="end-session"),
    path("two-steps/set-up/", _own(set_up), name="set-up-two-steps"),
    path("two-steps/codes/", _own(new_codes), name="new-recovery-codes"),
    path("two-steps/turn-off/", _own(turn_off), name="turn-off-two-steps"),
]
