"""The serializer of Django's cache: JSON, so that a writer of the cache cannot make a process run code."""

from typing import Any

import orjson
from django.utils.functional import Promise

from inflow.api.json import dumps


class JSONSerializer:
    """Moments, dates and UUIDs come back as strings, as the API writes them; translated texts in the language of who
    stored them; dataclasses, of which unfold's search keeps some, as dictionaries. Integers stay bare: Valkey counts
    them."""

    def dumps(self, value: Any) -> bytes | int:
        return value if type(value) is int else orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z)

    def loads(self, data: bytes) -> Any:
        return orjson.loads(data)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Promise) else orjson.Fragment(dumps(value))
