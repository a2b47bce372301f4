"""Statements of the hot path: written once by the ORM, planned once per connection, their values bound at each call.

Building a query's SQL costs Django several times what PostgreSQL needs to answer it. Everything else stays Django's:
the connection and its transactions, its errors, its log of queries.
"""

import datetime as dt
import functools
import itertools
import re
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import AutoField, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.query import ValuesIterable
from django.db.utils import InterfaceError, OperationalError
from psycopg import sql as psycopg_sql
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.string import TextLoader

T = TypeVar("T")


class _Cursor(psycopg.Cursor[Any]):
    """Binds on the server, so that statements can be prepared. Reads by psycopg's own loaders: Django's gives each
    moment its zone in Python."""

    adapters = AdaptersMap(psycopg.adapters)


_Cursor.adapters.register_loader("jsonb", TextLoader)


class _Number(Loader):
    """A whole number as int, which is what JSON shows of it; else a Decimal."""

    def load(self, data: Any) -> int | Decimal:
        whole, _, fraction = bytes(data).partition(b".")
        return Decimal(bytes(data).decode()) if fraction.strip(b"0") else int(whole)


class _ValuesCursor(_Cursor):
    adapters = AdaptersMap(_Cursor.adapters)


_ValuesCursor.adapters.register_loader("numeric", _Number)


def execute(sql: str, values: Mapping[str, Any]) -> Any:
    """A cursor with the answer. Writes that wait (see `together`) go along."""
    writes = _take_waiting()
    if not writes:
        return _run(sql, values)
    joined = _joined(tuple(sql for sql, _ in writes), sql)
    return _run(joined, _by_name(values for _, values in writes) | dict(values))


def execute_first(sql: str, values: Sequence[Any]) -> Any:
    """The first statement of a request, which shows by itself whether a connection that was kept still works."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    database.health_check_done = True
    try:
        return _run(sql, values)
    except (OperationalError, InterfaceError):
        if database.in_atomic_block or database.is_usable():
            raise
        database.close()
        return _run(sql, values)


def _run(sql: str, values: Sequence[Any] | Mapping[str, Any], cursor_class: type[_Cursor] = _Cursor) -> Any:
    database: Any = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up at each use
    database.close_if_health_check_failed()
    database.ensure_connection()
    raw = cursor_class(database.connection)
    if database.queries_logged:
        cursor = database.make_debug_cursor(raw)
        cursor.execute(sql, values)
        # Django asks the cursor, which does not keep it.
        database.queries_log[-1]["sql"] = psycopg.ClientCursor(database.connection).mogrify(sql, values)
        return cursor
    if database.execute_wrappers and database.execute_wrappers != [_flush_before]:
        cursor = database.make_cursor(raw)
        cursor.execute(sql, values)
        return cursor
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        raw.execute(sql, values)
    return raw


class Compiled(Generic[T]):
    """A queryset as a function of its values. Its SQL is built once for each shape of them: which are None or true,
    and how long the lists are. `constants` are written into it. Calls return a list of what the queryset yields; whole
    numbers of `.values()` come as int.

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
        rows: list[T] = plan.read(_run(plan.sql, [flat[place] for place in plan.places], plan.cursor).fetchall())
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
        return _Plan(sql, places, *_reader(queryset)) if set(places) == set(marks.values()) else None


@dataclass(frozen=True, slots=True)
class _Plan:
    """`places`: which of the values stands at each placeholder."""

    sql: str
    places: list[int]
    read: Callable[[list[Any]], list[Any]]
    cursor: type[_Cursor]


def _reader(queryset: QuerySet[Any, Any]) -> tuple[Callable[[list[Any]], list[Any]], type[_Cursor]]:
    """Turns rows into what the queryset yields: dicts of `.values()`, else objects."""
    if queryset._iterable_class is ValuesIterable:
        names = queryset.query.values_select
        return lambda rows: [dict(zip(names, row, strict=True)) for row in rows], _ValuesCursor
    return lambda rows: [objects(row, queryset.model)[0] for row in rows], _Cursor


def columns(*models: type[Model]) -> str:
    """Of these tables, for a statement that is written by hand; `objects` reads its rows."""
    return ", ".join(
        f'"{model._meta.db_table}"."{field.column}"' for model in models for field in model._meta.concrete_fields
    )


def objects(row: Sequence[Any], *models: type[Model]) -> list[Any]:
    found, begin = [], 0
    for model in models:
        attributes = _attributes(model)
        end = begin + len(attributes)
        # `from_db` without its signals and its look at each field.
        made = model.__new__(model)
        made._state = ModelState()
        made._state.adding, made._state.db = False, DEFAULT_DB_ALIAS
        vars(made).update(zip(attributes, row[begin:end], strict=True))
        found.append(made)
        begin = end
    return found


def width(*models: type[Model]) -> int:
    """How many columns these have together."""
    return sum(len(_attributes(model)) for model in models)


@functools.cache
def _attributes(model: type[Model]) -> list[str]:
    assert not any(hasattr(field, "from_db_value") for field in model._meta.concrete_fields), "its values are converted"
    return [field.attname for field in model._meta.concrete_fields]


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
    """INSERT, as `row.save(force_insert=True)` would, without signals and without learning the row's number; what
    the database would fill in by default has to be given. `unless` names a unique constraint that may refuse the row:
    then nothing is written, the transaction goes on, and the answer is False."""
    values = _values(row, [name for name in _fields(type(row)) if name != _number(type(row))])
    if unless:
        _flush()
        if _run(_insert(type(row), unless=unless), values).rowcount == 0:
            return False
    else:
        _write(_Write(row, values))
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return True


def update(row: Model, attributes: Iterable[str]) -> None:
    """UPDATE these columns of the row, as they stand on the object."""
    names = tuple(attributes)
    _write(_Write(row, [*_values(row, names), row.pk], _update(type(row), names)))


@contextmanager
def together() -> Iterator[None]:
    """Rows written inside wait for `execute`, for a query of the ORM or for the end, and then go in one statement.

    So `Compiled` queries inside must not ask for them. What the database refuses is raised then.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    if getattr(database, _WAITING, None) is not None:
        yield
        return
    setattr(database, _WAITING, [])
    try:
        with database.execute_wrapper(_flush_before):
            yield
            _flush()
    finally:
        setattr(database, _WAITING, None)


_WAITING = "inflow_waiting_writes"


@dataclass(frozen=True, slots=True)
class _Write:
    """`update` is the statement; without one, the row is inserted."""

    row: Model
    values: list[Any]
    update: str = ""


def _write(write: _Write) -> None:
    waiting: list[_Write] | None = getattr(connections[DEFAULT_DB_ALIAS], _WAITING, None)
    if waiting is None:
        _run(write.update or _insert(type(write.row)), write.values)
        return
    if any(other.row is write.row for other in waiting):  # of two changes of one row, a statement makes one
        _flush()
    waiting.append(write)


def _take_waiting() -> list[tuple[str, list[Any]]]:
    """Statements and their values. New rows of one table are one statement, which numbers them in their order."""
    waiting: list[_Write] = getattr(connections[DEFAULT_DB_ALIAS], _WAITING, None) or []
    updates = [(write.update, write.values) for write in waiting if write.update]
    new: dict[type[Model], list[list[Any]]] = {}
    for write in waiting:
        if not write.update:
            new.setdefault(type(write.row), []).append(write.values)
    waiting.clear()
    inserts = [(_insert(model, len(rows)), list(itertools.chain(*rows))) for model, rows in new.items()]
    return [*inserts, *updates]


def _flush() -> None:
    writes = _take_waiting()
    if writes:
        *before, (last, _) = writes
        sql = _joined(tuple(sql for sql, _ in before), _named(last, len(before)))
        _run(sql, _by_name(values for _, values in writes))


def _by_name(values: Iterable[list[Any]]) -> dict[str, Any]:
    return {f"w{i}_{j}": value for i, part in enumerate(values) for j, value in enumerate(part)}


def _flush_before(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if not isinstance(context["cursor"].cursor, _Cursor):
        _flush()
    return execute(sql, params, many, context)


@functools.lru_cache(maxsize=500)
def _joined(writes: tuple[str, ...], last: str) -> str:
    """One statement: all see the database as it was before."""
    if not writes:
        return last
    parts = ", ".join(f"w{i} AS ({_named(sql, i)})" for i, sql in enumerate(writes))
    first, _, rest = last.strip().partition(" ")
    return f"WITH {parts}, {rest}" if first == "WITH" else f"WITH {parts} {last}"


def _named(sql: str, number: int) -> str:
    places = itertools.count()
    return re.sub("%s", lambda _: f"%(w{number}_{next(places)})s", sql)


def _values(row: Model, attributes: Iterable[str]) -> list[Any]:
    fields, database = _fields(type(row)), connections[DEFAULT_DB_ALIAS]
    return [fields[name].get_db_prep_save(getattr(row, name), database) for name in attributes]


@functools.cache
def _fields(model: type[Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


@functools.lru_cache(maxsize=500)
def _insert(model: type[Model], rows: int = 1, unless: str = "") -> str:
    fields = [field for field in model._meta.concrete_fields if field.attname != _number(model)]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * rows)
    sql = f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {places}'  # noqa: S608
    return f'{sql} ON CONFLICT ON CONSTRAINT "{unless}" DO NOTHING' if unless else sql


@functools.cache
def _number(model: type[Model]) -> str:
    """The column that the database fills by itself, if there is one."""
    return model._meta.pk.attname if isinstance(model._meta.pk, AutoField) else ""


@functools.lru_cache(maxsize=500)
def _update(model: type[Model], attributes: tuple[str, ...]) -> str:
    fields = _fields(model)
    columns = ", ".join(f'"{fields[name].column}" = %s' for name in attributes)
    return f'UPDATE "{model._meta.db_table}" SET {columns} WHERE "{model._meta.pk.column}" = %s'  # noqa: S608
