"""The dashboard's own pages: a small form that does one thing by POST, and a secret that is shown once."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES, TEXTAREA_CLASSES, UnfoldAdminSelectWidget

from inflow import labels
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class PageForm(forms.Form):
    """A form in the dashboard's looks, about `row` if there is one."""

    def __init__(self, *args: Any, row: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        for name, field in self.fields.items():
            _dress(field.widget)
            if field.label is None:
                field.label = labels.of(name)

    def add_field(self, name: str, field: forms.Field) -> None:
        """Add a field that depends on the row."""
        _dress(field.widget)
        self.fields[name] = field

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        """Return what a person should see before they confirm, as labels and values."""
        return []


class OwnAccountForm(PageForm):
    """A form for something new. Platform staff choose the account, members get their own."""

    account_choice = forms.ModelChoiceField(Account.objects.none(), label=_lazy("Account"))

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        if person.is_superuser:
            choice = self.fields["account_choice"]
            assert isinstance(choice, forms.ModelChoiceField)
            choice.queryset, choice.initial = Account.objects.all(), person.account_id
            self.order_fields(["account_choice"])
        else:
            del self.fields["account_choice"]

    @property
    def account(self) -> Account | None:
        """Whose it will be; None while platform staff have not chosen."""
        return self.cleaned_data.get("account_choice") if self.person.is_superuser else self.person.account


class DayField(forms.DateField):
    """A date, entered by the browser's own calendar."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **kwargs)


class ClockInput(forms.TimeInput):
    """A time of a wall clock, in the dashboard's looks."""

    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M", attrs={"class": " ".join(INPUT_CLASSES)})


def _dress(widget: forms.Widget) -> None:
    if isinstance(widget, forms.CheckboxSelectMultiple | forms.CheckboxInput | forms.HiddenInput):
        return
    if isinstance(widget, forms.Textarea):
        classes = TEXTAREA_CLASSES
    elif isinstance(widget, forms.Select):
        classes = SELECT_CLASSES
        if type(widget) is forms.Select:
            widget.template_name = UnfoldAdminSelectWidget.template_name  # with its arrow
    else:
        classes = INPUT_CLASSES
    widget.attrs["class"] = " ".join(classes)
    if isinstance(widget, forms.Textarea) or getattr(widget, "input_type", "") == "text":
        widget.attrs["dir"] = "auto"


@dataclass(frozen=True, slots=True)
class Verb:
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


def verb(
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

    `undo` names the verb of the same row that takes it back."""
    what = Verb(title, needs, do, form, fits, intro, is_grave, undo)

    def view(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        answer: HttpResponse = model_admin.perform(request, object_id, what)
        return answer

    view.verb = what  # type: ignore[attr-defined]
    return action(
        view,
        description=title,
        icon=icon,
        variant=ActionVariant.PRIMARY if is_primary else ActionVariant.DEFAULT,
    )


def own_page(
    title: "StrOrPromise",
    view: Callable[[Any, HttpRequest, str], HttpResponse],
    *,
    needs: Role,
    icon: str,
    fits: Callable[[Any], bool] = lambda row: True,
) -> Any:
    """The button of a page that asks in its own way: `view` looks after the role, and does nothing by GET."""
    view.verb = Verb(title, needs, lambda row, actor, form: "", PageForm, fits, "", False)  # type: ignore[attr-defined]
    return action(view, description=title, icon=icon)


def form_page(
    model_admin: "ModelAdmin[Any]",
    request: HttpRequest,
    form: PageForm,
    do: Callable[[], HttpResponse],
    *,
    title: "StrOrPromise",
    back: str,
    button: str | None = None,
    intro: "StrOrPromise" = "",
    is_grave: bool = False,
) -> HttpResponse:
    """Show the form; POSTed and valid, `do` it. What `do` refuses by ValidationError is shown on the form."""
    if request.method == "POST" and form.is_valid():
        try:
            return do()
        except ValidationError as refusal:
            form.add_error(None, refusal)
    context = {"title": title, "form": form, "back": back, "button": button or title, "intro": intro}
    return page(model_admin, request, "admin/page_form.html", {**context, "is_grave": is_grave, "row": form.row})


def shown_once(
    model_admin: "ModelAdmin[Any]",
    request: HttpRequest,
    *,
    title: str,
    secret: str,
    example_title: str,
    example: str,
    back: str,
) -> HttpResponse:
    """The answer of the POST that made the secret: no other page ever shows it, and nobody may keep a copy."""
    context = {"title": title, "secret": secret, "example_title": example_title, "example": example, "back": back}
    response = page(model_admin, request, "admin/shown_once.html", context)
    response["Cache-Control"] = "no-store"
    return response


def badge(text: "StrOrPromise", variant: str = "") -> SafeString:
    """A status as a coloured label. Variants: info, success, warning, danger, primary, or none."""
    return format_html('<span class="badge badge-{}">{}</span>', variant or "plain", text)


def bdi(text: "StrOrPromise") -> SafeString:
    """Text that keeps its own direction: an amount, a number, an address."""
    if str(text).startswith("+"):  # a phone number has no letter that would say which way it runs
        return format_html('<bdi dir="ltr">{}</bdi>', text)
    return format_html("<bdi>{}</bdi>", text)


def isolated(text: str) -> str:
    """The same where no markup goes: in the midst of a sentence."""
    return f"\u2068{text}\u2069"


def two_lines(first: "StrOrPromise", second: "StrOrPromise") -> SafeString:
    """A cell of a list: what counts, and below it, quieter, what goes with it."""
    if not second:
        return bdi(first)
    return format_html('{}<span class="second-line">{}</span>', bdi(first), bdi(second))


def moment(at: dt.datetime | None) -> SafeString:
    """A date and, below it, the time on the reader's wall clock."""
    if at is None:
        return bdi("–")
    local = timezone.localtime(at)
    return two_lines(date_format(local, "DATE_FORMAT"), date_format(local, "TIME_FORMAT"))


def page(
    model_admin: "ModelAdmin[Any]", request: HttpRequest, template: str, context: Mapping[str, Any]
) -> TemplateResponse:
    """A page of the dashboard around a template of ours."""
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(
        request,
        template,
        {**model_admin.admin_site.each_context(request), "model_admin": model_admin, **context},
    )
