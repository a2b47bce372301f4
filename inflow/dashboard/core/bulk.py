"""A row action, done to the rows that are chosen in a list: a form first, then a second POST."""

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
from inflow.dashboard.core.row_actions import RowAction

# What a person may set going by one click, and what one request may take.
MOST = 200
_SAID = 5


def bulk(of_one: Any) -> Any:
    """Return an entry of a list's `actions`, from a button that `row_action` made."""
    row_action: RowAction = of_one.row_action

    def view(model_admin: Any, request: HttpRequest, rows: "QuerySet[Any]") -> HttpResponse | None:
        return _perform(model_admin, request, rows, row_action)

    view.row_action = row_action  # type: ignore[attr-defined]
    return action(view, description=row_action.title)


def _perform(model_admin: Any, request: HttpRequest, rows: "QuerySet[Any]", action: RowAction) -> HttpResponse | None:
    if not person(request).may(action.needs):
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
    form = action.form(request.POST if "apply" in request.POST else None, row=chosen[0])
    if form.is_bound and form.is_valid():
        _do(request, chosen, form, action)
        return HttpResponseRedirect(request.get_full_path())
    fitting = sum(action.fits(row) for row in chosen)
    kept = [(helpers.ACTION_CHECKBOX_NAME, row.pk) for row in chosen]
    context = {
        "title": action.title,
        "button": action.title,
        "form": form,
        "intro": action.intro,
        "is_grave": action.is_grave,
        "back": request.get_full_path(),
        "kept": [*kept, ("action", request.POST["action"]), ("apply", "1")],
        "whom": ngettext("%(count)d is chosen.", "%(count)d are chosen.", len(chosen)) % {"count": len(chosen)},
        "left_out": len(chosen) - fitting,
    }
    return page(model_admin, request, "admin/bulk_form.html", context)


def _do(request: HttpRequest, chosen: list[Any], form: PageForm, action: RowAction) -> None:
    """Act on each row by itself: a refusal does not stop the others."""
    do, done, refused = action.do, 0, []
    assert do is not None
    for row in chosen:
        try:
            if not action.fits(row):
                raise ValidationError(_("it does not fit its status"))
            do(row, actor(request), form)
            done += 1
        except ValidationError as refusal:
            refused.append(f"{row}: {' '.join(refusal.messages)}")
    if done:
        text = ngettext("%(verb)s: done for %(count)d.", "%(verb)s: done for %(count)d.", done)
        messages.success(request, text % {"verb": action.title, "count": done})
    if refused:
        text = ngettext(
            "%(count)d was left as it is: %(why)s", "%(count)d were left as they are: %(why)s", len(refused)
        )
        messages.warning(request, text % {"count": len(refused), "why": "; ".join(refused[:_SAID])})
