"""Actions on one row: the buttons of its page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.enums import ActionVariant

from inflow.accounts import audit
from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.responses import Secret
from inflow.languages import english

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Do = Callable[[Any, Any, Actor, Any], str | Secret]
View = Callable[[Any, HttpRequest, Any], HttpResponse]


def _always(row: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class RowAction:
    """An action on one row. `do(model_admin, row, actor, form)` returns the message for the person, or a secret to be
    shown once. It raises ValidationError or `Refused` to reject the action.

    `fits` says whether the row's state permits the action: only then is the button shown. The domain has the final say.
    `undo` names the action of the same row that reverses this one. `page_title` replaces the title on the form's page.
    """

    title: "StrOrPromise"
    needs: Role = Role.AGENT
    fits: Callable[[Any], bool] = _always
    do: Do | None = None
    form: type[PageForm] = PageForm
    intro: "StrOrPromise" = ""
    is_grave: bool = False
    undo: str = ""
    page_title: "StrOrPromise" = ""


def record(row: Any, actor: Actor, action: str, **detail: Any) -> None:
    """Record in the audit log what the actor did to the row."""
    account = row if isinstance(row, Account) else row.account
    audit.record(account, actor.name, action, english(row)[:120], **detail)


def row_action(title: "StrOrPromise", *, icon: str, is_primary: bool = False, **options: Any) -> Callable[[Do], Any]:
    """Turn the method `(self, row, actor, form)` of an `OwnRowsAdmin` into a button for its `actions_detail`. GET shows
    the form, POST calls the method. `options` are the other fields of `RowAction`."""

    def decorate(do: Do) -> Any:
        row_action = RowAction(title, do=do, **options)

        def view(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
            response: HttpResponse = model_admin.perform(request, object_id, row_action)
            return response

        view.row_action = row_action  # type: ignore[attr-defined]
        variant = ActionVariant.PRIMARY if is_primary else ActionVariant.DEFAULT
        return action(view, description=title, icon=icon, variant=variant)

    return decorate


def page_action(
    title: "StrOrPromise", *, icon: str, needs: Role = Role.AGENT, fits: Callable[[Any], bool] = _always
) -> Callable[[View], Any]:
    """Turn `view(model_admin, request, row)`, which has a page of its own, into a button. A GET must only read."""

    def decorate(view: View) -> Any:
        def on_row(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
            row = model_admin.get_object(request, unquote(object_id))
            if not person(request).may(needs):
                raise PermissionDenied
            return view(model_admin, request, row)

        on_row.row_action = RowAction(title, needs, fits)  # type: ignore[attr-defined]
        return action(on_row, description=title, icon=icon)

    return decorate
