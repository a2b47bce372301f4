"""Statements of the hot path: written once by the ORM, planned once per connection, their values bound at each call.

Building a query's SQL costs Django several times what PostgreSQL needs to answer it. Everything else stays Django's:
the connection and its transactions, its errors, its log of queries.
"""

import datetime as dt
import functools
import itertools
import re
import threading
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models import AutoField, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.expressions import DatabaseDefault
from django.db.models.query import ValuesIterable
from django.db.transaction import atomic
from django.db.utils import InterfaceError, OperationalError
from psycopg import sql as psycopg_sql
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.string import TextLoader

from inflow.wire import Asked, Wire

T = TypeVar("T")
M = TypeVar("M", bound=Model)


class _Cursor:
    """One statement and its answer, with as much of a cursor as Django asks of one: its log of queries and the wrappers
    of `execute` know it. Reads by psycopg's own loaders: Django's gives each moment its zone in Python."""

    adapters = AdaptersMap(psycopg.adapters)
    _query = None  # where Django looks for what was sent; see `_run`

    def __init__(self, wire: Wire, *, begins: bool, commits: bool, ahead: Sequence["Ahead"] = ()) -> None:
        self._wire, self._begins, self._commits, self._ahead = wire, begins, commits, ahead
        self.rows: list[Any] = []
        self.rowcount = 0
        self.found_ahead: dict[Ahead, Any] = {}

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        asked = [Asked(_numbered(sql)[0], values, self.adapters), *(query.asked for query in self._ahead)]
        answers = self._wire.exchange(asked, begins=self._begins, commits=self._commits)
        self.rows, self.rowcount = answers[0]
        self.found_ahead = {query: answer.rows for query, answer in zip(self._ahead, answers[1:], strict=True)}

    def fetchone(self) -> Any:
        """The first row, or None."""
        return self.rows[0] if self.rows else None

    def close(self) -> None:
        """For Django; there is nothing to close."""


_Cursor.adapters.register_loader("jsonb", TextLoader)


class _Number(Loader):
    """A whole number as int, which is what JSON shows of it; else a Decimal."""

    def load(self, data: Any) -> int | Decimal:
        text = bytes(data)
        if text.endswith(b".000"):  # most amounts of money, as their columns have three decimals
            return int(text[:-4])
        whole, _, fraction = text.partition(b".")
        return Decimal(text.decode()) if fraction.strip(b"0") else int(whole)


class _ValuesCursor(_Cursor):
    adapters = AdaptersMap(_Cursor.adapters)


_ValuesCursor.adapters.register_loader("numeric", _Number)


@functools.lru_cache(maxsize=2000)
def _numbered(sql: str) -> tuple[bytes, list[str]]:
    """`sql` with $1, $2, … in place of each %s and of each name, and the names in the order of their numbers."""
    names: dict[str, int] = {}
    places = itertools.count(1)

    def number(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        name = match[1]
        if name and name not in names:
            names[name] = next(places)
        return f"${names[name] if name else next(places)}"

    numbered = re.sub(r"%(?:\((\w+)\)s|s|%)", number, sql)
    return numbered.encode(), list(names)


# --- Asking --------------------------------------------------------------------------------------------------------


def execute(sql: str, values: Mapping[str, Any], *, ahead: "Iterable[Ahead | None]" = ()) -> _Cursor:
    """The answer. Writes that wait (see `together`) go along; so do queries that will be asked later: `look_ahead`."""
    waiting = _waiting()
    return _run_with(_take_writes(waiting) if waiting else [], sql, values, ahead=ahead)


def execute_first(sql: str, values: Sequence[Any]) -> _Cursor:
    """The first statement of a request, which shows by itself whether a connection that was kept still works."""
    database = _database()
    database.health_check_done = True
    try:
        return _run(sql, values, is_alone=True)
    except (OperationalError, InterfaceError):
        if database.in_atomic_block or database.is_usable():
            raise
        database.close()
        return _run(sql, values, is_alone=True)


def look_ahead(*queries: "Ahead | None") -> None:
    """Ask in one trip what `Compiled` queries will ask before the end of `together`. Each is answered by what was found
    now, once; or anew, if rows of its model were written since, or anything went by the ORM."""
    waiting = _waiting()
    if waiting and any(queries) and not _is_watched(_database()):
        first, *others = filter(None, queries)
        cursor = _run(first.plan.sql, first.values, first.plan.cursor, is_alone=True, ahead=others)
        waiting.ahead[first] = cursor.rows


def _run(
    sql: str,
    values: Sequence[Any],
    cursor_class: type[_Cursor] = _Cursor,
    *,
    is_alone: bool = False,
    commits: bool = False,
    ahead: "Iterable[Ahead | None]" = (),
) -> _Cursor:
    """`is_alone`: what it does is the same in a transaction of its own, so that it need not begin the one that is open
    in Django but has not begun in PostgreSQL. True of what only reads: each statement sees what is committed then.
    `commits`: the transaction ends with it."""
    database = _database()
    database.close_if_health_check_failed()
    database.ensure_connection()
    wire = _wire(database)
    begins = not is_alone and database.in_atomic_block and wire.is_idle
    waiting = _waiting()
    queries = [query for query in ahead if query] if waiting and not _is_watched(database) else []
    cursor = cursor_class(wire, begins=begins, commits=commits and not (is_alone and wire.is_idle), ahead=queries)
    if database.queries_logged:
        logged: Any = database.make_debug_cursor(cursor)
        logged.execute(sql, values)
        database.queries_log[-1]["sql"] = spelled_out(sql, values)
    elif _is_watched(database):
        database.make_cursor(cursor).execute(sql, values)
    else:
        database.validate_no_broken_transaction()
        with database.wrap_database_errors:
            cursor.execute(sql, values)
    if waiting:
        waiting.ahead.update(cursor.found_ahead)
    return cursor


def _is_watched(database: Any) -> bool:
    """Whoever logs or wraps statements is shown each by itself."""
    return database.queries_logged or bool(set(database.execute_wrappers) - {_flush_before})


def spelled_out(sql: str, values: Sequence[Any]) -> str:
    """With its values in it, for the log."""

    def value(match: re.Match[str]) -> str:
        return psycopg_sql.quote(values[int(match[1]) - 1], connection.connection)

    return re.sub(r"\$(\d+)", value, _numbered(sql)[0].decode())


def _database() -> Any:
    """This thread's connection, as Django keeps it; to ask Django for it at each use costs as much as a small query."""
    try:
        return _thread.database
    except AttributeError:
        _thread.database = connections[DEFAULT_DB_ALIAS]
        return _thread.database


_thread = threading.local()


def _wire(database: Any) -> Wire:
    """That of the connection, as long as it lasts."""
    wire: Wire | None = getattr(database, "inflow_wire", None)
    if wire is None or not wire.is_of(database.connection):
        wire = database.inflow_wire = Wire(database.connection)
    return wire


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
        query = self.ahead(*constants, **values)
        if query is None:
            return list(self._queryset(*constants, **values))
        plan, waiting = query.plan, _waiting()
        found = waiting.ahead.pop(query, None) if waiting and waiting.ahead else None
        if found is None:
            found = _run(plan.sql, query.values, plan.cursor, is_alone=not plan.locks).rows
        rows: list[T] = plan.read(found)
        return rows

    def ahead(self, *constants: Any, **values: Any) -> "Ahead | None":
        """This question, for `look_ahead`; None where it is built at each call."""
        shape = (constants, *((name, _shape(value)) for name, value in values.items()))
        if shape not in self._known:
            if len(self._known) >= 500:
                self._known.clear()
            self._known[shape] = self._compile(constants, values)
        plan = self._known[shape]
        if plan is None:
            return None
        flat = [part for value in values.values() for part in _parts(value)]
        return Ahead(plan, tuple([flat[place] for place in plan.places]))

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
        if set(places) != set(marks.values()):
            return None
        return _Plan(sql, places, *_reader(queryset), queryset.model, queryset.query.select_for_update)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """`places`: which of the values stands at each placeholder."""

    sql: str
    places: list[int]
    read: Callable[[list[Any]], list[Any]]
    cursor: type[_Cursor]
    model: type[Model]
    locks: bool


class Ahead(NamedTuple):
    """A question to a `Compiled` query."""

    plan: _Plan
    values: tuple[Any, ...]

    @property
    def asked(self) -> Asked:
        return Asked(_numbered(self.plan.sql)[0], self.values, self.plan.cursor.adapters)


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


def new(model: type[M], **values: Any) -> M:
    """`model(**values)` without its signals, in a third of its time. Of a relation, the row it points to is given."""
    row = model.__new__(model)
    row._state = ModelState()
    constants, makers, relations = _defaults(model)
    attributes = vars(row)
    attributes.update(constants)
    for name, value in values.items():
        if name in relations:
            attributes[relations[name].attname] = value.pk
            relations[name].set_cached_value(row, value)
        elif name in constants or name in makers:
            attributes[name] = value
        else:
            raise TypeError(f"{model.__name__} has no {name}")
    for name, make in makers.items():
        if name not in values:
            attributes[name] = make()
    return row


@functools.cache
def _defaults(model: type[Model]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]], dict[str, Any]]:
    """What columns begin with: what is the same for each row, and what is made for each; and the relations by name."""
    fields = _fields(model)
    makers = {name: field.default for name, field in fields.items() if field.has_default() and callable(field.default)}
    constants = {name: field.get_default() for name, field in fields.items() if name not in makers}
    return constants, makers, {field.name: field for field in fields.values() if field.is_relation}


def insert(row: Model, *, unless: str = "") -> bool:
    """INSERT, as `row.save(force_insert=True)` would, without signals and without learning the row's number; what
    the database would fill in by default has to be given. `unless` names a unique constraint that may refuse the row:
    then nothing is written, the transaction goes on, and the answer is False."""
    write = _inserting(row)
    if unless:
        _flush()
        if _run(_insert(type(row), unless=unless), write.values).rowcount == 0:
            return False
    else:
        _write(write)
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    for name in _given_by_the_database(type(row)):
        if isinstance(getattr(row, name), DatabaseDefault):
            delattr(row, name)  # read when it is asked for
    return True


def update(row: Model, attributes: Iterable[str]) -> None:
    """UPDATE these columns of the row, as they stand on the object."""
    _write(_updating(row, tuple(attributes)))


def end_with(sql: str, values: Mapping[str, Any], then: Callable[[int], object]) -> None:
    """Let the transaction end with this statement; `then` is told how many rows it wrote. It goes with what waits, at
    the end of `together`, or at once without it; of two, the first goes before the second."""
    waiting = _waiting()
    if waiting is None:
        then(execute(sql, values).rowcount)
        return
    if waiting.last:
        _flush()
    waiting.last = _Last(sql, values, then)


def flush(model: type[Model]) -> None:
    """Before a `Compiled` query that asks for rows of the model: those that wait are written now."""
    waiting = _waiting()
    if waiting and any(type(write.row) is model for write in waiting.writes):
        _flush()


@contextmanager
def transaction() -> Iterator[None]:
    """`transaction.atomic()` with its rows written `together`. It begins in PostgreSQL with the first statement that
    locks or writes. If that is also its last one, it is a transaction by itself, and neither BEGIN nor COMMIT is sent:
    that is one trip, and locks are held for no other. Else COMMIT goes with the last one."""
    database = _database()
    is_outermost = not database.in_atomic_block
    with atomic(), together():
        yield
        if is_outermost and not database.needs_rollback:
            _flush(is_alone=True, commits=True)
            if not _wire(database).is_idle:
                with database.wrap_database_errors:
                    _wire(database).exchange((), commits=True)


@contextmanager
def together() -> Iterator[None]:
    """Rows written inside wait for `execute`, for a query of the ORM or for the end, and then go in one statement.

    So `Compiled` queries inside must not ask for them. What the database refuses is raised then.
    """
    database = _database()
    if _waiting() is not None:
        yield
        return
    database.inflow_waiting = _Waiting()
    try:
        with database.execute_wrapper(_flush_before):
            yield
            _flush()
    finally:
        database.inflow_waiting = None


@dataclass(frozen=True, slots=True)
class _Write:
    """`update` is the statement, of the attributes `names`; without one, the row is inserted."""

    row: Model
    values: list[Any]
    update: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Last:
    sql: str
    values: Mapping[str, Any]
    then: Callable[[int], object]


@dataclass(slots=True)
class _Waiting:
    writes: list[_Write] = field(default_factory=list)
    last: _Last | None = None
    ahead: dict[Ahead, list[Any]] = field(default_factory=dict)  # what was asked, until it is needed


def _waiting() -> _Waiting | None:
    return getattr(_database(), "inflow_waiting", None)


def _inserting(row: Model) -> _Write:
    _forget(type(row))
    return _Write(row, _values(row, [name for name in _fields(type(row)) if name != _number(type(row))]))


def _updating(row: Model, names: tuple[str, ...]) -> _Write:
    _forget(type(row))
    return _Write(row, [*_values(row, names), row.pk], _update(type(row), names), names)


def _forget(model: type[Model]) -> None:
    """What was asked ahead of the model's rows is no longer so."""
    waiting = _waiting()
    for query in [query for query in waiting.ahead if query.plan.model is model] if waiting else ():
        del waiting.ahead[query]  # type: ignore[union-attr]


def _write(write: _Write) -> None:
    waiting = _waiting()
    if waiting is None:
        _run(write.update or _insert(type(write.row)), write.values)
        return
    for index, other in enumerate(waiting.writes):
        if other.row is write.row:  # of two changes of one row, a statement makes one
            names = (*other.names, *(name for name in write.names if name not in other.names))
            waiting.writes[index] = _updating(write.row, names) if other.update else _inserting(write.row)
            return
        if type(other.row) is type(write.row) and write.update and other.row.pk == write.row.pk:
            _flush()
            break
    waiting.writes.append(write)


def _take_writes(waiting: _Waiting) -> list[tuple[str, list[Any]]]:
    """Statements and their values. New rows of one table are one statement, which numbers them in their order."""
    updates = [(write.update, write.values) for write in waiting.writes if write.update]
    new: dict[type[Model], list[list[Any]]] = {}
    for write in waiting.writes:
        if not write.update:
            new.setdefault(type(write.row), []).append(write.values)
    waiting.writes.clear()
    inserts = [(_insert(model, len(rows)), list(itertools.chain(*rows))) for model, rows in new.items()]
    return [*inserts, *updates]


def _flush(*, is_alone: bool = False, commits: bool = False) -> None:
    waiting = _waiting()
    if waiting is None:
        return
    if last := waiting.last:
        waiting.last = None
        writes = _take_writes(waiting)
        last.then(_run_with(writes, last.sql, last.values, is_alone=is_alone, commits=commits).rowcount)
    elif writes := _take_writes(waiting):
        *before, (sql, values) = writes
        _run_with(before, sql, values, is_alone=is_alone, commits=commits)


def _run_with(
    writes: list[tuple[str, list[Any]]],
    sql: str,
    values: Sequence[Any] | Mapping[str, Any],
    **options: Any,
) -> _Cursor:
    joined, names = _joined(tuple(sql for sql, _ in writes), sql)
    own = [values[name] for name in names] if isinstance(values, Mapping) else values
    return _run(joined, list(itertools.chain(*(part for _, part in writes), own)), **options)


def _flush_before(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if not isinstance(context["cursor"].cursor, _Cursor):
        _flush()
        if waiting := _waiting():
            waiting.ahead.clear()
    return execute(sql, params, many, context)


@functools.lru_cache(maxsize=500)
def _joined(writes: tuple[str, ...], last: str) -> tuple[str, list[str]]:
    """One statement, in which all see the database as it was before, and the names of the values of `last`, if they
    have names, in the order in which they are asked for."""
    parts = ", ".join(f"w{i} AS ({sql})" for i, sql in enumerate(writes))
    first, _, rest = last.strip().partition(" ")
    if writes:
        last = f"WITH {parts}, {rest}" if first == "WITH" else f"WITH {parts} {last}"
    return last, _numbered(last)[1]


def _values(row: Model, attributes: Sequence[str]) -> list[Any]:
    """As the fields would have them stored; most are what psycopg takes already."""
    taken, values = _taken_as_they_are(type(row)), []
    for name in attributes:
        value = getattr(row, name)
        if isinstance(value, DatabaseDefault):
            value = None
        elif value is not None and type(value) is not taken.get(name):
            value = _fields(type(row))[name].get_db_prep_save(value, _database())
        values.append(value)
    return values


@functools.cache
def _taken_as_they_are(model: type[Model]) -> dict[str, type]:
    """By column, the type whose values a field's `get_db_prep_save` gives back as they came."""
    kinds = {name: type(getattr(field, "target_field", field)) for name, field in _fields(model).items()}
    return {name: _TAKEN[kind] for name, kind in kinds.items() if kind in _TAKEN}


_TAKEN: dict[type, type] = {
    models.BigAutoField: int,
    models.BooleanField: bool,
    models.CharField: str,
    models.DateField: dt.date,
    models.DateTimeField: dt.datetime,
    models.DecimalField: Decimal,
    models.EmailField: str,
    models.PositiveIntegerField: int,
    models.PositiveSmallIntegerField: int,
    models.SmallIntegerField: int,
    models.TextField: str,
    models.UUIDField: uuid.UUID,
}


@functools.cache
def _fields(model: type[Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


@functools.lru_cache(maxsize=500)
def _insert(model: type[Model], rows: int = 1, unless: str = "") -> str:
    fields = [field for field in model._meta.concrete_fields if field.attname != _number(model)]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    given = _given_by_the_database(model)
    each = [f"COALESCE(%s, {given[field.attname]})" if field.attname in given else "%s" for field in fields]
    places = ", ".join([f"({', '.join(each)})"] * rows)
    sql = f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {places}'  # noqa: S608
    return f'{sql} ON CONFLICT ON CONSTRAINT "{unless}" DO NOTHING' if unless else sql


@functools.cache
def _number(model: type[Model]) -> str:
    """The column that the database fills by itself, if there is one."""
    return model._meta.pk.attname if isinstance(model._meta.pk, AutoField) else ""


@functools.cache
def _given_by_the_database(model: type[Model]) -> dict[str, str]:
    """The columns with a default of the database's, and its SQL."""
    editor: Any = connection.schema_editor()
    fields = [field for field in model._meta.concrete_fields if field.has_db_default()]
    return {field.attname: editor.db_default_sql(field)[0] for field in fields}


@functools.lru_cache(maxsize=500)
def _update(model: type[Model], attributes: tuple[str, ...]) -> str:
    fields = _fields(model)
    columns = ", ".join(f'"{fields[name].column}" = %s' for name in attributes)
    return f'UPDATE "{model._meta.db_table}" SET {columns} WHERE "{model._meta.pk.column}" = %s'  # noqa: S608
