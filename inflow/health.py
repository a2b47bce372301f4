"""Health checks: is this process alive, and can it work? The caller learns a word; the log has the reason.

They run in the web server's event loop (inflow/asgi.py), so that they answer while every thread waits for PostgreSQL.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
import redis
import redis.asyncio
import structlog
from django.conf import settings
from django.db import connection

from inflow.front.responses import Response
from inflow.restores.models import Installation

log = structlog.get_logger(__name__)

PATHS = ("/healthz", "/readyz")
SECONDS = {"database": 1.5, "broker": 0.4}  # together under 2 s
GOOD_FOR_S = 1.0  # a result is reused for this long: frequent checks open no more connections
_last: dict[str, tuple[float, bool]] = {}
_under_way: dict[str, "asyncio.Task[bool]"] = {}  # checks that arrive together share one: each costs a connection
_is_held = False
_HELD = f"SELECT FROM {Installation._meta.db_table} WHERE held_at IS NOT NULL"


async def response(path: str, method: str) -> Response:
    if method not in ("GET", "HEAD"):
        return _text(405, "GET or HEAD only", Allow="GET, HEAD")
    if path == "/healthz" or await is_ready():
        return _text(200, "held" if path == "/readyz" and _is_held else "ok")
    return _text(503, "away", **{"Retry-After": "5"})


def _text(status: int, text: str, **headers: str) -> Response:
    body = f"{text}\n".encode()
    headers |= {"Content-Type": "text/plain", "Content-Length": str(len(body)), "Cache-Control": "no-store"}
    return Response.of(status, headers.items(), body)


async def is_ready() -> bool:
    """A process is ready while PostgreSQL answers. Without Valkey requests are served all the same: it is logged."""
    if not await _is_good("database", _ask_database):
        return False
    await _is_good("broker", _ask_broker)
    return True


async def _is_good(name: str, ask: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    asked_at, was_good = _last.get(name, (-GOOD_FOR_S, False))
    if time.monotonic() - asked_at < GOOD_FOR_S:
        return was_good
    check = _under_way.get(name)
    if check is None or check.done():
        check = _under_way[name] = asyncio.create_task(_check(name, ask))
    return await asyncio.shield(check)  # a client that leaves ends nobody else's check


async def _check(name: str, ask: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    asking = asyncio.create_task(ask())
    # Not asyncio.timeout: it would wait for psycopg to cancel the query on a server that does not answer.
    await asyncio.wait({asking}, timeout=SECONDS[name])
    if asking.done():
        error = asking.exception()
    else:
        asking.cancel()
        error = TimeoutError()
    if isinstance(error, (psycopg.Error, redis.RedisError, OSError)):
        log.warning("not_ready", what=name, error=type(error).__name__)
    elif error:
        raise error
    _last[name] = time.monotonic(), error is None
    return error is None


async def _ask_database() -> None:
    """Use a new connection: an open one would wait for a server that is frozen."""
    global _is_held
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context"):  # of Django's own connections, which are not asynchronous
        parameters.pop(name, None)
    async with await psycopg.AsyncConnection.connect(**parameters) as fresh:
        _is_held = await (await fresh.execute(_HELD)).fetchone() is not None


async def _ask_broker() -> None:
    async with redis.asyncio.Redis.from_url(settings.REDIS_URL, retry=None) as client:
        await client.ping()
