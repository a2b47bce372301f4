"""Contract §5: a key or secret in a path or a query is neither echoed nor logged."""

import io
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from structlog.stdlib import ProcessorFormatter

from inflow import masking
from inflow.accounts.models import Account
from tests import make
from tests.api.client import Answer, Caller, is_problem

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log as this process writes it."""
    (handler,) = (each for each in logging.getLogger().handlers if isinstance(each.formatter, ProcessorFormatter))
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)


def addresses(key: str) -> list[str]:
    encoded = "".join(f"%{ord(letter):02x}" for letter in key)
    return [
        f"/api/{key}",
        f"/api/zapier/{key}",
        f"/api/zapier/invoices/{key}",
        f"/api/zapier/invoices/{key[:-9]}",
        f"/api/zapier/invoices/{encoded}",
        f"/api/zapier/invoices/{quote(encoded)}/payments",
        f"/api/zapier/webhooks/{key[7:]}/test",
        f"/api/zapier/invoices?key={key}",
        f"/api/zapier/invoices?{key}=1",
        f"/api/zapier/invoices?{encoded}={encoded}",
        f"/api/zapier/invoices?status={key}",
        f"/api/zapier/invoices?status={key.upper()}",
        f"/api/zapier/invoices?q={key}",
        f"/api/zapier/invoices?q={key}&q={key}",
        f"/api/zapier/invoices?limit=1&cursor={key}",
        f"/api/zapier/communications?status=all&kind={key}",
        f"/api/zapier/events?after={key}",
        f"/api/zapier/me?key={key}",
        f"/api/zapier/invoices/{SECRET}",
        f"/api/zapier/invoices?status={SECRET}",
    ]


def shows(text: str, key: str) -> bool:
    return any(hidden.lower() in text.lower() for hidden in (key, key[7:], key[:-9], SECRET, SECRET[6:]))


@pytest.mark.parametrize("is_known", [True, False], ids=["with a key", "without"])
def test_a_key_or_secret_in_an_address_is_neither_echoed_nor_logged(
    account: Account, log: io.StringIO, is_known: bool
) -> None:
    _, key = make.key(account)
    caller = Caller(key if is_known else None)
    for method in ("GET", "POST", "DELETE"):
        for address in addresses(key):
            answer = caller.send(method, address)
            assert not shows(answer.body.decode(), key), (method, address)
            assert not any(shows(value, key) for value in answer.headers.values()), (method, address)
    assert "Not Found" in log.getvalue()
    assert not shows(log.getvalue(), key)


def test_a_key_in_the_query_is_told_to_be_revoked(account: Account, api: Caller) -> None:
    for query in (f"q={api.key}", f"{api.key}=1", f"invoice_number={api.key}"):
        problem = is_problem(api.get(f"invoices?{query}"), 422, "key_in_query")
        assert "Revoke this one" in problem["detail"]


def test_a_key_as_the_id_of_a_request_is_replaced(account: Account, api: Caller) -> None:
    answer: Answer = api.get("nope", X_Request_Id=str(api.key))
    assert not shows(answer.headers["X-Request-Id"] + answer.body.decode(), str(api.key))


def test_a_key_in_what_an_error_says_is_not_logged(account: Account, api: Caller, log: io.StringIO) -> None:
    try:
        raise ValueError(f"could not read {api.key}")
    except ValueError:
        logging.getLogger("inflow.test").exception("failed with %s", api.key)
    assert "could not read inflow_•••" in log.getvalue()
    assert not shows(log.getvalue(), str(api.key))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("/api/zapier/invoices/7e3aa919-b432-4c2b-9a6e-0123456789ab", None),
        ("There is no such resource.", None),
        ("inflow_your_key", None),
        ("inflow_test_0123456789abc", "inflow_•••"),
        ("/api/inflow%5Ftest%5F0123456789abc/x", "/api/inflow_•••/x"),
        ("a whsec_MfKQ9r8GKYqrTwjU b", "a whsec_••• b"),
        ("7" + "x" * 40, "•••"),
        ("x" * 64, None),
    ],
)
def test_what_is_masked(text: str, masked: str | None) -> None:
    assert masking.mask_secrets(text) == (masked or text)
