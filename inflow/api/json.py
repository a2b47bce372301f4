"""JSON in responses and in webhooks. Amounts are exact."""

from decimal import Decimal
from typing import Any

import orjson

MEDIA_TYPE = "application/json"


def dumps(data: Any) -> bytes:
    """Return JSON: decimals as numbers, integral ones without a fraction; timestamps in UTC with `Z`."""
    return orjson.dumps(data, default=_plain, option=orjson.OPT_UTC_Z)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        whole = int(value)
        return whole if whole == value else orjson.Fragment(f"{value.normalize():f}")
    raise TypeError(f"{type(value).__name__} is not JSON serializable")
