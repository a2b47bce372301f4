"""The API's answers: JSON, made at once. DRF's own waits for a renderer to be chosen, where there is one."""

from collections.abc import Collection, Mapping
from typing import Any

from django.http import HttpResponse
from django.http.response import ResponseHeaders

from inflow.api.json import MEDIA_TYPE, dumps


class Answer(HttpResponse):
    """`data` is what the body says, or the body itself as bytes; without it there is none."""

    def __init__(
        self,
        data: Any = None,
        status: int = 200,
        *,
        headers: Mapping[str, str] | None = None,
        media_type: str = MEDIA_TYPE,
    ) -> None:
        body = data if isinstance(data, bytes) else b"" if data is None else dumps(data)
        super().__init__(body, content_type=media_type, status=status)
        self.headers: _Headers = _Headers(self.headers)
        if not body:
            del self.headers["Content-Type"]
        if headers:
            self.headers.put(headers)


class _Headers(ResponseHeaders):
    """Django's, which looks for what a header can't hold, with a quick look at what it can. Names are of the code."""

    def __init__(self, headers: ResponseHeaders) -> None:
        super().__init__({})
        self._store.update(headers._store)

    def __setitem__(self, name: str, value: Any) -> None:
        if type(value) is str and value.isascii() and value.isprintable():
            self._store[name.lower()] = (name, value)
        else:
            super().__setitem__(name, value)

    def setdefault(self, name: str, value: Any) -> None:
        if name.lower() not in self._store:
            self[name] = value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._store

    def put(self, headers: Mapping[str, str]) -> None:
        text = "".join(headers.values())
        if text.isascii() and text.isprintable():
            self._store |= {name.lower(): (name, value) for name, value in headers.items()}
        else:
            for name, value in headers.items():
                super().__setitem__(name, value)

    def items(self) -> Collection[tuple[str, str]]:  # type: ignore[override]
        """Each name, as it was written, with its value."""
        items: Collection[tuple[str, str]] = self._store.values()
        return items
