"""Calls of an ASGI application without a web server: what arrives, and when, is in the test's hand."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


@dataclass
class Got:
    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool


def scope(method: str, path: str, headers: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": raw,
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver"), *((name.lower().encode(), value.encode()) for name, value in headers)],
        "client": ("192.0.2.1", "40000"),
        "server": ("127.0.0.1", "8000"),
    }


async def call(
    application: Application,
    method: str,
    path: str,
    headers: Iterable[tuple[str, str]] = (),
    parts: Iterable[bytes] | None = None,
    *,
    stalls: bool = False,
) -> Got:
    """Send `parts` as the body, in chunks; then, if it `stalls`, nothing more."""
    left = list(parts or ())
    sent: list[dict[str, Any]] = []
    if parts is not None and not any(name == "Content-Length" for name, _ in headers):
        headers = [*headers, ("Transfer-Encoding", "chunked")]

    async def receive() -> dict[str, Any]:
        if not left and stalls:
            await asyncio.Event().wait()
        body = left.pop(0) if left else b""
        return {"type": "http.request", "body": body, "more_body": bool(left) or stalls}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope(method, path, headers), receive, send)
    start, *bodies = sent
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Got(start["status"], named, b"".join(message["body"] for message in bodies), not bodies[-1].get("more_body"))
