"""Lists are bare arrays in pages by keyset: the next page is in the `Link` header (RFC 8288).

A cursor is the key of the last row, signed together with the account, the path and the filters it was made for.
"""

import datetime as dt
import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from rest_framework import serializers
from rest_framework.request import Request

from inflow.accounts.models import Account
from inflow.api.authentication import account_of
from inflow.api.errors import Problem
from inflow.api.fields import IntegerQueryField, StrictQuery
from inflow.api.responses import ApiResponse

DEFAULT_LIMIT, MAX_LIMIT = 50, 100


class PageQuery(StrictQuery):
    """Parameters of every list."""

    limit = IntegerQueryField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    cursor = serializers.CharField(required=False, max_length=2000, trim_whitespace=False)


Row = dict[str, Any]
BY = ("created_at", "id")
_NO_LIMIT = 1_000_000_000


def page_of(
    rows: QuerySet[Any, Row],
    limit: int,
    after: Sequence[Any] | None = None,
    *,
    by: Sequence[str] = BY,
    ascending: bool = False,
) -> QuerySet[Any, Row]:
    """One page of `rows` (a `.values()` queryset) and the first row of the next, newest first unless `ascending`.

    `by` names the key's columns; together they are unique, so that no row is skipped or repeated. They are compared
    as one row value, which an index on them answers at the same cost on every page. `after` is the key of a row.
    """
    rows = _following(rows, after, by, ascending)
    return rows.order_by(*(by if ascending else [f"-{name}" for name in by]))[: limit + 1]


def _following(
    rows: QuerySet[Any, Row], after: Sequence[Any] | None, by: Sequence[str] = BY, ascending: bool = False
) -> QuerySet[Any, Row]:
    if after is None:
        return rows
    compare = TupleGreaterThan if ascending else TupleLessThan
    return rows.filter(compare(Tuple(*map(F, by)), tuple(after)))


@dataclass(frozen=True, slots=True)
class Part:
    """A page of a list that one index does not yield in order. A small one is better read whole and sorted."""

    rows: QuerySet[Any, Any]
    is_small: bool = False


def merged(
    parts: Sequence[Part],
    columns: Sequence[str],
    limit: int,
    after: Sequence[Any] | None = None,
    *,
    by: Sequence[str] = BY,
    ascending: bool = False,
) -> QuerySet[Any, Row]:
    """`page_of` all parts together; they have no row in common."""
    if len(parts) == 1:
        return page_of(parts[0].rows.values(*columns), limit, after, by=by, ascending=ascending)
    pages = []
    for part in parts:
        rows = part.rows.values(*columns)
        if part.is_small:
            # A limit that is none keeps PostgreSQL from looking for a part's rows in the order of the whole.
            pages.append(_following(rows, after, by, ascending).order_by()[:_NO_LIMIT])
        else:
            pages.append(page_of(rows, limit, after, by=by, ascending=ascending))
    return page_of(pages[0].union(*pages[1:], all=True), limit, by=by, ascending=ascending)


def respond(
    request: Request,
    rows: QuerySet[Any, Row],
    query: Mapping[str, Any],
    represent: Callable[[Row], Any],
    *,
    by: Sequence[str] = BY,
    ascending: bool = False,
) -> ApiResponse:
    """A page of `rows`; see `page_of`."""

    def read(limit: int, **after: Sequence[Any]) -> list[Row]:
        return list(page_of(rows, limit, by=by, ascending=ascending, **after))

    return respond_by(request, read, query, represent, by=by)


def respond_by(
    request: Request,
    read: Callable[..., list[Row]],
    query: Mapping[str, Any],
    represent: Callable[[Row], Any],
    *,
    by: Sequence[str] = BY,
) -> ApiResponse:
    """Respond with the rows of `read(limit, after=key)`, without `after` on the first page."""

    def represent_all(rows: Sequence[Row]) -> list[Any]:
        return [represent(row) for row in rows]

    return _respond(request, read, query, represent_all, by)


def respond_whole(
    request: Request,
    rows: QuerySet[Any, Row],
    query: Mapping[str, Any],
    represent_all: Callable[[Sequence[Row]], list[Any]],
) -> ApiResponse:
    """A page of `rows`, whose representation reads more for all of them at once."""
    return _respond(request, lambda limit, **after: list(page_of(rows, limit, **after)), query, represent_all, BY)


def _respond(
    request: Request,
    read: Callable[..., list[Row]],
    query: Mapping[str, Any],
    represent_all: Callable[[Sequence[Row]], list[Any]],
    by: Sequence[str],
) -> ApiResponse:
    limit = query["limit"]
    page = read(limit, **beginning(request, query, account_of(request)))
    response = ApiResponse(represent_all(page[:limit]))
    if len(page) > limit:
        key = [page[limit - 1][name] for name in by]
        response["Link"] = f'<{_next_address(request, key, _salt(request, account_of(request)))}>; rel="next"'
    return response


def beginning(request: Request, query: Mapping[str, Any], account: Account) -> dict[str, Sequence[Any]]:
    """Return the start of the page: `after` a row's key, or nothing."""
    return {"after": _read(query["cursor"], _salt(request, account))} if "cursor" in query else {}


def respond_computed(
    request: Request,
    entries: Sequence[Any],
    query: Mapping[str, Any],
    represent: Callable[[Any], Any] = lambda entry: entry,
    *,
    version: int = 0,
) -> ApiResponse:
    """One page of a list that no table holds, in the order given. `version` goes with the cursor: the following pages
    read it by `computed_version`."""
    salt = _salt(request, account_of(request))
    start = _read(query["cursor"], salt)[0] if "cursor" in query else 0
    end = start + query["limit"]
    response = ApiResponse([represent(entry) for entry in entries[start:end]])
    if end < len(entries):
        response["Link"] = f'<{_next_address(request, [end, version], salt)}>; rel="next"'
    return response


def computed_version(request: Request, query: Mapping[str, Any]) -> int:
    """Return the version that the cursor of a computed list names; 0 without one."""
    if "cursor" not in query:
        return 0
    _start, *rest = _read(query["cursor"], _salt(request, account_of(request)))
    return int(rest[0]) if rest else 0


def _next_address(request: Request, key: Sequence[Any], salt: str) -> str:
    cursor = signing.dumps([_pack(part) for part in key], salt=salt)
    # A colon may stand in a query; a text with nothing to escape is not gone through letter by letter.
    query = urlencode({**request.query_params.dict(), "cursor": cursor}, safe=":")
    return f"{address_of(request)}?{query}"


def address_of(request: Request) -> str:
    """Return the address of the request, without its query."""
    return request.build_absolute_uri(request.path)


def _salt(request: Request, account: Account) -> str:
    filters = sorted((name, value) for name, value in request.query_params.items() if name not in ("cursor", "limit"))
    return f"cursor:{account.pk}:{request.path}:{filters}"


def _read(cursor: str, salt: str) -> tuple[Any, ...]:
    return _read_once(cursor, salt) if len(cursor) + len(salt) <= _LONGEST_CACHED else _unsigned(cursor, salt)


def _unsigned(cursor: str, salt: str) -> tuple[Any, ...]:
    try:
        return tuple(_unpack(part) for part in signing.loads(cursor, salt=salt))
    except signing.BadSignature as error:
        raise Problem(400, "bad_cursor", "This cursor was not made by this list with these filters.") from error


# A long one is read anew: the cache stays below a few MB.
_LONGEST_CACHED = 1_000
_read_once = functools.lru_cache(maxsize=1_000)(_unsigned)


def _pack(part: Any) -> Any:
    match part:
        case dt.datetime():
            return {"t": part.isoformat()}
        case dt.date():
            return {"d": part.isoformat()}
        case uuid.UUID():
            return {"u": str(part)}
    return part


def _unpack(part: Any) -> Any:
    match part:
        case {"t": moment}:
            return dt.datetime.fromisoformat(moment)
        case {"d": day}:
            return dt.date.fromisoformat(day)
        case {"u": text}:
            return uuid.UUID(text)
    return part
