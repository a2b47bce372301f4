"""A new key for an old one, which goes on working for a while, so that nothing stands still meanwhile."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts import keys
from inflow.accounts.access import person
from inflow.accounts.models import ApiKey
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.responses import form_page, shown_once
from inflow.dashboard.core.row_actions import page_action
from inflow.dashboard.pages.api_keys import ApiKeyAdmin, example_of


class RotateForm(PageForm):
    overlap_hours = forms.TypedChoiceField(
        coerce=int,
        label=_lazy("The old key works"),
        initial=24,
        choices=[
            (0, _lazy("not a moment longer")),
            (1, _lazy("for one more hour")),
            (24, _lazy("for one more day")),
            (168, _lazy("for seven more days")),
            (720, _lazy("for thirty more days")),
        ],
    )


def _rotate(admin: ApiKeyAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    key: ApiKey = admin.get_object(request, unquote(object_id))
    if not person(request).may(Role.ADMIN):
        raise PermissionDenied
    form = RotateForm(request.POST if request.method == "POST" else None, row=key)
    back = admin.url("change", quote(key.pk))

    def rotate() -> HttpResponse:
        if not key.is_live(timezone.now()):
            raise ValidationError(_("This key works no more: generate a new one."))
        overlap = dt.timedelta(hours=form.cleaned_data["overlap_hours"])
        who = person(request)
        successor, plaintext = keys.rotate(key, overlap=overlap, created_by=who, actor=who.email)
        return shown_once(
            admin,
            request,
            title=_("API key “%(name)s”") % {"name": successor.name},
            secret=plaintext,
            example_title=_("Try it"),
            example=example_of(successor, plaintext),
            back=admin.url("changelist"),
        )

    return form_page(
        admin,
        request,
        form,
        rotate,
        title=_("Rotate the key"),
        intro=_("A new key with the same name and scopes is shown once. Put it to use before the old one ends."),
        back=back,
    )


def _fits(key: Any) -> bool:
    return bool(key.is_live(timezone.now()))


ApiKeyAdmin.rotate = page_action(_lazy("Rotate"), _rotate, needs=Role.ADMIN, icon="autorenew", fits=_fits)
ApiKeyAdmin.actions_detail = ("rotate", *ApiKeyAdmin.actions_detail)
