"""Any list of the dashboard as a file: what is filtered and searched there, of the person's own account.

Which columns a list has is declared, model by model: what nobody named, such as a digest, never leaves.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.text import slugify

from inflow import masking
from inflow.accounts import audit, sheets
from inflow.accounts.models import User

# Its name and path are one, or a heading with the path from the row, or with a function of it.
Column = str | tuple[str, str | Callable[[Any], Any]]
FORMATS = ("csv", "xlsx")
# A workbook is written as a whole before its first byte leaves; a CSV of any length streams.
MOST_IN_WORKBOOK = 50_000
_AT_ONCE = 2_000

_declared: dict[type[Model], tuple[Column, ...]] = {}


class TooLong(Exception):
    """More rows than a workbook takes."""


class BadFilter(Exception):
    """The list itself would not understand this address."""


def declare(model: type[Model], *columns: Column) -> None:
    _declared[model] = columns


def name_of(model_name: str) -> str:
    """What the list of `invoice` is called, in the reader's language."""
    names = (model._meta.verbose_name_plural for model in _declared if model._meta.model_name == model_name)
    return str(next(names, model_name))


def columns_of(model: type[Model]) -> tuple[Column, ...]:
    """None where the list can't be exported."""
    return _declared.get(model, ())


def answer(model_admin: Any, request: Any, user: User, form: str, *, says_whose: bool) -> HttpResponseBase:
    """The list at this address as a file; that it left is in the audit log."""
    model = model_admin.model
    columns = columns_of(model)
    if says_whose:
        columns = (("account", "account__name"), *columns)
    try:
        shown = model_admin.get_changelist_instance(request)
    except IncorrectLookupParameters as error:
        raise BadFilter from error
    rows: QuerySet[Any] = shown.queryset
    if form == "xlsx" and shown.result_count > MOST_IN_WORKBOOK:
        raise TooLong
    name = model._meta.model_name
    audit.record(
        user.account,
        user.email,
        f"{name}.exported",
        f"{shown.result_count} rows",
        format=form,
        filters=request.GET.urlencode()[:1_000],
    )
    headings = [column if isinstance(column, str) else column[0] for column in columns]
    lines = _lines(rows.select_related(*_relations(columns)) if _relations(columns) else rows, columns)
    file_name = f"{slugify(str(model._meta.verbose_name_plural)) or name}.{form}"
    if form == "xlsx":
        from inflow.accounts import workbooks

        return FileResponse(
            workbooks.xlsx_file(headings, lines), as_attachment=True, filename=file_name, content_type=sheets.XLSX
        )
    streamed = StreamingHttpResponse(sheets.csv_parts(headings, lines), content_type=sheets.CSV)
    streamed["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return streamed


def _lines(rows: QuerySet[Any], columns: Sequence[Column]) -> Iterator[list[Any]]:
    sources = [column if isinstance(column, str) else column[1] for column in columns]
    reads = [source if callable(source) else _reader(source) for source in sources]
    for row in rows.iterator(chunk_size=_AT_ONCE):
        yield [read(row) for read in reads]


def _reader(path: str) -> Callable[[Any], Any]:
    names = path.split("__")

    def read(row: Any) -> Any:
        for name in names:
            row = getattr(row, name) if row is not None else None
        return masking.mask_links(row) if isinstance(row, str) else row

    return read


def _relations(columns: Sequence[Column]) -> list[str]:
    """What the paths go over, to be read along."""
    paths = [column if isinstance(column, str) else column[1] for column in columns]
    return sorted({path.rpartition("__")[0] for path in paths if isinstance(path, str) and "__" in path})
