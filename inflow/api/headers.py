"""The headers of an answer."""

from collections.abc import Collection
from typing import Any

from django.http.response import ResponseHeaders


class Headers(ResponseHeaders):
    """Django's, which looks at each name and value letter by letter, with one look at what is plain ASCII anyway."""

    def __init__(self, headers: ResponseHeaders) -> None:
        super().__init__({})
        self._store.update(headers._store)

    def __setitem__(self, name: str, value: Any) -> None:
        if type(value) is str and value.isascii() and value.isprintable() and name.isascii() and name.isprintable():
            self._store[name.lower()] = (name, value)
        else:
            super().__setitem__(name, value)

    def items(self) -> Collection[tuple[str, str]]:  # type: ignore[override]
        """Each name, as it was written, with its value."""
        items: Collection[tuple[str, str]] = self._store.values()
        return items
