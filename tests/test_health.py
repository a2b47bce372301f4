"""Health checks: a word, without details, and also while nothing else is answered."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection
from django.test import RequestFactory
from pytest_django import Settings

from inflow import health
from inflow.api.throttling import flooded
from inflow.front.application import Front
from tests.front import Got, call


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    health._last.clear()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and sends nothing, like one that is frozen."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def get(*paths: str, method: str = "GET") -> list[Got]:
    """Responses of a web process whose threads all wait."""
    go = threading.Event()

    def wait(environ: object, start_response: Any) -> list[bytes]:
        go.wait(20)
        start_response("200 OK", [])
        return [b""]

    async def ask() -> list[Got]:
        site = Front(wait, threads=1)
        site.start()
        waiting = [asyncio.create_task(call(site, "GET", path)) for path in ("/api/zapier/me", "/admin/") * 2]
        await asyncio.sleep(0.01)
        try:
            return [await call(site, method, path) for path in paths]
        finally:
            go.set()
            await asyncio.gather(*waiting)
            site.stop()

    return asyncio.run(ask())


def test_liveness_needs_nothing() -> None:
    [got] = get("/healthz")  # without the mark of the database, a query would be refused
    assert (got.status, got.body) == (200, b"ok\n")
    [got] = get("/healthz", method="POST")
    assert got.status == 405


@pytest.mark.django_db(transaction=True)
def test_it_is_ready_where_the_database_answers() -> None:
    [got] = get("/readyz")
    assert (got.status, got.body, got.headers["cache-control"]) == (200, b"ok\n", "no-store")


@pytest.mark.django_db(transaction=True)
def test_a_frozen_database_is_told_in_a_word_and_not_asked_again_at_once(
    monkeypatch: pytest.MonkeyPatch, silent: int
) -> None:
    monkeypatch.setitem(health.SECONDS, "database", 0.2)
    stands = dict(connection.settings_dict)
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": silent, "PASSWORD": "secret"}
    try:
        first, alive = get("/readyz", "/healthz")
    finally:
        connection.settings_dict |= stands
    assert (first.status, first.body, first.headers["retry-after"]) == (503, b"unavailable\n", "5")
    assert alive.status == 200
    assert get("/readyz")[0].status == 503  # as it was a moment ago
    health._last.clear()
    assert get("/readyz")[0].status == 200


def test_checks_that_arrive_together_open_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    async def database() -> None:
        opened.append(1)
        await asyncio.sleep(0.05)

    async def broker() -> None: ...

    monkeypatch.setattr(health, "_query_database", database)
    monkeypatch.setattr(health, "_ping_broker", broker)

    async def ask() -> list[Got]:
        site = Front(lambda *_: [], threads=1)
        left = asyncio.create_task(call(site, "GET", "/readyz"))
        together = [asyncio.create_task(call(site, "GET", "/readyz")) for _ in range(50)]
        await asyncio.sleep(0.01)
        left.cancel()  # whoever asked first leaves
        return await asyncio.gather(*together)

    assert {got.status for got in asyncio.run(ask())} == {200}
    assert len(opened) == 1


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_takes_no_request_away(settings: Settings, silent: int) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{silent}/0"
    assert get("/readyz")[0].status == 200
    assert health._last["broker"][1] is False


def test_the_wire_to_the_database_has_limits() -> None:
    options = configured.DATABASES["default"]["OPTIONS"]
    assert (options["connect_timeout"], options["tcp_user_timeout"]) == (5, 30_000)


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2001:db8:7:1::1", "2001:db8:7:1:ffff::2", True),
        ("2001:db8:8:1::1", "2001:db8:8:2::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("203.0.113.8", "203.0.113.9", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("a@example.com", "b@example.com", False),
    ],
)
def test_a_network_of_ipv6_counts_as_one_address(first: str, second: str, is_one: bool) -> None:
    request = RequestFactory().get("/")
    group = f"test {first}"
    assert flooded(request, group, first, "1/m") == 0
    assert bool(flooded(request, group, second, "1/m")) == is_one
