"""The serializer of Django's cache: JSON, so that a writer of the cache cannot make a process run code."""

from typing import Any

import orjson

from inflow.api.json import dumps


class JSONSerializer:
    """Moments, dates and UUIDs come back as strings, as the API writes them. Integers stay bare: Valkey counts them."""

    def dumps(self, value: Any) -> bytes | int:
        return value if type(value) is int else dumps(value)

    def loads(self, data: bytes) -> Any:
        return orjson.loads(data)
