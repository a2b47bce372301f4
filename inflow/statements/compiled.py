"""Querysets whose SQL the ORM builds once."""

import datetime as dt
import itertools
import operator
import re
import uuid
from collections.abc import Callable, Hashable, Sequence
from types import NoneType
from typing import Any, Generic, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from django.db.models.query import ValuesIterable
from psycopg import sql as psycopg_sql

from inflow.statements.cursors import Ahead, Cursor, Known, Plan, ValuesCursor
from inflow.statements.rows import each
from inflow.statements.sending import run, thread

T = TypeVar("T")


class Compiled(Generic[T]):
    """A queryset as a function of its values. Its SQL is built once for each shape of them: which are None or true,
    and how long the lists are. `constants` are written into it. Calls return a list of what the queryset yields; whole
    numbers of `.values()` come as int.

        lines_of = Compiled(lambda invoice: Line.objects.filter(invoice=invoice))
        lines_of(invoice=invoice.pk)
    """

    def __init__(self, queryset: Callable[..., QuerySet[Any, T]]) -> None:
        self._queryset = queryset
        self._known: dict[Any, Plan | None] = {}

    def __call__(self, *constants: Any, **values: Any) -> list[T]:
        waiting = thread.waiting
        return self.among(waiting.ahead if waiting else None, *constants, **values)

    def among(self, known: Known | None, *constants: Any, **values: Any) -> list[T]:
        """The same, if it is not among what is `known`; what is, is taken from there."""
        rows: list[T]
        if known and self in known:
            query, found = known.pop(self)
            if query.question == (constants, values):
                rows = query.plan.read(found)
                return rows
        asked = self.ahead(*constants, **values)
        if asked is None:
            return list(self._queryset(*constants, **values))
        plan = asked.plan
        rows = plan.read(run(plan.sql, asked.values, plan.cursor, is_alone=not plan.locks).rows)
        return rows

    def ahead(self, *constants: Any, **values: Any) -> "Ahead | None":
        """This question, for `look_ahead`; None where it is built at each call."""
        given = tuple(values.values())
        kinds = tuple(map(type, given))
        shape: Hashable = constants, tuple(values), kinds
        if not _SHAPELY.isdisjoint(kinds):
            shape = constants, *((name, _shape(value)) for name, value in values.items())
            given = tuple(part for value in given for part in _parts(value))
        try:
            plan = self._known[shape]
        except KeyError:
            if len(self._known) >= 500:
                self._known.clear()
            plan = self._known[shape] = self._compile(constants, values)
        return Ahead(self, (constants, values), plan, plan.take(given)) if plan else None

    def _compile(self, constants: tuple[Any, ...], values: dict[str, Any]) -> "Plan | None":
        """None where a lookup changes its value on the way, so that it cannot be told where it goes."""
        marks: dict[Any, int] = {}
        try:
            marked = {name: _marked(value, marks) for name, value in values.items()}
            queryset = self._queryset(*constants, **marked)
            sql, parameters = queryset.query.sql_with_params()
        except (EmptyResultSet, LookupError):
            return None
        connection.ensure_connection()
        places: list[int] = []

        def written(match: re.Match[str]) -> str:
            if match[0] == "%%":
                return "%%"
            parameter = next(remaining)
            place = marks.get(parameter) if isinstance(parameter, Hashable) else None
            if place is None:
                return psycopg_sql.quote(parameter, connection.connection).replace("%", "%%")
            places.append(place)
            return "%s"

        remaining = iter(parameters)
        sql = re.sub("%[s%]", written, sql)
        if set(places) != set(marks.values()):
            return None
        return Plan(sql, _taking(places), *_reader(queryset), queryset.model, queryset.query.select_for_update)


def _taking(places: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """What takes the values at these places."""
    if len(places) == 1:
        return operator.itemgetter(slice(places[0], places[0] + 1))
    return operator.itemgetter(*places) if places else lambda values: ()


def _reader(queryset: QuerySet[Any, Any]) -> tuple[Callable[[list[Any]], list[Any]], type[Cursor]]:
    """Turns rows into what the queryset yields: dicts of `.values()`, else objects."""
    if queryset._iterable_class is ValuesIterable:
        names = queryset.query.values_select
        return lambda rows: [dict(zip(names, row, strict=True)) for row in rows], ValuesCursor
    return lambda rows: each(rows, queryset.model), Cursor


# --- Values that are recognised again in the compiled query --------------------------------------------------------


# Of these, the value itself decides what SQL is built.
_SHAPELY = frozenset({list, tuple, bool, NoneType})


def _shape(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(map(type, value))
    return value if value is None or isinstance(value, bool) else type(value)


def _parts(value: Any) -> Sequence[Any]:
    if isinstance(value, (list, tuple)):
        return value
    return () if value is None or isinstance(value, bool) else (value,)


def _marked(value: Any, marks: dict[Any, int]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_mark(part, marks) for part in value]
    return _mark(value, marks) if _parts(value) else value


_numbers = itertools.count(1_000_000_007)
# By type, a value that nobody means.
_MARKS: dict[type, Callable[[], Any]] = {
    uuid.UUID: uuid.uuid4,
    str: lambda: uuid.uuid4().hex,
    int: lambda: next(_numbers),
    dt.date: lambda: dt.date(1, 1, 1) + dt.timedelta(days=next(_numbers) % 100_000),
    dt.datetime: lambda: dt.datetime(1, 1, 2, tzinfo=dt.UTC) + dt.timedelta(microseconds=next(_numbers)),
}


def _mark(value: Any, marks: dict[Any, int]) -> Any:
    """A LookupError where there is none for its type."""
    mark = _MARKS[type(value)]()
    marks[mark] = len(marks)
    return mark
