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
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.errors import error_from_result

# Statements that a connection remembers, prepared or seen once; of more, what was used longest ago is forgotten.
REMEMBERED = 400
_Key = tuple[bytes, tuple[int, ...]]  # the SQL, and the types of its values
_UNKNOWN_NAME = b"26000"
_DONE = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
_SYNC, _BAD = pq.ExecStatus.PIPELINE_SYNC, pq.ConnStatus.BAD
_FORMATS = [PyFormat.AUTO] * 65_535  # as many values as a statement may have


# A statement with $1, $2, … for values, and what its answer is read by.
Asked = tuple[bytes, Sequence[Any], AdaptersMap]
# Rows, and how many were found or written.
Answer = tuple[list[tuple[Any, ...]], int]
# A statement as it is sent: what reads its rows, its key, its values and their formats.
_Bound = tuple[Any, _Key, Any, Any]
_BEGIN: _Bound = None, (b"BEGIN", ()), None, None
_COMMIT: _Bound = None, (b"COMMIT", ()), None, None


@dataclass(frozen=True, slots=True)
class _Context:
    """What values are read and written by."""

    adapters: AdaptersMap
    connection: "psycopg.Connection[Any]"


class Wire:
    """Of one connection, for one thread at a time. Raises what psycopg raises."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection, self._libpq = connection, connection.pgconn
        self._poll = select.poll()
        self._names: OrderedDict[_Key, bytes] = OrderedDict()
        self._made = 0
        self._transformers: dict[AdaptersMap, Any] = {}

    @property
    def is_idle(self) -> bool:
        """No transaction has begun."""
        return self._libpq.transaction_status == pq.TransactionStatus.IDLE

    def exchange(self, asked: Sequence[Asked], *, begins: bool = False, commits: bool = False) -> list[Answer]:
        """All in one trip, after BEGIN and before COMMIT if wanted. PostgreSQL does one after the other; what follows
        one that fails is not done, and its error is raised."""
        libpq, names = self._libpq, self._names
        bound: list[_Bound] = [_BEGIN] if begins else []
        for sql, values, adapters in asked:  # a value that can't be is an error before anything is sent
            transformer = self._transformers.get(adapters) or self._transformer(adapters)
            if values:
                dumped = transformer.dump_sequence(values, _FORMATS[: len(values)])
                bound.append((transformer, (sql, tuple(transformer.types or ())), dumped, transformer.formats))
            else:
                bound.append((transformer, (sql, ()), None, None))
        if commits:
            bound.append(_COMMIT)
        # Of each result that is to come: what reads its rows, the key of what is prepared, or None.
        coming: list[Any] = []
        libpq.enter_pipeline_mode()
        try:
            for transformer, key, values, formats in bound:
                name = names.get(key)
                if name:
                    names.move_to_end(key)
                else:
                    name = self._prepared(key, coming)
                if name:
                    libpq.send_query_prepared(name, values, formats)
                else:
                    sql, types = key
                    libpq.send_query_params(sql, values, types, formats)
                coming.append(transformer)
            libpq.pipeline_sync()
            results, failed = self._received()
            libpq.exit_pipeline_mode()
        except BaseException:  # answers are still on their way
            self.connection.close()
            raise
        if failed is not None:
            self._forget(coming, results)
            raise error_from_result(failed)
        if commits and results[-1].command_status != b"COMMIT":  # no error, where a statement had failed before
            raise psycopg.InternalError("the transaction was rolled back: a statement in it had failed")
        answers: list[Answer] = []
        for each, result in zip(coming, results, strict=True):
            if not isinstance(each, Transformer):
                continue
            if result.nfields == 0:
                answers.append(([], result.command_tuples or 0))
                continue
            each.set_pgresult(result)
            rows = each.load_rows(0, result.ntuples, tuple)
            each.set_pgresult(None)
            answers.append((rows, len(rows)))
        return answers

    def _transformer(self, adapters: AdaptersMap) -> Any:
        made = self._transformers[adapters] = Transformer(_Context(adapters, self.connection))
        return made

    def _prepared(self, key: _Key, coming: list[Any]) -> bytes:
        """The name of the statement; empty the first time that it is seen."""
        names = self._names
        if key not in names:
            names[key] = b""
            if len(names) > REMEMBERED and (old := names.popitem(last=False)[1]):
                self._libpq.send_close_prepared(old)
                coming.append(None)
            return b""
        names.move_to_end(key)
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

    def _received(self) -> tuple[list[Any], Any]:
        """The results, up to the mark at the pipeline's end, and the first that is an error. Other threads run while we
        wait."""
        libpq, failed = self._libpq, None
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
                if libpq.status == _BAD:
                    raise psycopg.OperationalError(libpq.get_error_message())
                continue
            status = result.status
            if status == _SYNC:
                return results, failed
            results.append(result)
            if failed is None and status not in _DONE:
                failed = result
