"""Statements on their way: by which connection they go, and what waits to go with the next one."""

import functools
import itertools
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault
from django.db.transaction import Atomic
from django.db.utils import InterfaceError, OperationalError
from psycopg import sql as psycopg_sql

from inflow.statements.cursors import Ahead, Cursor, Known, numbered
from inflow.statements.rows import Write, given_by_the_database, insert_sql, inserting, updating
from inflow.statements.wire import Wire


def execute(sql: str, values: Mapping[str, Any], *, ahead: Iterable[Ahead | None] = ()) -> Cursor:
    """The answer. Writes that wait (see `together`) go along; so do queries that will be asked later: `look_ahead`."""
    waiting = thread.waiting
    if waiting is None:
        return _run_with([], sql, values)
    cursor = _run_with(_take_writes(waiting), sql, values, ahead=ahead)
    waiting.ahead.update(cursor.found_ahead)
    return cursor


def execute_first(sql: str, values: Sequence[Any], *, ahead: Iterable[Ahead | None] = ()) -> Cursor:
    """The first statement of a request, which shows by itself whether a connection that was kept still works. What was
    found `ahead` is for the `transaction` that comes."""
    database, ahead = _database(), list(ahead)
    database.health_check_done = True
    try:
        return run(sql, values, is_alone=True, ahead=ahead)
    except (OperationalError, InterfaceError):
        if database.in_atomic_block or database.is_usable():
            raise
        database.close()
        return run(sql, values, is_alone=True, ahead=ahead)


def look_ahead(*queries: Ahead | None) -> None:
    """Ask in one trip what `Compiled` queries will ask before the end of `together`. Each is answered by what was found
    now, once; or anew, if rows of its model were written since, or anything went by the ORM."""
    waiting = thread.waiting
    if waiting and any(queries) and not _is_watched(_database()):
        first, *others = filter(None, queries)
        cursor = run(first.plan.sql, first.values, first.plan.cursor, is_alone=True, ahead=others)
        waiting.ahead |= {first.compiled: (first, cursor.rows), **cursor.found_ahead}


def run(
    sql: str,
    values: Sequence[Any],
    cursor_class: type[Cursor] = Cursor,
    *,
    is_alone: bool = False,
    commits: bool = False,
    ahead: Iterable[Ahead | None] = (),
) -> Cursor:
    """`is_alone`: what it does is the same in a transaction of its own, so that it need not begin the one that is open
    in Django but has not begun in PostgreSQL. True of what only reads: each statement sees what is committed then.
    `commits`: the transaction ends with it."""
    database = _database()
    if database.connection is None or not database.health_check_done:
        database.close_if_health_check_failed()
        database.ensure_connection()
    wire, is_watched = _wire(database), _is_watched(database)
    begins = not is_alone and database.in_atomic_block and wire.is_idle
    queries = [] if is_watched else [query for query in ahead if query]
    cursor = cursor_class(wire, begins=begins, commits=commits and not (is_alone and wire.is_idle), ahead=queries)
    if not is_watched:
        database.validate_no_broken_transaction()
        try:
            cursor.execute(sql, values)
        except psycopg.Error:
            with database.wrap_database_errors:
                raise
    elif _is_logged(database):
        logged: Any = database.make_debug_cursor(cursor)
        logged.execute(sql, values)
        database.queries_log[-1]["sql"] = spelled_out(sql, values)
    else:
        database.make_cursor(cursor).execute(sql, values)
    return cursor


def _is_watched(database: Any) -> bool:
    """Whoever logs or wraps statements is shown each by itself."""
    wrappers = database.execute_wrappers
    return _is_logged(database) or bool(wrappers and wrappers != _OWN_WRAPPERS)


def _is_logged(database: Any) -> bool:
    """As its `queries_logged`, which looks the setting up each time."""
    return _DEBUG or database.force_debug_cursor


_DEBUG = settings.DEBUG


def spelled_out(sql: str, values: Sequence[Any]) -> str:
    """With its values in it, for the log."""

    def value(match: re.Match[str]) -> str:
        return psycopg_sql.quote(values[int(match[1]) - 1], connection.connection)

    return re.sub(r"\$(\d+)", value, numbered(sql)[0].decode())


class _Thread(threading.local):
    """What each has of its own. `database` is its connection, as Django keeps it: to ask Django for it at each use
    costs as much as a small query."""

    database: Any = None
    waiting: "_Waiting | None" = None


thread = _Thread()


def _database() -> Any:
    if thread.database is None:
        thread.database = connections[DEFAULT_DB_ALIAS]
    return thread.database


def close_if_obsolete() -> None:
    """Before a request: this thread's connection is closed if it is too old, or was left in a state that is none.
    Django is asked where there is something to be seen."""
    database = _database()
    if database.connection is None or database.in_atomic_block:
        return
    database.health_check_done = False
    is_too_old = database.close_at is not None and time.monotonic() >= database.close_at
    if is_too_old or database.errors_occurred or not database.autocommit:
        database.close_if_unusable_or_obsolete()


def forget() -> None:
    """To be called where Django gives this thread another connection, as when an event loop begins to run in it."""
    vars(thread).clear()


def _wire(database: Any) -> Wire:
    """That of the connection, as long as it lasts."""
    wire: Wire | None = getattr(database, "inflow_wire", None)
    if wire is None or wire.connection is not database.connection:
        wire = database.inflow_wire = Wire(database.connection)
    return wire


# --- Writing -------------------------------------------------------------------------------------------------------


def insert(row: Model, *, unless: str = "") -> bool:
    """INSERT, as `row.save(force_insert=True)` would, without signals and without learning the row's number; what
    the database would fill in by default has to be given. `unless` names a unique constraint that may refuse the row:
    then nothing is written, the transaction goes on, and the answer is False."""
    write = inserting(row)
    if unless:
        _forget(type(row))
        _flush()
        if run(insert_sql(type(row), unless=unless), write.values).rowcount == 0:
            return False
    else:
        _write(write)
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    for name in given_by_the_database(type(row)):
        if isinstance(getattr(row, name), DatabaseDefault):
            delattr(row, name)  # read when it is asked for
    return True


def update(row: Model, attributes: Iterable[str]) -> None:
    """UPDATE these columns of the row, as they stand on the object."""
    _write(updating(row, tuple(attributes)))


# A condition in a statement that ends a transaction. It holds, but not before the rows that wait are written, which
# PostgreSQL would do last. So what the statement locks is locked for no longer than it must.
WRITTEN = "/* written */ TRUE"


def end_with(sql: str, values: Mapping[str, Any], then: Callable[[int], object]) -> None:
    """Let the transaction end with this statement; `then` is told how many rows it wrote. It goes with what waits, at
    the end of `together`, or at once without it; of two, the first goes before the second."""
    waiting = thread.waiting
    if waiting is None:
        then(execute(sql, values).rowcount)
        return
    if waiting.last:
        _flush()
    waiting.last = _Last(sql, values, then)


def flush(model: type[Model]) -> None:
    """Before a `Compiled` query that asks for rows of the model: those that wait are written now."""
    waiting = thread.waiting
    if waiting and any(type(write.row) is model for write in waiting.writes):
        _flush()


@contextmanager
def transaction(asked: Known | None = None) -> Iterator[None]:
    """`transaction.atomic()` with its rows written `together`. It begins in PostgreSQL with the first statement that
    locks or writes. If that is also its last one, it is a transaction by itself, and neither BEGIN nor COMMIT is sent:
    that is one trip, and locks are held for no other. Else COMMIT goes with the last one. `asked` is what was found
    just before, of what will be asked in it: see `look_ahead`."""
    database = _database()
    is_outermost = not database.in_atomic_block
    with _Atomic(DEFAULT_DB_ALIAS, savepoint=True, durable=False), together(asked):
        yield
        if is_outermost and not database.needs_rollback:
            _flush(is_alone=True, commits=True)
            if not _wire(database).is_idle:
                with database.wrap_database_errors:
                    _wire(database).exchange((), commits=True)


class _Atomic(Atomic):
    """Django's atomic block. Of the outermost one Django tells psycopg, before and after, to have it send BEGIN. Here
    that goes with a statement, and it is enough to mark the block. What is not committed ends as Django ends it."""

    def __enter__(self) -> None:
        database = _database()
        is_fit = database.connection is not None and database.health_check_done and not _is_logged(database)
        self._is_marked = is_fit and database.autocommit and not database.in_atomic_block
        if not self._is_marked:
            super().__enter__()
            return
        database.commit_on_exit, database.needs_rollback = True, False
        database.autocommit, database.in_atomic_block = False, True
        database.atomic_blocks.append(self)

    def __exit__(self, error: type[BaseException] | None, *more: Any) -> None:
        database = _database()
        is_bad = error is not None or database.needs_rollback or database.closed_in_transaction
        if is_bad or not self._is_marked or not _wire(database).is_idle:
            super().__exit__(error, *more)
            return
        database.atomic_blocks.pop()
        database.autocommit, database.in_atomic_block = True, False
        database.run_and_clear_commit_hooks()


class together(AbstractContextManager[None]):
    """Rows written inside wait for `execute`, for a query of the ORM or for the end, and then go in one statement.

    So `Compiled` queries inside must not ask for them. What the database refuses is raised then.
    """

    def __init__(self, asked: Known | None = None) -> None:
        self._asked = asked

    def __enter__(self) -> None:
        self._is_outermost = thread.waiting is None
        if self._is_outermost:
            thread.waiting = _Waiting(ahead=dict(self._asked or {}))
            _database().execute_wrappers.append(_flush_before)

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._is_outermost:
            try:
                if error is None:
                    _flush()
            finally:
                _database().execute_wrappers.remove(_flush_before)
                thread.waiting = None


@dataclass(slots=True)
class _Last:
    sql: str
    values: Mapping[str, Any]
    then: Callable[[int], object]


@dataclass(slots=True)
class _Waiting:
    writes: list[Write] = field(default_factory=list)
    last: _Last | None = None
    ahead: Known = field(default_factory=dict)  # until it is needed


def _forget(model: type[Model]) -> None:
    """What was asked ahead of the model's rows is no longer so."""
    waiting = thread.waiting
    if waiting and waiting.ahead:
        waiting.ahead = {
            compiled: known for compiled, known in waiting.ahead.items() if known[0].plan.model is not model
        }


def _write(write: Write) -> None:
    _forget(type(write.row))
    waiting = thread.waiting
    if waiting is None:
        run(write.update or insert_sql(type(write.row)), write.values)
        return
    for index, other in enumerate(waiting.writes):
        if other.row is write.row:  # of two changes of one row, a statement makes one
            names = (*other.names, *(name for name in write.names if name not in other.names))
            waiting.writes[index] = updating(write.row, names) if other.update else inserting(write.row)
            return
        if type(other.row) is type(write.row) and write.update and other.row.pk == write.row.pk:
            _flush()
            break
    waiting.writes.append(write)


def _take_writes(waiting: _Waiting) -> list[tuple[str, list[Any]]]:
    """Statements and their values. New rows of one table are one statement, which numbers them in their order."""
    updates, new = [], dict[type[Model], list[list[Any]]]()
    for write in waiting.writes:
        if write.update:
            updates.append((write.update, write.values))
        else:
            new.setdefault(type(write.row), []).append(write.values)
    waiting.writes.clear()
    inserts = [(insert_sql(model, len(rows)), list(itertools.chain(*rows))) for model, rows in new.items()]
    return [*inserts, *updates]


def _flush(*, is_alone: bool = False, commits: bool = False) -> None:
    waiting = thread.waiting
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
) -> Cursor:
    before, given = [], list[Any]()
    for each, part in writes:
        before.append(each)
        given += part
    joined, names = _joined(tuple(before), sql)
    given += [values[name] for name in names] if names else values  # type: ignore[call-overload]
    return run(joined, given, **options)


def _flush_before(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if not isinstance(context["cursor"].cursor, Cursor):
        _flush()
        database = _database()
        if database.in_atomic_block and database.connection.autocommit and _wire(database).is_idle:  # see `_Atomic`
            with database.wrap_database_errors:
                _wire(database).exchange((), begins=True)
        if waiting := thread.waiting:
            waiting.ahead.clear()
    return execute(sql, params, many, context)


_OWN_WRAPPERS = [_flush_before]


@functools.lru_cache(maxsize=500)
def _joined(writes: tuple[str, ...], last: str) -> tuple[str, list[str]]:
    """One statement, in which all see the database as it was before, and the names of the values of `last`, if they
    have names, in the order in which they are asked for."""
    if writes and WRITTEN in last:
        writes = tuple(f"{sql} RETURNING 1" for sql in writes)
        counts = " + ".join(f"(SELECT count(*) FROM w{i})" for i in range(len(writes)))  # noqa: S608
        last = last.replace(WRITTEN, f"{counts} >= 0")
    parts = ", ".join(f"w{i} AS ({sql})" for i, sql in enumerate(writes))
    first, _, rest = last.strip().partition(" ")
    if writes:
        last = f"WITH {parts}, {rest}" if first == "WITH" else f"WITH {parts} {last}"
    return last, numbered(last)[1]
