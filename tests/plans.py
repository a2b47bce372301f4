"""How PostgreSQL answers the statements of a request: which tables it walks, and how many rows it looks at."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.db import connection


@dataclass
class Plans:
    """`walked`: tables read from end to end, by statement. `rows`: that the reading statements looked at in all."""

    walked: dict[str, str] = field(default_factory=dict)
    rows: int = 0


@contextmanager
def watched() -> Iterator[Plans]:
    """Explain what is executed inside: what reads is run once more for it, what writes is not."""
    plans = Plans()

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        kind = sql.split(None, 1)[0].upper()
        if kind in ("SELECT", "(SELECT", "WITH", "INSERT", "UPDATE", "DELETE"):
            reads = kind.endswith("SELECT")
            cursor = psycopg.Cursor[Any](connection.connection)
            explained_sql = psycopg.ClientCursor(connection.connection).mogrify(sql, params)
            cursor.execute(f"EXPLAIN (FORMAT JSON{', ANALYZE' if reads else ''}) {explained_sql}".encode())
            (explained,) = cursor.fetchone() or ([],)
            for node in _nodes(explained[0]["Plan"]):
                if node["Node Type"] == "Seq Scan":
                    plans.walked[node["Relation Name"]] = sql
                if "Scan" in node["Node Type"] and reads:
                    seen = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
                    plans.rows += round(seen * node["Actual Loops"])
        return result

    with connection.execute_wrapper(explain):
        yield plans


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", []):
        yield from _nodes(inner)
