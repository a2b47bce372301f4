"""What a request leaves behind: nothing that the garbage collector would have to find."""

import gc
import io
import json
import sys
from collections.abc import Iterator

import pytest

from inflow.wsgi import application
from tests import make
from tests.api.client import PLENTY

pytestmark = pytest.mark.django_db(transaction=True)  # as between requests, connections are looked at


@pytest.fixture
def collected() -> Iterator[None]:
    """No garbage collection but those that are asked for."""
    gc.disable()
    yield
    gc.enable()


def ask(key: str, method: str, path: str, body: object = None) -> int:
    """As the web server does; Django's client for tests keeps what it was answered."""
    raw = b"" if body is None else json.dumps(body).encode()
    said: list[str] = []
    answer = application(
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": f"/api/zapier/{path}",
            "QUERY_STRING": "",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(raw)),
            "HTTP_X_INFLOW_KEY": key,
            "HTTP_HOST": "testserver",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(raw),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
        },
        lambda status, headers: said.append(status),
    )
    b"".join(answer)
    return int(said[0].split()[0])


@pytest.mark.parametrize("kind", ["GET", "list", "POST", "PATCH", "unknown", "refused"])
def test_a_request_leaves_nothing_for_the_garbage_collector(kind: str, collected: None) -> None:
    account = make.account(requests_per_minute=PLENTY, requests_per_day=PLENTY)
    _, key = make.key(account)
    invoices = [make.invoice(account, debtor_email="known@example.com") for _ in range(30)]

    def once(number: int) -> int:
        one = f"invoices/{invoices[number].pk}"
        new = {
            "invoice_number": f"NEW-{number}",
            "debtor_name": "Ahmed Al Rashid",
            "debtor_email": "known@example.com",
            "amount": 25000,
            "currency": "AED",
            "due_date": "2036-02-14",
        }
        match kind:
            case "GET":
                return ask(key, "GET", one)
            case "list":
                return ask(key, "GET", "invoices")
            case "POST":
                return ask(key, "POST", "invoices", new)
            case "PATCH":
                return ask(key, "PATCH", one, {"status": "on_hold"})
            case "unknown":
                return ask(key, "GET", f"invoices/{account.pk}")
        return ask(key, "POST", "invoices", {**new, "amount": -1})

    expected = {"POST": 201, "unknown": 404, "refused": 422}.get(kind, 200)
    for number in range(20):  # statements are compiled, and what is cached is
        assert once(number) == expected
    gc.collect()
    for number in range(20, 30):
        assert once(number) == expected
    assert gc.collect() == 0
