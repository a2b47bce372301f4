"""Statements in one trip to PostgreSQL: psycopg's connection, values and errors, without its cursor.

A cursor's own work is four times that of the trip, and it makes a trip for each statement (docs/performance.md). Here
what is known to follow each other goes together, as libpq's pipeline: BEGIN with the first statement, COMMIT with the
last, several reads at once. Values are bound on the server, and a statement is prepared when the connection sees it for
the second time.
"""

import select
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import psycopg
from psycopg import pq
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.errors import error_from_result

# Statements that a connection remembers, prepared or seen once; of more, what was used longest ago is forgotten.
REMEMBERED = 400
_Key = tuple[bytes, tuple[int, ...]]  # the SQL, and the types of its values
_UNKNOWN_NAME = b"26000"
_DONE = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
_FORMATS = [PyFormat.AUTO] * 65_535  # as many values as a statement may have


class Asked(NamedTuple):
    """A statement with $1, $2, … for `values`."""

    sql: bytes
    values: Sequence[Any]
    adapters: AdaptersMap


class Answer(NamedTuple):
    """`rowcount`: how many rows were found or written."""

    rows: list[tuple[Any, ...]]
    rowcount: int


class _Bound(NamedTuple):
    """A statement with its values as they are sent."""

    transformer: Any
    key: _Key
    values: Any
    formats: Any


@dataclass(frozen=True, slots=True)
class _Context:
    """What values are read and written by."""

    adapters: AdaptersMap
    connection: "psycopg.Connection[Any]"


class Wire:
    """Of one connection, for one thread at a time. Raises what psycopg raises."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection, self._libpq = connection, connection.pgconn
        self._poll = select.poll()
        self._names: OrderedDict[_Key, bytes] = OrderedDict()
        self._made = 0
        self._transformers: dict[AdaptersMap, Any] = {}

    def is_of(self, connection: "psycopg.Connection[Any]") -> bool:
        return self._connection is connection

    @property
    def is_idle(self) -> bool:
        """No transaction has begun."""
        return self._libpq.transaction_status == pq.TransactionStatus.IDLE

    def exchange(self, asked: Sequence[Asked], *, begins: bool = False, commits: bool = False) -> list[Answer]:
        """All in one trip, after BEGIN and before COMMIT if wanted. PostgreSQL does one after the other; what follows
        one that fails is not done, and its error is raised."""
        libpq = self._libpq
        bound = [self._bound(each) for each in asked]  # a value that can't be is an error before anything is sent
        # Of each result that is to come: what reads its rows, the key of what is prepared, or None.
        coming: list[Any] = []
        libpq.enter_pipeline_mode()
        try:
            if begins:
                libpq.send_query_params(b"BEGIN", None)
                coming.append(None)
            for each in bound:
                self._send(each, coming)
            if commits:
                libpq.send_query_params(b"COMMIT", None)
                coming.append(None)
            libpq.pipeline_sync()
            results = self._received()
            libpq.exit_pipeline_mode()
        except BaseException:  # answers are still on their way
            self._connection.close()
            raise
        failed = next((result for result in results if result.status not in _DONE), None)
        if failed is not None:
            self._forget(coming, results)
            raise error_from_result(failed)
        if commits and results[-1].command_status != b"COMMIT":  # no error, where a statement had failed before
            raise psycopg.InternalError("the transaction was rolled back: a statement in it had failed")
        pairs = zip(coming, results, strict=True)
        return [_read(each, result) for each, result in pairs if isinstance(each, Transformer)]

    def _bound(self, asked: Asked) -> "_Bound":
        transformer = self._transformers.get(asked.adapters)
        if transformer is None:
            context = _Context(asked.adapters, self._connection)
            transformer = self._transformers[asked.adapters] = Transformer(context)
        if not asked.values:
            return _Bound(transformer, (asked.sql, ()), None, None)
        values = transformer.dump_sequence(asked.values, _FORMATS[: len(asked.values)])
        return _Bound(transformer, (asked.sql, tuple(transformer.types or ())), values, transformer.formats)

    def _send(self, bound: "_Bound", coming: list[Any]) -> None:
        if name := self._name(bound.key, coming):
            self._libpq.send_query_prepared(name, bound.values, bound.formats)
        else:
            sql, types = bound.key
            self._libpq.send_query_params(sql, bound.values, types, bound.formats)
        coming.append(bound.transformer)

    def _name(self, key: _Key, coming: list[Any]) -> bytes:
        """Of the prepared statement; empty the first time that it is seen."""
        names = self._names
        name = names.get(key)
        if name is None:
            names[key] = b""
            if len(names) > REMEMBERED and (old := names.popitem(last=False)[1]):
                self._libpq.send_close_prepared(old)
                coming.append(None)
            return b""
        names.move_to_end(key)
        if not name:
            self._made += 1
            name = names[key] = b"inflow_%d" % self._made
            self._libpq.send_prepare(name, *key)
            coming.append(key)
        return name

    def _forget(self, coming: list[Any], results: list[Any]) -> None:
        """What was to be prepared and was not; and all names, if whoever stands in between has given them up. A
        constraint that is checked when a statement by itself commits adds a result to those that were asked for."""
        for each, result in zip(coming, results, strict=False):
            if isinstance(each, tuple) and result.status not in _DONE:
                self._names.pop(each, None)
            if result.error_field(pq.DiagnosticField.SQLSTATE) == _UNKNOWN_NAME:
                self._names.clear()

    def _received(self) -> list[Any]:
        """The results, up to the mark at the pipeline's end. Other threads run while we wait."""
        libpq = self._libpq
        results: list[Any] = []
        self._poll.register(libpq.socket, select.POLLIN)
        while libpq.flush():  # more than the socket takes at once; what comes meanwhile must be taken in
            self._poll.modify(libpq.socket, select.POLLIN | select.POLLOUT)
            if any(event & select.POLLIN for _, event in self._poll.poll()):
                libpq.consume_input()
            self._poll.modify(libpq.socket, select.POLLIN)
        while True:
            while libpq.is_busy():
                self._poll.poll()
                libpq.consume_input()
            result = libpq.get_result()
            if result is None:  # it stands between the results of two statements
                if libpq.status == pq.ConnStatus.BAD:
                    raise psycopg.OperationalError(libpq.get_error_message())
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            else:
                results.append(result)


def _read(transformer: Any, result: Any) -> Answer:
    if result.nfields == 0:
        return Answer([], result.command_tuples or 0)
    transformer.set_pgresult(result)
    rows = transformer.load_rows(0, result.ntuples, cast(Any, tuple))
    transformer.set_pgresult(None)
    return Answer(rows, len(rows))
