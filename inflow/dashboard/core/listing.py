"""Validation of a list's address: only declared lookups, and only values that PostgreSQL can read."""

import inspect
import re
from typing import Any

from django.contrib.admin import FieldListFilter, RelatedFieldListFilter, SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.functional import cached_property
from unfold.views import ChangeList

MAX_LENGTH = 200
MAX_WORDS = 8
# Rows of a list that are counted and that its pages reach: counting a million takes as long as reading them.
MOST_COUNTED = 10_000
# Parameters of Django that our pages do not use. With `e`, Django would respond to a second error with a page about a
# broken database.
_UNUSED = frozenset({"e", "_popup", "_to_field", "_facets"})
_FORMS = {
    "p": re.compile(r"[0-9]{1,6}", re.ASCII),
    "o": re.compile(r"-?[0-9]{1,3}(\.-?[0-9]{1,3}){0,9}", re.ASCII),
}


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first `MOST_COUNTED` rows. `is_cut` if there are more."""

    template_name = "admin/pagination_bounded.html"

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        found: int = rows.order_by()[: MOST_COUNTED + 1].count()
        return found

    @cached_property
    def count(self) -> int:
        return min(self._found, MOST_COUNTED)

    @property
    def is_cut(self) -> bool:
        return self._found > MOST_COUNTED


class BoundedChangeList(ChangeList):
    """A list whose filters refuse values that are out of range for PostgreSQL or Python's dates.

    The figures of its rows (`with_figures`) are read for the rows of the page only, not for those that are skipped or
    sorted before it.
    """

    result_list: Any

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        try:
            rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        except (DataError, OverflowError, ValidationError, ValueError) as error:
            raise IncorrectLookupParameters(error) from error
        return rows

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows here, not in the template, so that an invalid value is found in time."""
        try:
            super().get_results(request)
            keys = list(self.result_list.values_list("pk", flat=True))
            rows = self.model_admin.with_figures(request, self.apply_select_related(self.root_queryset)).in_bulk(keys)
        except (DataError, OverflowError, ValueError) as error:
            raise IncorrectLookupParameters(error) from error
        self.result_list = [rows[key] for key in keys if key in rows]
        self.show_admin_actions = bool(self.result_count)
        if self.paginator.is_cut or not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count  # the heading then shows no count


def cleaned(query: QueryDict) -> QueryDict:
    """Return the valid parameters of a list, each once."""
    clean = QueryDict(mutable=True)
    for name, value in query.items():
        if not isinstance(value, str) or name in _UNUSED or (name in _FORMS and not _FORMS[name].fullmatch(value)):
            continue
        if len(value) <= MAX_LENGTH or name == "q":
            clean[name] = value[:MAX_LENGTH]
    return clean


def bounded(term: str) -> str:
    """Return the first words of a search term: each word costs a comparison with every row."""
    return " ".join(term[:MAX_LENGTH].replace("\0", " ").split()[:MAX_WORDS])


def declared_lookups(model_admin: Any, request: HttpRequest) -> frozenset[str]:
    """Return the parameters of the list's filters, its date hierarchy and `linked_by`."""
    names: set[str] = set(model_admin.linked_by)
    for each in model_admin.get_list_filter(request):
        names |= _parameters(each, model_admin, request)
    if day := model_admin.date_hierarchy:
        names |= {f"{day}__{part}" for part in ("year", "month", "day")}
    # `status` is the same lookup as `status__exact`.
    names |= {name.removesuffix("__exact") for name in names if name.endswith("__exact") and name.count("__") == 1}
    return frozenset(names)


def _parameters(each: Any, model_admin: Any, request: HttpRequest) -> set[str]:
    if inspect.isclass(each) and issubclass(each, SimpleListFilter):
        return {str(each.parameter_name)}
    path, kind = each if isinstance(each, list | tuple) else (each, FieldListFilter.create)
    field: Any = path if isinstance(path, Field) else get_fields_from_path(model_admin.model, path)[-1]
    if inspect.isclass(kind) and issubclass(kind, RelatedFieldListFilter):  # it would query all its choices
        return {f"{path}__{field.target_field.name}__exact"}
    spec = kind(field, request, {}, model_admin.model, model_admin, field_path=str(path))
    return {name for name in spec.expected_parameters() if name}


def are_keys(model: type[Model], values: list[str]) -> bool:
    """Tell whether each value can be a primary key of the model."""
    key: Any = model._meta.pk
    try:
        for value in values:
            key.clean(value, None)
    except ValidationError:
        return False
    return True
