"""The serializer of Django's cache: JSON, so that write access to the cache does not permit running code."""

from typing import Any

import orjson
from django.utils.functional import Promise

from inflow.api.json import dumps


class JSONSerializer:
    """Serialize values as JSON, and integers as plain numbers, so that Valkey can increment them.

    Dates, times and UUIDs are loaded as strings in the API's format, lazy translations as strings in the language that
    was active, and dataclasses (which unfold's search stores) as dictionaries.
    """

    def dumps(self, value: Any) -> bytes | int:
        return value if type(value) is int else orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z)

    def loads(self, data: bytes) -> Any:
        return orjson.loads(data)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Promise) else orjson.Fragment(dumps(value))
