"""JSON as we write it, in answers and in webhooks: money is exact."""

from decimal import Decimal
from typing import Any

import orjson

MEDIA_TYPE = "application/json"


def dumps(data: Any) -> bytes:
    """Decimals as JSON numbers, integral ones without a fraction; moments as UTC with `Z`."""
    return orjson.dumps(data, default=_plain, option=orjson.OPT_UTC_Z)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        whole = int(value)
        return whole if whole == value else orjson.Fragment(f"{value.normalize():f}")
    raise TypeError(f"{type(value).__name__} is no JSON")
