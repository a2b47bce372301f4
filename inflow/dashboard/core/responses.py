"""Pages around a template of ours: a form, a secret that is shown once."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from inflow.dashboard.core import uploads
from inflow.dashboard.core.errors import errors_shown_on
from inflow.dashboard.core.forms import PageForm
from invoices.imports import reading

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def page(
    model_admin: "ModelAdmin[Any]", request: HttpRequest, template: str, context: Mapping[str, Any]
) -> TemplateResponse:
    """Return a page of the dashboard around a template of ours."""
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(
        request, template, {**model_admin.admin_site.each_context(request), "model_admin": model_admin, **context}
    )


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that a POST made. No other page ever shows it."""

    title: str
    secret: str
    example_title: str
    example: str
    back: str


def form_page(
    model_admin: "ModelAdmin[Any]",
    request: HttpRequest,
    form: PageForm,
    do: Callable[[], HttpResponse],
    *,
    title: "StrOrPromise",
    back: str,
    button: "StrOrPromise" = "",
    intro: "StrOrPromise" = "",
    is_grave: bool = False,
    template: str = "admin/page_form.html",
    too_large: str = "",
    **more: Any,
) -> HttpResponse:
    """Show the form; if it is POSTed and valid, call `do`. The form shows what `do` or the domain refuses.

    `more` is the context of a `template` that has more than the form. `too_large` is the error at a file that is too
    large, if its limit is not that of imports.
    """
    if request.method == "POST" and uploads.is_too_large(request):
        form.errors["file"] = form.error_class([too_large or reading.too_large()])
    elif request.method == "POST" and form.is_valid():
        with errors_shown_on(form):
            return do()
    context = {"title": title, "form": form, "back": back, "button": button or title, "intro": intro}
    return page(model_admin, request, template, {**context, **more, "is_grave": is_grave, "row": form.row})


def shown_once(model_admin: "ModelAdmin[Any]", request: HttpRequest, secret: Secret) -> HttpResponse:
    """Respond to the POST that made the secret. The response must not be stored."""
    response = page(model_admin, request, "admin/shown_once.html", asdict(secret))
    response["Cache-Control"] = "no-store"
    return response
