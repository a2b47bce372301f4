"""A verb of one row, done to the rows that are chosen in a list: asked by a form first, done by a second POST."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.decorators import action

from inflow.accounts.access import actor, person
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.responses import page
from inflow.dashboard.core.row_actions import Verb

# What a person may set going by one click, and what one request may take.
MOST = 200
_SAID = 5


def bulk(of_one: Any) -> Any:
    """An entry of a list's `actions`, from a button that `pages.verb` made."""
    verb: Verb = of_one.verb

    def view(model_admin: Any, request: HttpRequest, rows: "QuerySet[Any]") -> HttpResponse | None:
        return _perform(model_admin, request, rows, verb)

    view.verb = verb  # type: ignore[attr-defined]
    return action(view, description=verb.title)


def _perform(model_admin: Any, request: HttpRequest, rows: "QuerySet[Any]", verb: Verb) -> HttpResponse | None:
    if not person(request).may(verb.needs):
        raise PermissionDenied
    chosen = list(rows.select_related("account")[: MOST + 1])
    if not chosen:
        messages.error(request, _("The chosen rows are not in this list."))
        return None
    if len(chosen) > MOST:
        messages.error(request, _("At most %(most)d at once: narrow the list down.") % {"most": MOST})
        return None
    if len({row.account_id for row in chosen}) > 1:
        messages.error(request, _("Choose rows of one account."))
        return None
    form = verb.form(request.POST if "apply" in request.POST else None, row=chosen[0])
    if form.is_bound and form.is_valid():
        _do(request, chosen, form, verb)
        return HttpResponseRedirect(request.get_full_path())
    fitting = sum(verb.fits(row) for row in chosen)
    kept = [(helpers.ACTION_CHECKBOX_NAME, row.pk) for row in chosen]
    context = {
        "title": verb.title,
        "button": verb.title,
        "form": form,
        "intro": verb.intro,
        "is_grave": verb.is_grave,
        "back": request.get_full_path(),
        "kept": [*kept, ("action", request.POST["action"]), ("apply", "1")],
        "whom": ngettext("%(count)d is chosen.", "%(count)d are chosen.", len(chosen)) % {"count": len(chosen)},
        "left_out": len(chosen) - fitting,
    }
    return page(model_admin, request, "admin/bulk_form.html", context)


def _do(request: HttpRequest, chosen: list[Any], form: PageForm, verb: Verb) -> None:
    """Each by itself: one that is refused holds nobody up."""
    done, refused = 0, []
    for row in chosen:
        try:
            if not verb.fits(row):
                raise ValidationError(_("it does not fit its status"))
            verb.do(row, actor(request), form)
            done += 1
        except ValidationError as refusal:
            refused.append(f"{row}: {' '.join(refusal.messages)}")
    if done:
        text = ngettext("%(verb)s: done for %(count)d.", "%(verb)s: done for %(count)d.", done)
        messages.success(request, text % {"verb": verb.title, "count": done})
    if refused:
        text = ngettext(
            "%(count)d was left as it is: %(why)s", "%(count)d were left as they are: %(why)s", len(refused)
        )
        messages.warning(request, text % {"count": len(refused), "why": "; ".join(refused[:_SAID])})
