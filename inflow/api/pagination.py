"""Lists are bare arrays in pages by keyset: the next page is in the `Link` header (RFC 8288).

A cursor is the key of the last row, signed together with the account, the path and the filters it was made for.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core import signing
from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from inflow.api.authentication import account_of
from inflow.api.errors import Problem
from inflow.api.fields import IntegerQueryField, StrictQuery

DEFAULT_LIMIT, MAX_LIMIT = 50, 100


class PageQuery(StrictQuery):
    """What every list takes."""

    limit = IntegerQueryField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    cursor = serializers.CharField(required=False, max_length=2000, trim_whitespace=False)


def respond(
    request: Request,
    rows: QuerySet[Any, Mapping[str, Any]],
    query: Mapping[str, Any],
    represent: Callable[[Mapping[str, Any]], Any],
    *,
    by: Sequence[str] = ("created_at", "id"),
    ascending: bool = False,
) -> Response:
    """One page of `rows` (a `.values()` queryset), `limit` at a time, newest first unless `ascending`.

    `by` names the key's columns; together they are unique, so that no row is skipped or repeated. They are compared
    as one row value, which an index on them answers at the same cost on every page.
    """
    salt = _salt(request)
    if "cursor" in query:
        compare = TupleGreaterThan if ascending else TupleLessThan
        rows = rows.filter(compare(Tuple(*map(F, by)), tuple(_read(query["cursor"], salt))))
    limit = query["limit"]
    order = by if ascending else [f"-{name}" for name in by]
    page: Sequence[Mapping[str, Any]] = list(rows.order_by(*order)[: limit + 1])
    response = Response([represent(row) for row in page[:limit]])
    if len(page) > limit:
        response["Link"] = f'<{_next_address(request, [page[limit - 1][name] for name in by], salt)}>; rel="next"'
    return response


def respond_computed(request: Request, entries: Sequence[Any], query: Mapping[str, Any]) -> Response:
    """One page of a short list that no table holds, in the order given."""
    salt = _salt(request)
    start = _read(query["cursor"], salt)[0] if "cursor" in query else 0
    end = start + query["limit"]
    response = Response(entries[start:end])
    if end < len(entries):
        response["Link"] = f'<{_next_address(request, [end], salt)}>; rel="next"'
    return response


def _next_address(request: Request, key: Sequence[Any], salt: str) -> str:
    parameters = request.query_params.copy()
    parameters["cursor"] = signing.dumps([_pack(part) for part in key], salt=salt)
    return f"{request.build_absolute_uri(request.path)}?{parameters.urlencode()}"


def _salt(request: Request) -> str:
    filters = sorted((name, value) for name, value in request.query_params.items() if name not in ("cursor", "limit"))
    return f"cursor:{account_of(request).pk}:{request.path}:{filters}"


def _read(cursor: str, salt: str) -> list[Any]:
    try:
        return [_unpack(part) for part in signing.loads(cursor, salt=salt)]
    except signing.BadSignature as error:
        raise Problem(400, "bad_cursor", "This cursor was not made by this list with these filters.") from error


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
