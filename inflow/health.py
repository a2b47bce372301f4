"""Whether this process lives, and whether it can work. A stranger learns yes or no; the log says why."""

import time
from collections.abc import Callable

import psycopg
import redis
import structlog
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from inflow.restores.models import Installation

log = structlog.get_logger(__name__)

DATABASE_S, BROKER_S = 2, 0.5
# An answer is good for so long: whoever asks more often than that opens no more connections.
GOOD_FOR_S = 1.0
_last: dict[str, tuple[float, bool]] = {}
_is_held = False
_HELD = f"SELECT FROM {Installation._meta.db_table} WHERE held_at IS NOT NULL"


@never_cache
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """For a supervisor: asks nobody, so that a database that is away has no process restarted."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """For a load balancer: 503 while the database is away. A broker that is away is logged: requests go on without.
    While messages and webhooks are held after a restore it is ready, and says "held"."""
    if _is_good("database", _ask_database):
        _is_good("broker", _ask_broker)
        return HttpResponse("held\n" if _is_held else "ok\n", content_type="text/plain")
    return HttpResponse("away\n", status=503, content_type="text/plain", headers={"Retry-After": "5"})


def _is_good(name: str, ask: Callable[[], None]) -> bool:
    asked_at, was_good = _last.get(name, (-GOOD_FOR_S, False))
    if time.monotonic() - asked_at < GOOD_FOR_S:
        return was_good
    try:
        ask()
        good = True
    except (psycopg.Error, redis.RedisError) as error:
        log.warning("not_ready", what=name, error=type(error).__name__)
        good = False
    _last[name] = time.monotonic(), good
    return good


def _ask_database() -> None:
    """On a connection of its own, whose opening has a limit: one that is open already would wait for a server that is
    frozen."""
    global _is_held
    parameters = connection.get_connection_params() | {"connect_timeout": DATABASE_S}
    parameters["options"] = f"-c statement_timeout={DATABASE_S}s"
    with psycopg.connect(**parameters) as fresh:
        _is_held = fresh.execute(_HELD).fetchone() is not None


def _ask_broker() -> None:
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=BROKER_S, socket_timeout=BROKER_S, retry=None
    ) as client:
        client.ping()


urlpatterns = [path("healthz", alive, name="alive"), path("readyz", ready, name="ready")]
