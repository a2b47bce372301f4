"""Exports of lists as files: the rows of the person's own account, filtered and searched as in the list.

Each page names the columns of its file in `export_columns`; no other column, such as a digest, is ever exported. The
columns are named as in the API, and an amount is exact, with its currency in a column of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.utils.text import slugify

from inflow import labels, masking, sheets
from inflow.accounts import audit
from inflow.accounts.models import User
from inflow.dashboard.core.errors import InvalidFilter, RequiresWorker, TooManyRows

# A heading with the path from the row, or with a function of the row.
Source = tuple[str, str | Callable[[Any], Any]]
Column = str | Source  # a string is both heading and path
FORMATS = ("csv", "xlsx")
MOST_IN_WORKBOOK = 50_000
_CHUNK = 1_000


def name_of(model_name: str) -> str:
    """Return the title of the list of `invoice`, say, in the reader's language."""
    models = (model for app in labels.OURS for model in apps.get_app_config(app).get_models())
    names = (model._meta.verbose_name_plural for model in models if model._meta.model_name == model_name)
    return str(next(names, model_name))


@dataclass(frozen=True, slots=True)
class Sheet:
    """Headings of an exported list, and the way its rows are read."""

    columns: list[Source]

    @property
    def headings(self) -> list[str]:
        return [heading for heading, _source in self.columns]

    def related(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows with the relations that the columns' paths follow, to be read in one query."""
        paths = [source for _heading, source in self.columns if isinstance(source, str) and "__" in source]
        return rows.select_related(*{path.rpartition("__")[0] for path in paths}) if paths else rows

    def lines(self, rows: Iterable[Any]) -> Iterator[list[Any]]:
        reads = [source if callable(source) else _reader(source) for _heading, source in self.columns]
        for row in rows:
            yield [read(row) for read in reads]


def sheet_of(model_admin: Any, request: Any) -> Sheet:
    first: list[Source] = [("account", "account__name")] if model_admin.shows_account(request) else []
    return Sheet(first + [(each, each) if isinstance(each, str) else each for each in model_admin.export_columns])


def listed(model_admin: Any, request: Any) -> Any:
    """Return the list at this address. Raise InvalidFilter if its parameters are not accepted."""
    try:
        return model_admin.get_changelist_instance(request)
    except IncorrectLookupParameters as error:
        raise InvalidFilter from error


def respond(model_admin: Any, request: Any, user: User, form: str) -> HttpResponseBase:
    """Return the list at this address as a file, and record the export in the audit log. Raise RequiresWorker if the
    list is too long for a request."""
    model = model_admin.model
    shown = listed(model_admin, request)
    count = shown.queryset.order_by().count()  # the list itself counts its first rows only
    if form == "xlsx" and count > MOST_IN_WORKBOOK:
        raise TooManyRows
    action, filters = f"{model._meta.model_name}.exported", request.GET.urlencode()[:1_000]
    audit.record(user.account, user.email, action, f"{count} rows", format=form, filters=filters)
    if count > settings.EXPORT_AT_ONCE[form]:
        raise RequiresWorker
    sheet = sheet_of(model_admin, request)
    rows = model_admin.with_figures(request, sheet.related(shown.queryset))
    lines = sheet.lines(rows.iterator(chunk_size=_CHUNK))
    return file_response(sheet.headings, lines, file_name_of(model, form))


def file_response(headings: Sequence[str], lines: Iterable[Sequence[Any]], file_name: str) -> HttpResponseBase:
    """Respond with a workbook or a CSV file, according to its name."""
    if file_name.endswith(".xlsx"):
        from inflow.dashboard.core import workbooks

        file = workbooks.xlsx_file(headings, lines)
        return FileResponse(file, as_attachment=True, filename=file_name, content_type=sheets.XLSX)
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
    return HttpResponse(b"".join(sheets.csv_parts(headings, lines)), content_type=sheets.CSV, headers=headers)


def file_name_of(model: type[Model], form: str) -> str:
    return f"{slugify(str(model._meta.verbose_name_plural)) or model._meta.model_name}.{form}"


def _reader(path: str) -> Callable[[Any], Any]:
    names = path.split("__")

    def read(row: Any) -> Any:
        for name in names:
            row = getattr(row, name) if row is not None else None
        is_text = isinstance(row, str | dict | list)  # all of these are written as text
        return masking.mask_links(sheets.text_of(row)) if is_text else row

    return read
