"""The API's answers: JSON, made at once. DRF's own waits for a renderer to be chosen, where there is one."""

from collections.abc import Collection, Mapping
from http.cookies import SimpleCookie
from typing import Any

from django.http import HttpResponse
from django.http.response import ResponseHeaders

from inflow import masking
from inflow.api.json import MEDIA_TYPE, dumps


class Answer(HttpResponse):
    """`data` is what the body says, or the body itself as bytes; without it there is none.

    Links to debtors' pages are masked: who reads may not act as the debtor. `shows_links` is for the one who may.
    """

    def __init__(
        self,
        data: Any = None,
        status: int = 200,
        *,
        headers: Mapping[str, str] | None = None,
        media_type: str = MEDIA_TYPE,
        shows_links: bool = False,
    ) -> None:
        """Django's own looks for what can't be wrong here. What it makes is made here too: a test compares them."""
        body = data if isinstance(data, bytes) else b"" if data is None else dumps(data)
        if not shows_links:
            body = masking.mask_body(body)
        self._container, self.status_code = [body], status
        self.headers: Headers = Headers()
        self.headers.add({"content-length": ("Content-Length", str(len(body)))})
        if body:
            self.headers.add({"content-type": ("Content-Type", media_type)})
        if headers:
            self.headers.put(headers)
        self.cookies, self.closed = SimpleCookie(), False
        self._resource_closers: list[Any] = []
        self._charset = self._reason_phrase = self._handler_class = None


class Headers(ResponseHeaders):
    """Django's, which looks for what a header can't hold, with a quick look at what it can. Names are of the code."""

    def __init__(self) -> None:
        self._store = {}

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

    def add(self, headers: Mapping[str, tuple[str, str]]) -> None:
        """Headers that a header can hold, each with its name as it is written, by its name in small letters."""
        self._store |= headers

    def items(self) -> Collection[tuple[str, str]]:  # type: ignore[override]
        """Each name, as it was written, with its value."""
        items: Collection[tuple[str, str]] = self._store.values()
        return items
