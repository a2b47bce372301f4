"""Lists are bare arrays, newest first, in pages by keyset: the next page is in the `Link` header (RFC 8288).

A cursor is the key of the last row, signed together with the account and the filters it was made for.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core import signing
from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleLessThan
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from inflow.api.authentication import account_of
from inflow.api.errors import Problem
from inflow.api.fields import StrictQuery


class PageQuery(StrictQuery):
    """What every list takes."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=50)
    cursor = serializers.CharField(required=False, max_length=2000)


def respond(
    request: Request,
    rows: QuerySet[Any, Mapping[str, Any]],
    query: Mapping[str, Any],
    represent: Callable[[Mapping[str, Any]], Any],
    *,
    by: tuple[str, str] = ("created_at", "id"),
) -> Response:
    """One page of `rows` (a `.values()` queryset), by (moment, id) descending, `limit` at a time."""
    salt = _salt(request)
    if "cursor" in query:
        rows = rows.filter(TupleLessThan(Tuple(*(F(name) for name in by)), _read(query["cursor"], salt)))
    limit = query["limit"]
    page: Sequence[Mapping[str, Any]] = list(rows.order_by(*(f"-{name}" for name in by))[: limit + 1])
    response = Response([represent(row) for row in page[:limit]])
    if len(page) > limit:
        last = page[limit - 1]
        cursor = signing.dumps([last[by[0]].isoformat(), str(last[by[1]])], salt=salt)
        parameters = request.query_params.copy()
        parameters["cursor"] = cursor
        response["Link"] = f'<{request.build_absolute_uri(request.path)}?{parameters.urlencode()}>; rel="next"'
    return response


def _salt(request: Request) -> str:
    filters = sorted((name, value) for name, value in request.query_params.items() if name not in ("cursor", "limit"))
    return f"cursor:{account_of(request).pk}:{request.path}:{filters}"


def _read(cursor: str, salt: str) -> tuple[dt.datetime, uuid.UUID]:
    try:
        moment, row_id = signing.loads(cursor, salt=salt)
    except signing.BadSignature as error:
        raise Problem(400, "bad_cursor", "This cursor was not made by this list with these filters.") from error
    return dt.datetime.fromisoformat(moment), uuid.UUID(row_id)
