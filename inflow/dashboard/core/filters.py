"""Filters of lists."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from inflow.accounts.access import person
from inflow.accounts.models import User

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Options = dict[str, tuple["StrOrPromise", Q | Callable[[User], Q]]]


def choices(*fields: str) -> list[tuple[str, type[ChoicesDropdownFilter]]]:
    """Return the filters by these fields, each with the field's choices."""
    return [(field, ChoicesDropdownFilter) for field in fields]


class OptionsFilter(DropdownFilter):
    """A filter with a condition for each option, or a function that returns it for the person."""

    options: ClassVar[Options]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, label) for value, (label, _condition) in self.options.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        _label, condition = self.options.get(self.value() or "", ("", Q()))
        return queryset.filter(condition(person(request)) if callable(condition) else condition)


class ValuesFilter(DropdownFilter):
    """A filter by the values at `path` in the person's rows."""

    path: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        values = model_admin.get_queryset(request).order_by(self.path).values_list(self.path, flat=True)
        return [(value, value) for value in values.distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.path: self.value()}) if self.value() else queryset
