"""SQL that inserts or updates many rows at once, with an array for each column instead of a placeholder for each value.

The statement stays short however many rows there are. A column in which all rows have the same value is one value.
psycopg passes the arrays in binary (`%b`): as text, each value would be escaped in Python.
"""

import re
from collections.abc import Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault

# Fewer rows are written with a placeholder for each value.
LEAST = 20
Statement = tuple[str, list[Any]]


def insert(model: type[Model], fields: Sequence[Any], rows: Sequence[Sequence[Any]]) -> Statement | None:
    """Return the statement that inserts rows of these values, with its parameters, or None if it can't.

    A column in which all rows have the database's default is left out.
    """
    columns = zip(fields, zip(*rows, strict=True), strict=True)
    given = [column for column in columns if not all(isinstance(value, DatabaseDefault) for value in column[1])]
    if (found := _written(given, len(rows))) is None:
        return None
    names = ", ".join(f'"{field.column}"' for field, _values in given)
    expressions, source, values = found
    return f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT {", ".join(expressions)} FROM {source}', values  # noqa: S608


def update(model: type[Model], fields: Sequence[Any], rows: Sequence[Sequence[Any]]) -> Statement | None:
    """Return the statement that updates rows to these values, with its parameters, or None if it can't.

    The first field is the primary key.
    """
    if (found := _written([*zip(fields, zip(*rows, strict=True), strict=True)], len(rows))) is None:
        return None
    table, (key, *expressions), source, values = model._meta.db_table, *found
    pairs = zip(fields[1:], expressions, strict=True)
    changes = ", ".join(f'"{field.column}" = {expression}' for field, expression in pairs)
    return f'UPDATE "{table}" SET {changes} FROM {source} WHERE "{table}"."{fields[0].column}" = {key}', values  # noqa: S608


def _written(columns: Sequence[tuple[Any, Sequence[Any]]], count: int) -> tuple[list[str], str, list[Any]] | None:
    """Return the expression of each column, what they are selected from, and the parameters of both.

    `columns` are fields with their values in `count` rows. Return None if there are few rows, some values are the
    database's default, or arrays differ: PostgreSQL has no arrays of arrays of different lengths.
    """
    if count < LEAST or any(isinstance(value, DatabaseDefault) for _field, column in columns for value in column):
        return None
    database = connections[DEFAULT_DB_ALIAS]
    expressions, names, sources = list[str](), list[str](), list[str]()
    constants, arrays = list[Any](), list[Any]()
    for place, (field, column) in enumerate(columns):
        kind = re.sub(r"\(.*?\)", "", field.db_type(database))  # without its length, which would cut text off
        if place and all(value == column[0] for value in column):
            expressions.append(f"%s::{kind}")
            constants.append(field.get_db_prep_save(column[0], database))
        elif kind.endswith("]"):
            return None
        else:
            names.append(f"c{place}")
            expressions.append(f"many.c{place}")
            sources.append(f"%b::{kind}[]")
            arrays.append([field.get_db_prep_save(value, database) for value in column])
    source = f"unnest({', '.join(sources)}) AS many ({', '.join(names)})"
    return expressions, source, [*constants, *arrays]
