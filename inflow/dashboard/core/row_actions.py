"""Actions on one row: the buttons of its page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.enums import ActionVariant

from inflow.accounts import audit
from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.responses import Secret
from inflow.languages import english

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Do = Callable[[Any, Actor, Any], str | Secret]
View = Callable[[Any, HttpRequest, Any], HttpResponse]


def _always(row: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class RowAction:
    """An action on one row. `do(row, actor, form)` returns what to tell the person, or a secret to show once; a
    ValidationError refuses.

    `fits` tells whether the row's state invites the action: only then is it offered. The domain's verb decides.
    """

    title: "StrOrPromise"
    needs: Role
    fits: Callable[[Any], bool]
    do: Do | None = None
    form: type[PageForm] = PageForm
    intro: "StrOrPromise" = ""
    is_grave: bool = False
    undo: str = ""
    page_title: "StrOrPromise" = ""

    def is_offered(self, user: User, row: Model) -> bool:
        return user.may(self.needs) and self.fits(row)


def record(row: Any, actor: Actor, action: str, **detail: Any) -> None:
    """Record in the audit log what the actor did to the row."""
    account = row if isinstance(row, Account) else row.account
    audit.record(account, actor.name, action, english(row)[:120], **detail)


def row_action(
    title: "StrOrPromise",
    do: Do,
    *,
    needs: Role,
    icon: str,
    form: type[PageForm] = PageForm,
    fits: Callable[[Any], bool] = _always,
    intro: "StrOrPromise" = "",
    is_grave: bool = False,
    is_primary: bool = False,
    undo: str = "",
    page_title: "StrOrPromise" = "",
) -> Any:
    """Return a button for `actions_detail` of an `OwnRowsAdmin`. GET shows the form, POST acts.

    `undo` names the action of the same row that takes it back; the page bears `page_title` if that is not `title`."""
    row_action = RowAction(title, needs, fits, do, form, intro, is_grave, undo, page_title)

    def view(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        response: HttpResponse = model_admin.perform(request, object_id, row_action)
        return response

    view.row_action = row_action  # type: ignore[attr-defined]
    variant = ActionVariant.PRIMARY if is_primary else ActionVariant.DEFAULT
    return action(view, description=title, icon=icon, variant=variant)


def page_action(
    title: "StrOrPromise", *, needs: Role, icon: str, fits: Callable[[Any], bool] = _always
) -> Callable[[View], Any]:
    """Make a button of a view that has a page of its own: `view(model_admin, request, row)`. By GET it only reads."""

    def decorate(view: View) -> Any:
        def on_row(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
            row = model_admin.get_object(request, unquote(object_id))
            if not person(request).may(needs):
                raise PermissionDenied
            return view(model_admin, request, row)

        on_row.row_action = RowAction(title, needs, fits)  # type: ignore[attr-defined]
        return action(on_row, description=title, icon=icon)

    return decorate
