"""Whether a process lives and can work: said in a word, without details."""

import socket
from collections.abc import Iterator

import pytest
from django.conf import settings as configured
from django.db import connection
from django.test import Client, RequestFactory
from pytest_django import Settings

from inflow import health
from inflow.api.throttling import flooded


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    health._last.clear()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing, as one that is frozen."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_process_lives_without_asking_anybody(client: Client) -> None:
    answer = client.get("/healthz")  # without the mark of the database, a query would be refused
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
def test_it_is_ready_where_the_database_answers(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_a_frozen_database_is_told_in_a_word_and_not_asked_again_at_once(client: Client, silent: int) -> None:
    stands = dict(connection.settings_dict)
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": silent, "PASSWORD": "secret"}
    try:
        first = client.get("/readyz")
    finally:
        connection.settings_dict |= stands
    assert (first.status_code, first.content, first["Retry-After"]) == (503, b"away\n", "5")
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503  # as it was a moment ago
    health._last.clear()
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_a_broker_that_is_away_takes_no_request_away(client: Client, settings: Settings, silent: int) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{silent}/0"
    assert client.get("/readyz").status_code == 200
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
