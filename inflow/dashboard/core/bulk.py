"""A row action performed on the rows that are selected in a list: a form first, then a second POST."""

from dataclasses import replace
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
from invoices.errors import Refused

# The largest number of rows that one request changes.
MOST = 200
# The most rows that a message names for each reason.
_ROWS_NAMED = 20


def bulk(button: Any, form: type[PageForm] | None = None) -> Any:
    """Return an entry of a list's `actions`, from a button that `row_action` made.

    The rows belong to one account. A form that needs more than the account reads the rows from `selected`.
    """
    row_action: RowAction = button.row_action
    if form:
        row_action = replace(row_action, form=form)

    def view(model_admin: Any, request: HttpRequest, rows: "QuerySet[Any]") -> HttpResponse | None:
        return _perform(model_admin, request, rows, row_action)

    view.row_action = row_action  # type: ignore[attr-defined]
    return action(view, description=row_action.title)


def _perform(model_admin: Any, request: HttpRequest, rows: "QuerySet[Any]", action: RowAction) -> HttpResponse | None:
    if not person(request).may(action.needs):
        raise PermissionDenied
    chosen = list(rows.select_related("account")[: MOST + 1])
    error = ""
    if not chosen:
        error = _("The selected rows are not in this list.")
    elif len(chosen) > MOST:
        error = _("Select at most %(most)d rows: filter the list first.") % {"most": MOST}
    elif len({row.account_id for row in chosen}) > 1:
        error = _("Select rows of one account only.")
    if error:
        messages.error(request, error)
        return None
    form = action.form(request.POST if "apply" in request.POST else None, row=chosen[0], selected=chosen)
    if form.is_bound and form.is_valid():
        _do(model_admin, request, chosen, form, action)
        return HttpResponseRedirect(request.get_full_path())
    chosen_fields = [(helpers.ACTION_CHECKBOX_NAME, row.pk) for row in chosen]
    context = {
        "title": action.title,
        "button": action.title,
        "form": form,
        "intro": action.intro,
        "is_grave": action.is_grave,
        "back": request.get_full_path(),
        "hidden": [*chosen_fields, ("action", request.POST["action"]), ("apply", "1")],
        "selection": ngettext("%(count)d row selected.", "%(count)d rows selected.", len(chosen))
        % {"count": len(chosen)},
        "left_out": sum(not action.fits(row) for row in chosen),
    }
    return page(model_admin, request, "admin/bulk_form.html", context)


def _do(model_admin: Any, request: HttpRequest, chosen: list[Any], form: PageForm, action: RowAction) -> None:
    """Act on each row by itself: a refusal does not stop the others."""
    do, done = action.do, 0
    refused: dict[str, list[str]] = {}
    assert do is not None
    for row in chosen:
        try:
            if not action.fits(row):
                raise ValidationError(_("not possible in its current status"))
            do(model_admin, row, actor(request), form)
            done += 1
        except Refused as refusal:
            refused.setdefault(refusal.message, []).append(str(row))
        except ValidationError as refusal:
            refused.setdefault(" ".join(refusal.messages), []).append(str(row))
    if done:
        text = ngettext("%(verb)s: %(count)d row changed.", "%(verb)s: %(count)d rows changed.", done)
        messages.success(request, text % {"verb": action.title, "count": done})
    if refused:
        count = sum(map(len, refused.values()))
        text = ngettext("%(count)d row not changed: %(why)s", "%(count)d rows not changed: %(why)s", count)
        why = _("; ").join(f"{_named(rows)}: {reason}" for reason, rows in refused.items())
        messages.warning(request, text % {"count": count, "why": why})


def _named(rows: list[str]) -> str:
    shown = _(", ").join(rows[:_ROWS_NAMED])
    more = len(rows) - _ROWS_NAMED
    return _("%(rows)s and %(count)d more") % {"rows": shown, "count": more} if more > 0 else shown
