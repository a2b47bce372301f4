"""SQL of the hot path, and the only module that knows psycopg. Everything else is ordinary Django.

`@compiled` turns a function that returns a queryset into one that returns its rows. The ORM builds the SQL once for
each shape of the arguments (which are None or booleans, how long the lists are); psycopg runs it as a prepared
statement. Building the SQL takes Django several times as long as PostgreSQL takes to run it.

`select(sql, values)` runs SQL that is written by hand on Django's connection, in its transaction, and returns the rows
as psycopg loads them. `columns` and `objects` read whole models in such a statement.

A `Batch` holds the rows that a unit of work inserts and updates, until `flush` writes them in one statement.

`account_scope` is a transaction that belongs to one account.
"""

import datetime as dt
import functools
import itertools
import re
import uuid
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.backends.signals import connection_created
from django.db.models import AutoField, JSONField, Model, QuerySet
from django.db.models.expressions import DatabaseDefault
from django.dispatch import receiver

from inflow import many_rows

T = TypeVar("T")
M = TypeVar("M", bound=Model)
Values = Sequence[Any] | Mapping[str, Any]


@receiver(connection_created)
def prepare_statements(sender: object, connection: Any, **_: Any) -> None:
    """Prepare what is seen twice. Django's own cursors bind values on the client, and never prepare."""
    raw = connection.connection
    raw.prepare_threshold, raw.prepared_max = 1, 400


# --- Statements --------------------------------------------------------------------------------------------------


def select(sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows; none if it returns none. Django logs, wraps and translates its errors.

    A migration that changes the type of a column makes what was prepared before it fail. A transaction that meets this
    is over, and psycopg forgets what it prepared at the rollback. Outside of one, the statement is prepared anew.
    """
    try:
        return _run(sql, values)
    except NotSupportedError:
        if connections[DEFAULT_DB_ALIAS].in_atomic_block:
            raise
        _run("DEALLOCATE ALL", ())
        return _run(sql, values)


def _run(sql: str, values: Values) -> list[tuple[Any, ...]]:
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    raw: Any = psycopg.Cursor(database.connection)
    raw.format = psycopg.pq.Format.BINARY  # psycopg's loaders in C; of text, Django's reads timestamps in Python
    if database.queries_logged:
        database.make_debug_cursor(raw).execute(sql, values)
        database.queries_log[-1]["sql"] = psycopg.ClientCursor(database.connection).mogrify(sql, values)
    else:
        database.make_cursor(raw).execute(sql, values)
    return [] if raw.rownumber is None else raw.fetchall()


def select_first(sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
    """Run the first `select` of a request. If the kept connection is dead, run it once more on a new one."""
    try:
        return select(sql, values)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or not close_dead_connection():
            raise
        return select(sql, values)


def close_dead_connection() -> bool:
    """Close the connection if PostgreSQL ended it meanwhile. Return True if it was dead."""
    if connection.connection is None or connection.is_usable():
        return False
    connection.close()
    return True


def columns(*models: type[Model]) -> str:
    """Return the columns of these models for a statement whose rows `objects` reads."""
    fields = ((model._meta.db_table, field.column) for model in models for field in model._meta.concrete_fields)
    return ", ".join(f'"{table}"."{column}"' for table, column in fields)


def objects(row: Sequence[Any], *models: type[Model]) -> list[Any]:
    """Return the objects of a row of `columns`. An outer join that found no row yields None."""
    rest, found = iter(row), []
    for model in models:
        names = _names(model)
        values = [*itertools.islice(rest, len(names))]
        is_found = values[names.index(model._meta.pk.attname)] is not None
        found.append(model.from_db(DEFAULT_DB_ALIAS, names, values) if is_found else None)
    return found


@functools.cache
def _names(model: type[Model]) -> list[str]:
    fields = model._meta.concrete_fields
    # JSON is read by psycopg.
    converted = (hasattr(field, "from_db_value") and not isinstance(field, JSONField) for field in fields)
    assert not any(converted), f"{model.__name__}: its values are converted"
    return [field.attname for field in fields]


# --- Compiled querysets ------------------------------------------------------------------------------------------


class compiled(Generic[T]):
    """Return a list of what the queryset yields: dicts of `.values()`, else objects. Positional arguments are written
    into the SQL, so that a plan may rely on them; keyword arguments are its parameters.

        @compiled
        def lines_of(*, invoice: uuid.UUID) -> QuerySet[Line]:
            return Line.objects.filter(invoice=invoice)
    """

    def __init__(self, queryset: Callable[..., QuerySet[Any, T]]) -> None:
        self._queryset = queryset
        self._plans: dict[Hashable, _Plan | None] = {}

    def __call__(self, *constants: Any, **values: Any) -> list[T]:
        shape = constants, *((name, _shape(value)) for name, value in values.items())
        try:
            plan = self._plans[shape]
        except KeyError:  # one look: another thread may clear them at any moment
            if len(self._plans) >= 500:
                self._plans.clear()
            plan = self._plans[shape] = self._compile(constants, values)
        if plan is None:
            return list(self._queryset(*constants, **values))
        parts = [part for value in values.values() for part in _parts(value)]
        rows = select(plan.sql, [parts[place] for place in plan.places])
        if plan.names:
            return [dict(zip(plan.names, row, strict=True)) for row in rows]  # type: ignore[misc]
        return [plan.model.from_db(DEFAULT_DB_ALIAS, _names(plan.model), row) for row in rows]  # type: ignore[misc]

    def _compile(self, constants: tuple[Any, ...], values: dict[str, Any]) -> "_Plan | None":
        """Compile with a marker in place of each value, to see where it goes. Return None, so that the ORM builds the
        SQL at each call, if a lookup changes a value on its way, or nothing can be found."""
        markers: dict[Any, int] = {}
        try:
            queryset = self._queryset(*constants, **{name: _marked(value, markers) for name, value in values.items()})
            sql, parameters = queryset.query.sql_with_params()
        except (EmptyResultSet, KeyError):
            return None
        connection = connections[DEFAULT_DB_ALIAS]
        connection.ensure_connection()
        remaining, places = iter(parameters), list[int]()

        def placeholder(match: re.Match[str]) -> str:
            if match[0] == "%%":
                return "%%"
            parameter = next(remaining)
            if isinstance(parameter, Hashable) and parameter in markers:
                places.append(markers[parameter])
                return "%s"
            return psycopg.sql.quote(parameter, connection.connection).replace("%", "%%")

        sql = re.sub("%[s%]", placeholder, sql)
        if set(places) != set(markers.values()):
            return None
        return _Plan(sql, places, queryset.query.values_select, queryset.model)


class _Plan:
    """A statement: its SQL, the place of each parameter among the values, and what its rows become."""

    def __init__(self, sql: str, places: list[int], names: Sequence[str], model: type[Model]) -> None:
        self.sql, self.places, self.names, self.model = sql, places, names, model


def _shape(value: Any) -> Any:
    """Return what decides on the SQL: the types of the values, and None and booleans themselves."""
    if isinstance(value, (list, tuple)):
        return tuple(map(type, value))
    return value if value is None or isinstance(value, bool) else type(value)


def _parts(value: Any) -> Sequence[Any]:
    if isinstance(value, (list, tuple)):
        return value
    return () if value is None or isinstance(value, bool) else (value,)


_numbers = itertools.count(1_000_000_007)
# A value of each type that nobody means.
_MARKERS: dict[type, Callable[[], Any]] = {
    uuid.UUID: uuid.uuid4,
    str: lambda: uuid.uuid4().hex,
    int: lambda: next(_numbers),
    dt.date: lambda: dt.date(1, 1, 1) + dt.timedelta(days=next(_numbers) % 100_000),
    dt.datetime: lambda: dt.datetime(1, 1, 2, tzinfo=dt.UTC) + dt.timedelta(microseconds=next(_numbers)),
}


def _marked(value: Any, markers: dict[Any, int]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_marker(part, markers) for part in value]
    return _marker(value, markers) if _parts(value) else value


def _marker(value: Any, markers: dict[Any, int]) -> Any:
    marker = _MARKERS[type(value)]()
    markers[marker] = len(markers)
    return marker


# --- Writing -----------------------------------------------------------------------------------------------------


class Batch:
    """Rows that a unit of work inserts and updates. They are written by `flush`, with the values that they have then,
    in one statement: new rows in their order, and a changed row once however often it changed.

    Flush before you read these tables or write to them in another way. No signals are sent, and the number of a new row
    (`AutoField`) is not read back.
    """

    def __init__(self) -> None:
        self._new: dict[int, Model] = {}
        self._changed: dict[Hashable, tuple[Model, dict[str, None]]] = {}

    def insert(self, row: Model) -> None:
        self._new[id(row)] = row

    def update(self, row: Model, *names: str) -> None:
        """Write these attributes of the row."""
        if id(row) in self._new:
            return
        known, changed = self._changed.setdefault((type(row), row.pk), (row, {}))
        if known is not row:  # one statement can't change a row twice
            self.flush()
            self.update(row, *names)
            return
        changed.update(dict.fromkeys(names))

    def flush(self) -> None:
        """Write all rows. Raises what the database has against one of them: then all are still to be written."""
        new, changed = list(self._new.values()), self._changed
        database = connections[DEFAULT_DB_ALIAS]
        statements, values = [], list[Any]()
        for model in dict.fromkeys(map(type, new)):
            rows = [row for row in new if type(row) is model]
            fields = _inserted(model)
            given = [[getattr(row, field.attname) for field in fields] for row in rows]
            if statement := many_rows.insert(model, fields, given):
                statements.append(statement[0])
                values += statement[1]
                continue
            placeholders = tuple(tuple(map(_placeholder, row)) for row in given)
            statements.append(_insert_sql(model, placeholders))
            values += [
                field.get_db_prep_save(value, database)
                for row, marks in zip(given, placeholders, strict=True)
                for field, value, mark in zip(fields, row, marks, strict=True)
                if mark == "%s"
            ]
        alike: dict[tuple[type[Model], tuple[str, ...]], list[Model]] = {}
        for row, changes in changed.values():
            alike.setdefault((type(row), tuple(changes)), []).append(row)
        for (model, names), rows in alike.items():
            fields = [model._meta.pk, *(_fields(model)[name] for name in names)]
            given = [[getattr(row, field.attname) for field in fields] for row in rows]
            if statement := many_rows.update(model, fields, given):
                statements.append(statement[0])
                values += statement[1]
                continue
            for key, *rest in given:
                statements.append(_update_sql(model, names))
                pairs = zip(fields[1:], rest, strict=True)
                values += [*(field.get_db_prep_save(value, database) for field, value in pairs), key]
        if statements:
            *first, last = statements
            parts = ", ".join(f"w{number} AS ({sql})" for number, sql in enumerate(first))
            select(f"WITH {parts} {last}" if first else last, values)
        self._new, self._changed = {}, {}
        for row in new:
            row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


@contextmanager
def joining(batch: Batch | None) -> Iterator[Batch]:
    """Yield `batch`, which its owner flushes, or a new one that is flushed at the end."""
    own = Batch() if batch is None else batch
    yield own
    if batch is None:
        own.flush()


@functools.cache
def _fields(model: type[Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


@functools.cache
def _inserted(model: type[Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]


def _placeholder(value: Any) -> str:
    """Return what stands for a value in a new row. psycopg parses a statement of over 50 parameters each time."""
    return "NULL" if value is None else "DEFAULT" if isinstance(value, DatabaseDefault) else "%s"


@functools.lru_cache(maxsize=500)
def _insert_sql(model: type[Model], placeholders: tuple[tuple[str, ...], ...]) -> str:
    columns = ", ".join(f'"{field.column}"' for field in _inserted(model))
    rows = ", ".join(f"({', '.join(row)})" for row in placeholders)
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {rows}'  # noqa: S608


@functools.lru_cache(maxsize=500)
def _update_sql(model: type[Model], names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{_fields(model)[name].column}" = %s' for name in names)
    return f'UPDATE "{model._meta.db_table}" SET {columns} WHERE "{model._meta.pk.column}" = %s'  # noqa: S608


@contextmanager
def account_scope(account: Model) -> Iterator[None]:
    """Open a transaction that names its account to PostgreSQL, as the setting `inflow.account`. One that is opened
    inside that of another account gives the name back at its end."""
    name = str(account.pk)
    with transaction.atomic():
        ((outer, _),) = select(f"SELECT current_setting('inflow.account', true), {_NAME_ACCOUNT}", [name])
        yield
        if outer and outer != name:
            select(f"SELECT {_NAME_ACCOUNT}", [outer])


_NAME_ACCOUNT = "set_config('inflow.account', %s, true)"
