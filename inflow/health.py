"""Health checks: liveness (/healthz) and readiness (/readyz). The reason for a failure is only logged.

They run in the event loop of inflow/asgi.py, so that they respond even while all threads wait for PostgreSQL.
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
VALID_FOR_S = 1.0  # results are reused for this time, because each check opens a connection
_last: dict[str, tuple[float, bool]] = {}
_running: dict[str, "asyncio.Task[bool]"] = {}  # concurrent requests share a check
_is_held = False
_HELD = f"SELECT FROM {Installation._meta.db_table} WHERE held_at IS NOT NULL"


async def response(path: str, method: str) -> Response:
    if method not in ("GET", "HEAD"):
        return _text(405, "GET or HEAD only", Allow="GET, HEAD")
    if path == "/healthz" or await is_ready():
        return _text(200, "held" if path == "/readyz" and _is_held else "ok")
    return _text(503, "unavailable", **{"Retry-After": "5"})


def _text(status: int, text: str, **headers: str) -> Response:
    body = f"{text}\n".encode()
    headers |= {"Content-Type": "text/plain", "Content-Length": str(len(body)), "Cache-Control": "no-store"}
    return Response.of(status, headers.items(), body)


async def is_ready() -> bool:
    """Return True if PostgreSQL responds. An unavailable Valkey is only logged, because requests do not need it."""
    if not await _is_up("database", _query_database):
        return False
    await _is_up("broker", _ping_broker)
    return True


async def _is_up(name: str, probe: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    checked_at, was_up = _last.get(name, (-VALID_FOR_S, False))
    if time.monotonic() - checked_at < VALID_FOR_S:
        return was_up
    check = _running.get(name)
    if check is None or check.done():
        check = _running[name] = asyncio.create_task(_check(name, probe))
    return await asyncio.shield(check)  # a client that disconnects must not cancel the check of others


async def _check(name: str, probe: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    task = asyncio.create_task(probe())
    # asyncio.timeout would wait for psycopg to cancel the query on a server that does not respond.
    await asyncio.wait({task}, timeout=SECONDS[name])
    if task.done():
        error = task.exception()
    else:
        task.cancel()
        error = TimeoutError()
    if isinstance(error, (psycopg.Error, redis.RedisError, OSError)):
        log.warning("not_ready", what=name, error=type(error).__name__)
    elif error:
        raise error
    _last[name] = time.monotonic(), error is None
    return error is None


async def _query_database() -> None:
    """Query over a new connection, because an open one would wait for a frozen server."""
    global _is_held
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context"):  # only for Django's synchronous connections
        parameters.pop(name, None)
    async with await psycopg.AsyncConnection.connect(**parameters) as fresh:
        _is_held = await (await fresh.execute(_HELD)).fetchone() is not None


async def _ping_broker() -> None:
    async with redis.asyncio.Redis.from_url(settings.REDIS_URL, retry=None) as client:
        await client.ping()
