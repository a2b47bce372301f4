"""Statements of the hot path: written once by the ORM, planned once per connection, their values bound at each call.

Building a query's SQL costs Django several times what PostgreSQL needs to answer it. Everything else stays Django's:
the connection and its transactions, its errors, its log of queries.
"""

import datetime as dt
import functools
import itertools
import re
import uuid
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import AutoField, Model, QuerySet
from django.db.models.query import ValuesIterable
from django.db.utils import InterfaceError, OperationalError
from psycopg import sql as psycopg_sql
from psycopg.adapt import AdaptersMap
from psycopg.types.string import TextLoader

T = TypeVar("T")


class _Cursor(psycopg.Cursor[Any]):
    """Binds on the server, so that statements can be prepared. Reads by psycopg's own loaders: Django's gives each
    moment its zone in Python."""

    adapters = AdaptersMap(psycopg.adapters)  # type: ignore[assignment]


_Cursor.adapters.register_loader("jsonb", TextLoader)


def execute(sql: str, values: Sequence[Any] | Mapping[str, Any]) -> Any:
    """A cursor with the answer."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    raw = _Cursor(connection.connection)
    if connection.queries_logged:
        cursor = connection.make_debug_cursor(raw)
        cursor.execute(sql, values)
        connection.queries_log[-1]["sql"] = sql  # Django asks the cursor, which does not keep it
    else:
        cursor = connection.make_cursor(raw)
        cursor.execute(sql, values)
    return cursor


def execute_first(sql: str, values: Sequence[Any]) -> Any:
    """`execute` for the first statement of a request, which shows by itself whether a kept connection still works."""
    connection.health_check_done = True
    try:
        return execute(sql, values)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or connection.is_usable():
            raise
        connection.close()
        return execute(sql, values)


class Compiled(Generic[T]):
    """A queryset as a function of its values. Its SQL is built once for each shape of them: which are None or true,
    and how long the lists are. `constants` are written into it. Calls return a list of what the queryset yields.

        lines_of = Compiled(lambda invoice: Line.objects.filter(invoice=invoice))
        lines_of(invoice=invoice.pk)
    """

    def __init__(self, queryset: Callable[..., QuerySet[Any, T]]) -> None:
        self._queryset = queryset
        self._known: dict[Any, _Plan | None] = {}

    def __call__(self, *constants: Any, **values: Any) -> list[T]:
        shape = (constants, *((name, _shape(value)) for name, value in values.items()))
        if shape not in self._known:
            if len(self._known) >= 500:
                self._known.clear()
            self._known[shape] = self._compile(constants, values)
        plan = self._known[shape]
        if plan is None:
            return list(self._queryset(*constants, **values))
        flat = [part for value in values.values() for part in _parts(value)]
        rows: list[T] = plan.read(execute(plan.sql, [flat[place] for place in plan.places]).fetchall())
        return rows

    def _compile(self, constants: tuple[Any, ...], values: dict[str, Any]) -> "_Plan | None":
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
        return _Plan(sql, places, _reader(queryset)) if set(places) == set(marks.values()) else None


@dataclass(frozen=True, slots=True)
class _Plan:
    """`places`: which of the values stands at each placeholder."""

    sql: str
    places: list[int]
    read: Callable[[list[Any]], list[Any]]


def _reader(queryset: QuerySet[Any, Any]) -> Callable[[list[Any]], list[Any]]:
    """Turns rows into what the queryset yields: dicts of `.values()`, else objects."""
    if queryset._iterable_class is ValuesIterable:
        names = queryset.query.values_select
        return lambda rows: [dict(zip(names, row, strict=True)) for row in rows]
    model = queryset.model
    attributes = [field.attname for field in model._meta.concrete_fields]
    return lambda rows: [model.from_db(DEFAULT_DB_ALIAS, attributes, row) for row in rows]


# --- Values that are recognised again in the compiled query --------------------------------------------------------


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


# --- Rows ----------------------------------------------------------------------------------------------------------


def insert(row: Model, *, unless: str = "") -> bool:
    """INSERT, as `row.save(force_insert=True)` would, without signals. `unless` names a unique constraint that may
    refuse the row: then nothing is written, the transaction goes on, and the answer is False."""
    attributes, sql = _insert(type(row), row.pk is None, unless)
    cursor = execute(sql, _values(row, attributes))
    if cursor.rowcount == 0:
        return False
    if row.pk is None:
        row.pk = cursor.fetchone()[0]
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return True


def update(row: Model, attributes: Iterable[str]) -> None:
    """UPDATE these columns of the row, as they stand on the object."""
    names = tuple(attributes)
    execute(_update(type(row), names), [*_values(row, names), row.pk])


def _values(row: Model, attributes: Iterable[str]) -> list[Any]:
    fields = _fields(type(row))
    return [fields[name].get_db_prep_save(getattr(row, name), connection) for name in attributes]


@functools.cache
def _fields(model: type[Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


@functools.cache
def _insert(model: type[Model], is_numbered: bool, unless: str) -> tuple[list[str], str]:
    """`is_numbered`: the database gives the key."""
    fields = [
        field for field in model._meta.concrete_fields if not (is_numbered and isinstance(field, AutoField))
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    sql = f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({places})'  # noqa: S608
    sql += f' ON CONFLICT ON CONSTRAINT "{unless}" DO NOTHING' if unless else ""
    sql += f' RETURNING "{model._meta.pk.column}"' if is_numbered else ""
    return [field.attname for field in fields], sql


@functools.lru_cache(maxsize=500)
def _update(model: type[Model], attributes: tuple[str, ...]) -> str:
    fields = _fields(model)
    columns = ", ".join(f'"{fields[name].column}" = %s' for name in attributes)
    return f'UPDATE "{model._meta.db_table}" SET {columns} WHERE "{model._meta.pk.column}" = %s'  # noqa: S608
