"""What is asked: the statement's text, what reads its answer, and a cursor of the kind that Django asks for."""

import functools
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from django.db.models import Model
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.string import TextLoader

from inflow.statements.wire import Asked, Wire


class Cursor:
    """One statement and its answer, with as much of a cursor as Django asks of one: its log of queries and the wrappers
    of `execute` know it. Reads by psycopg's own loaders: Django's gives each moment its zone in Python."""

    adapters = AdaptersMap(psycopg.adapters)
    _query = None  # where Django looks for what was sent; see `run`

    def __init__(self, wire: Wire, *, begins: bool, commits: bool, ahead: Sequence["Ahead"] = ()) -> None:
        self._wire, self._begins, self._commits, self._ahead = wire, begins, commits, ahead
        self.rows: list[Any] = []
        self.rowcount = 0
        self.found_ahead: Known = {}

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        asked: list[Asked] = [(numbered(sql)[0], values, self.adapters)]
        for query in self._ahead:
            asked.append((numbered(query.plan.sql)[0], query.values, query.plan.cursor.adapters))
        answers = self._wire.exchange(asked, begins=self._begins, commits=self._commits)
        self.rows, self.rowcount = answers[0]
        for query, answer in zip(self._ahead, answers[1:], strict=True):
            self.found_ahead[query.compiled] = query, answer[0]

    def fetchone(self) -> Any:
        """The first row, or None."""
        return self.rows[0] if self.rows else None

    def close(self) -> None:
        """For Django; there is nothing to close."""


Cursor.adapters.register_loader("jsonb", TextLoader)


class _Number(Loader):
    """A whole number as int, which is what JSON shows of it; else a Decimal."""

    def load(self, data: Any) -> int | Decimal:
        text = bytes(data)
        if text.endswith(b".000"):  # most amounts of money, as their columns have three decimals
            return int(text[:-4])
        whole, _, fraction = text.partition(b".")
        return Decimal(text.decode()) if fraction.strip(b"0") else int(whole)


class ValuesCursor(Cursor):
    adapters = AdaptersMap(Cursor.adapters)


ValuesCursor.adapters.register_loader("numeric", _Number)


@functools.lru_cache(maxsize=2000)
def numbered(sql: str) -> tuple[bytes, list[str]]:
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


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """`take`: of the values, the one at each placeholder."""

    sql: str
    take: Callable[[Sequence[Any]], tuple[Any, ...]]
    read: Callable[[list[Any]], list[Any]]
    cursor: type[Cursor]
    model: type[Model]
    locks: bool


class Ahead(NamedTuple):
    """A question to a `Compiled` query: its constants and values, and how they are asked."""

    compiled: Any
    question: tuple[tuple[Any, ...], dict[str, Any]]
    plan: Plan
    values: tuple[Any, ...]


# What was asked ahead: of each `Compiled` query the last question, and what was found.
Known = dict[Any, tuple[Ahead, list[Any]]]
