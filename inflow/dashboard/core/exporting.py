"""Any list of the dashboard as a file: what is filtered and searched there, of the person's own account.

Which columns a list has is declared, model by model: what nobody named, such as a digest, never leaves.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.utils.text import slugify

from inflow import masking, sheets
from inflow.accounts import audit
from inflow.accounts.models import User

# Its name and path are one, or a heading with the path from the row, or with a function of it.
Column = str | tuple[str, str | Callable[[Any], Any]]
FORMATS = ("csv", "xlsx")
MOST_IN_WORKBOOK = 50_000
# The rows that a request writes itself, in about a second; a worker writes what is longer.
AT_ONCE = {"csv": 3_000, "xlsx": 1_000}
_CHUNK = 1_000

_declared: dict[type[Model], tuple[Column, ...]] = {}


class TooLong(Exception):
    """More rows than a workbook takes."""


class Large(Exception):
    """More rows than a request writes itself."""


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


@dataclass(frozen=True, slots=True)
class Sheet:
    """The headings of a list's file and how its rows are read."""

    columns: tuple[Column, ...]

    @property
    def headings(self) -> list[str]:
        return [column if isinstance(column, str) else column[0] for column in self.columns]

    def related(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows with what the columns' paths go over."""
        relations = _relations(self.columns)
        return rows.select_related(*relations) if relations else rows

    def lines(self, rows: Iterable[Any]) -> Iterator[list[Any]]:
        sources = [column if isinstance(column, str) else column[1] for column in self.columns]
        reads = [source if callable(source) else _reader(source) for source in sources]
        for row in rows:
            yield [read(row) for read in reads]


def sheet_of(model: type[Model], *, says_whose: bool) -> Sheet:
    columns = columns_of(model)
    return Sheet((("account", "account__name"), *columns) if says_whose else columns)


def listed(model_admin: Any, request: Any) -> Any:
    """Return the list at this address. BadFilter where it would not understand it."""
    try:
        return model_admin.get_changelist_instance(request)
    except IncorrectLookupParameters as error:
        raise BadFilter from error


def answer(model_admin: Any, request: Any, user: User, form: str, *, says_whose: bool) -> HttpResponseBase:
    """Return the list at this address as a file, and note that it left. Large where a worker must make it."""
    model = model_admin.model
    shown = listed(model_admin, request)
    if form == "xlsx" and shown.result_count > MOST_IN_WORKBOOK:
        raise TooLong
    audit.record(
        user.account,
        user.email,
        f"{model._meta.model_name}.exported",
        f"{shown.result_count} rows",
        format=form,
        filters=request.GET.urlencode()[:1_000],
    )
    if shown.result_count > AT_ONCE[form]:
        raise Large
    sheet = sheet_of(model, says_whose=says_whose)
    lines = sheet.lines(sheet.related(shown.queryset).iterator(chunk_size=_CHUNK))
    file_name = file_name_of(model, form)
    if form == "xlsx":
        from inflow.dashboard.core import workbooks

        return FileResponse(
            workbooks.xlsx_file(sheet.headings, lines), as_attachment=True, filename=file_name, content_type=sheets.XLSX
        )
    return HttpResponse(
        b"".join(sheets.csv_parts(sheet.headings, lines)),
        content_type=sheets.CSV,
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )


def file_name_of(model: type[Model], form: str) -> str:
    return f"{slugify(str(model._meta.verbose_name_plural)) or model._meta.model_name}.{form}"


def _reader(path: str) -> Callable[[Any], Any]:
    names = path.split("__")

    def read(row: Any) -> Any:
        for name in names:
            row = getattr(row, name) if row is not None else None
        is_text = isinstance(row, str | dict | list)  # of these too a text is written
        return masking.mask_links(sheets.text_of(row)) if is_text else row

    return read


def _relations(columns: Sequence[Column]) -> list[str]:
    """What the paths go over, to be read along."""
    paths = [column if isinstance(column, str) else column[1] for column in columns]
    return sorted({path.rpartition("__")[0] for path in paths if isinstance(path, str) and "__" in path})
