"""A client's address and protocol are believed as a trusted proxy tells them, and no other peer."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from inflow.accounts.models import Account
from inflow.proxies import client_address, read_address
from tests import make
from tests.api.client import Caller
from tests.test_wsgi import ask

TRUSTED = ["10.0.0.0/8", "2001:db8::7"]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8::7", "2001:db8:1::1", "2001:db8:1::1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1,198.51.100.1 , 10.9.9.9,10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8:1::1]:4711", "2001:db8:1::1"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", ", ,", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_not_trusted(
    settings: Settings, peer: str, forwarded_for: str, client: str
) -> None:
    settings.TRUSTED_PROXIES = TRUSTED
    request = RequestFactory(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded_for).get("/")
    assert client_address(request) == client


@pytest.mark.parametrize("text", ["", "unknown", "1.2.3", "1.2.3.4.5", "[", "a:b:c", "198.51.100.1, 1.1.1.1"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert read_address(text) is None


@pytest.mark.parametrize(
    ("peer", "proto", "is_secure"),
    [
        ("203.0.113.9", "https", False),
        ("198.18.7.1", "https", True),
        ("198.18.7.1", "HTTPS", True),
        ("198.18.7.1", "http", False),
        ("198.18.7.1", "https,http", False),
        ("198.18.7.1", "http, https", True),
        ("198.18.7.1", None, False),
    ],
)
def test_https_is_believed_from_a_trusted_proxy_only(
    settings: Settings, account: Account, peer: str, proto: str | None, is_secure: bool
) -> None:
    settings.TRUSTED_PROXIES = ["198.18.7.0/24"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.HTTPS = True
    headers = {"X-Forwarded-Proto": proto} if proto else {}
    answer = Caller(make.key(account)[1], address=peer).get("me", **headers)
    assert answer.status == (200 if is_secure else 403)


@pytest.fixture
def account(db: None) -> Account:
    return make.account(requests_per_minute=1_000)


@pytest.mark.django_db(transaction=True)
def test_at_the_boundary_a_peer_that_is_not_trusted_is_itself(settings: Settings) -> None:
    """As the web server hands a request over: names in capitals, with underscores."""
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.HTTPS = True
    _, key = make.key(make.account(requests_per_minute=1_000))
    told = {"HTTP_X_INFLOW_KEY": key, "HTTP_X_FORWARDED_PROTO": "https"}
    assert ask("/api/zapier/me", **told)[0] == "200 OK"
    assert ask("/api/zapier/me", **told, REMOTE_ADDR="127.0.0.2")[0] == "403 Forbidden"
    for two in (f"{key},{key}", f"{key}, x", f" {key} x"):
        assert ask("/api/zapier/me", **{**told, "HTTP_X_INFLOW_KEY": two})[0] == "401 Unauthorized"
