"""Page for mapping the columns of a file that were not recognized."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.dashboard.core.errors import errors_shown_on
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.responses import page
from invoices.imports import columns, mapping
from invoices.models.imports import Import

IGNORE = "-"


class ColumnsForm(PageForm):
    """A choice for each column that was not recognized, named by its position."""

    def prepare(self) -> None:
        row: Import = self.row
        self.unknown: list[dict[str, Any]] = row.survey.get("unknown", [])
        decided = mapping.choices_of(row, row.survey.get("headings", []))
        for column in self.unknown:
            field = forms.ChoiceField(
                choices=_choices(row),
                label=column["heading"],
                required=True,
                error_messages={"required": _lazy("Choose a field or ignore the column.")},
            )
            default = "" if column["waits"] else IGNORE
            field.initial = (decided[column["key"]] or IGNORE) if column["key"] in decided else default
            self.add_field(_name(column), field)

    def rows(self) -> list[dict[str, Any]]:
        """Return each column with its sample cells and its choice."""
        return [{**column, "field": self[_name(column)]} for column in self.unknown]

    def choices(self) -> dict[str, str]:
        chosen = {column["key"]: self.cleaned_data[_name(column)] for column in self.unknown}
        return {key: "" if name == IGNORE else name for key, name in chosen.items()}


def columns_page(model_admin: Any, request: HttpRequest, file: Import, *, may: bool, actor: str) -> HttpResponse:
    """Show the columns. On POST, store the choices and continue the import."""
    back = model_admin.url("change", file.pk)
    if not may:
        raise PermissionDenied
    if not mapping.may_be_mapped(file):
        return HttpResponseRedirect(back)
    form = ColumnsForm(request.POST if request.method == "POST" else None, row=file)
    if request.method == "POST" and form.is_valid():
        with errors_shown_on(form):
            mapping.decide(file, form.choices(), actor)
            return HttpResponseRedirect(back)
    recognized = sorted(file.columns.items(), key=lambda pair: pair[1])
    headings = file.survey.get("headings", [])
    context = {
        "title": _("Map columns"),
        "file": file,
        "form": form,
        "back": back,
        "known": [
            {"heading": headings[place] if place < len(headings) else "", "label": columns.label(file.kind, name)}
            for name, place in recognized
        ],
        "lacking": [str(column.label) for column in columns.missing(file.kind, file.columns)],
    }
    return page(model_admin, request, "admin/invoices/import/columns.html", context)


def _choices(file: Import) -> list[tuple[str, str]]:
    headings = file.survey.get("headings", [])
    found = []
    for column in columns.COLUMNS[file.kind]:
        place = file.columns.get(column.field)
        if place is None or place >= len(headings):
            found.append((column.field, str(column.label)))
        else:
            instead = _("%(field)s, instead of “%(heading)s”")
            found.append((column.field, instead % {"field": column.label, "heading": headings[place]}))
    return [("", _("Choose …")), (IGNORE, _("Ignore this column")), *found]


def _name(column: dict[str, Any]) -> str:
    return f"column_{column['place']}"
