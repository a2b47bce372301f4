"""Statements of the hot path: written once by the ORM, planned once per connection, their values bound at each call.

Building a query's SQL costs Django several times what PostgreSQL needs to answer it. Everything else stays Django's:
the connection and its transactions, its errors, its log of queries.
"""

from inflow.statements.compiled import Compiled
from inflow.statements.cursors import Ahead, Known
from inflow.statements.rows import columns, new, objects, stored, width
from inflow.statements.sending import (
    WRITTEN,
    close_if_obsolete,
    end_with,
    execute,
    execute_first,
    flush,
    insert,
    look_ahead,
    spelled_out,
    together,
    transaction,
    update,
)

__all__ = [
    "WRITTEN",
    "Ahead",
    "Compiled",
    "Known",
    "close_if_obsolete",
    "columns",
    "end_with",
    "execute",
    "execute_first",
    "flush",
    "insert",
    "look_ahead",
    "new",
    "objects",
    "spelled_out",
    "stored",
    "together",
    "transaction",
    "update",
    "width",
]
