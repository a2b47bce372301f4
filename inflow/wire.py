"""One statement, one trip to PostgreSQL: psycopg's connection, values and errors, without its cursor.

A cursor's own work is four times that of the trip (docs/performance.md): it is made to be interrupted, streamed and
asynchronous. Here libpq sends, waits and answers. Values are bound on the server, and a statement is prepared when the
connection sees it for the second time.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import pq
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.errors import error_from_result

Row = tuple[Any, ...]
# Statements that a connection remembers, prepared or seen once; of more, what was used longest ago is forgotten.
REMEMBERED = 400
_FORMATS = [PyFormat.AUTO] * 65_535  # as many values as a statement may have


@dataclass(frozen=True, slots=True)
class _Context:
    """What values are read and written by."""

    adapters: AdaptersMap
    connection: "psycopg.Connection[Any]"


class Wire:
    """Of one connection, for one thread at a time. Raises what psycopg raises."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection, self._libpq = connection, connection.pgconn
        self._names: OrderedDict[tuple[bytes, tuple[int, ...]], bytes] = OrderedDict()
        self._made = 0
        self._transformers: dict[AdaptersMap, Any] = {}

    def is_of(self, connection: "psycopg.Connection[Any]") -> bool:
        return self._connection is connection

    @property
    def is_idle(self) -> bool:
        """No transaction has begun."""
        return self._libpq.transaction_status == pq.TransactionStatus.IDLE

    def begin(self) -> None:
        self._checked(self._libpq.exec_, b"BEGIN")

    def commit(self) -> None:
        result = self._checked(self._libpq.exec_, b"COMMIT")
        if result.command_status != b"COMMIT":  # it says ROLLBACK, and no error, where a statement had failed
            raise psycopg.InternalError("what failed before was not undone")

    def ask(self, sql: bytes, values: Sequence[Any], adapters: AdaptersMap) -> tuple[list[Row], int]:
        """The rows, and how many were found or written. `sql` has $1, $2, … for `values`."""
        transformer = self._transformers.get(adapters)
        if transformer is None:
            transformer = self._transformers[adapters] = Transformer(_Context(adapters, self._connection))
        bound: Sequence[Buffer | None] = transformer.dump_sequence(values, _FORMATS[: len(values)]) if values else ()
        types = tuple(transformer.types or ()) if values else ()
        formats = transformer.formats if values else None
        if name := self._name(sql, types):
            result = self._checked(self._libpq.exec_prepared, name, bound, formats)
        else:
            result = self._checked(self._libpq.exec_params, sql, bound, types, formats)
        if result.nfields == 0:
            return [], result.command_tuples or 0
        transformer.set_pgresult(result)
        rows = transformer.load_rows(0, result.ntuples, cast(Any, tuple))
        transformer.set_pgresult(None)
        return rows, len(rows)

    def _name(self, sql: bytes, types: tuple[int, ...]) -> bytes:
        """Of the prepared statement; empty the first time that it is seen."""
        names, key = self._names, (sql, types)
        name = names.get(key)
        if name:
            names.move_to_end(key)
            return name
        if name is None:
            names[key] = b""
            if len(names) > REMEMBERED:
                _, old = names.popitem(last=False)
                if old:
                    self._checked(self._libpq.close_prepared, old)
            return b""
        self._made += 1
        name = b"inflow_%d" % self._made
        self._checked(self._libpq.prepare, name, sql, types)
        names[key] = name
        names.move_to_end(key)
        return name

    def _checked(self, call: Any, *arguments: Any) -> Any:
        """The result of a call of libpq, or its error."""
        try:
            result = call(*arguments)
        except MemoryError as error:  # how psycopg says that libpq could not even send
            raise psycopg.OperationalError(self._libpq.get_error_message()) from error
        if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            return result
        if self._libpq.status == pq.ConnStatus.BAD and not result.error_field(pq.DiagnosticField.SQLSTATE):
            raise psycopg.OperationalError(result.get_error_message())
        raise error_from_result(result)
