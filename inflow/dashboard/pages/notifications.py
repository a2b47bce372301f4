"""Settings > Notifications: a person's choice of emails."""

import zoneinfo
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.widgets import UnfoldBooleanSwitchWidget

from inflow.accounts.access import person
from inflow.accounts.models import User
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.responses import form_page
from inflow.notifications.models import Preferences, Which

_NAMES = (
    *("reply", "dispute", "case", "broken_promise", "mention", "imports"),
    *("digest", "digest_hour", "time_zone"),
)


def _which(label: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=Which.choices)


def _switch(label: Any) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, widget=UnfoldBooleanSwitchWidget)


class NotificationsForm(PageForm):
    reply = _which(_lazy("Replies"))
    dispute = _which(_lazy("Disputes"))
    case = _which(_lazy("New cases"))
    broken_promise = _which(_lazy("Broken promises"))
    mention = _switch(_lazy("Notes that mention me"))
    imports = _switch(_lazy("My imports when they finish"))
    digest = _switch(_lazy("Daily digest of new items and items due today"))
    digest_hour = forms.TypedChoiceField(
        label=_lazy("Hour of the digest"), coerce=int, choices=[(hour, f"{hour:02}:00") for hour in range(24)]
    )
    time_zone = forms.ChoiceField(label=_lazy("Time zone"), required=False)
    from_row = _NAMES

    def prepare(self) -> None:
        names = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
        self.set_choices("time_zone", [("", _("The account's time zone")), *((name, name) for name in names)])


def show(request: HttpRequest) -> HttpResponse:
    user = person(request)
    if user.account is None:  # platform staff belong to no account
        raise Http404
    chosen = Preferences.objects.filter(pk=user.pk).first() or Preferences(user=user)
    chosen.user = user
    form = NotificationsForm(request.POST if request.method == "POST" else None, row=chosen)

    def save() -> HttpResponse:
        values = {name: form.cleaned_data[name] for name in _NAMES}
        due_at = Preferences(user=user, **values).next_digest(timezone.now())
        Preferences.objects.update_or_create(user=user, defaults={**values, "digest_due_at": due_at})
        messages.success(request, _("Your notifications have been saved."))
        return HttpResponseRedirect(reverse("notifications"))

    return form_page(
        admin.site.get_model_admin(User),
        request,
        form,
        save,
        title=_("Notifications"),
        button=_("Save"),
        back=reverse("admin:index"),
        intro=_("We send them to %(email)s in the language of your dashboard.") % {"email": user.email},
    )


urlpatterns = [path("", admin.site.admin_view(show), name="notifications")]
