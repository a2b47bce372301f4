"""Actions on one row: the buttons of its page, each with a form that does one thing by POST."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.enums import ActionVariant

from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class RowAction:
    """What a person may do to one row. `do(row, actor, form)` does it and says so; a ValidationError refuses.

    `fits` says whether the row's state invites it: only then is it offered. The domain's own verb decides.
    """

    title: "StrOrPromise"
    needs: Role
    do: Callable[[Any, Actor, PageForm], str]
    form: type[PageForm]
    fits: Callable[[Any], bool]
    intro: "StrOrPromise"
    is_grave: bool
    undo: str = ""

    def is_offered(self, user: User, row: Model) -> bool:
        return user.may(self.needs) and self.fits(row)


def row_action(
    title: "StrOrPromise",
    do: Callable[[Any, Actor, Any], str],
    *,
    needs: Role,
    icon: str,
    form: type[PageForm] = PageForm,
    fits: Callable[[Any], bool] = lambda row: True,
    intro: "StrOrPromise" = "",
    is_grave: bool = False,
    is_primary: bool = False,
    undo: str = "",
) -> Any:
    """A button on a row's page, for `actions_detail` of an `OwnRowsAdmin`. GET shows the form, POST does it.

    `undo` names the action of the same row that takes it back."""
    what = RowAction(title, needs, do, form, fits, intro, is_grave, undo)

    def view(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        answer: HttpResponse = model_admin.perform(request, object_id, what)
        return answer

    view.row_action = what  # type: ignore[attr-defined]
    return action(
        view,
        description=title,
        icon=icon,
        variant=ActionVariant.PRIMARY if is_primary else ActionVariant.DEFAULT,
    )


def page_action(
    title: "StrOrPromise",
    view: Callable[[Any, HttpRequest, str], HttpResponse],
    *,
    needs: Role,
    icon: str,
    fits: Callable[[Any], bool] = lambda row: True,
) -> Any:
    """The button of a page that asks in its own way: `view` looks after the role, and does nothing by GET."""
    view.row_action = RowAction(title, needs, lambda row, actor, form: "", PageForm, fits, "", False)  # type: ignore[attr-defined]
    return action(view, description=title, icon=icon)
