"""Contract §6: 60 requests a minute without a key, whatever path they name."""

import itertools

import pytest

from inflow.accounts.models import Account
from tests import make
from tests.api.client import Caller, is_problem
from tests.contract import test_limits

pytestmark = pytest.mark.django_db
# None of those that another test counts at the same moment.
ADDRESSES = itertools.islice(test_limits.addresses(), 1_000, None)


@pytest.mark.parametrize("key", [None, "inflow_wrong"], ids=["without", "with a wrong one"])
def test_unknown_paths_count_against_a_caller_without_a_valid_key(key: str | None) -> None:
    stranger, other = (Caller(key, address=address) for address in itertools.islice(ADDRESSES, 2))
    paths = itertools.cycle(["/api/nope", "/api", "/api/zapier/nope", "/api/nope/x", "/api/docs", "/api/openapi.json"])
    answers = [stranger.send(method, next(paths)).status for method in ("GET", "POST") * 30]
    assert 429 not in answers
    answer = stranger.get("/api/nope")
    is_problem(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    is_problem(stranger.get("me"), 429)
    is_problem(other.get("/api/nope"), 404)


def test_unknown_paths_count_against_the_account_of_a_key() -> None:
    caller = Caller(make.key(make.account(requests_per_minute=30))[1])
    assert is_problem(caller.get("/api/nope"), 404)
    answer = caller.get("/api/nope")
    assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (404, "28")
    for _ in range(28):
        caller.get("/api/nope")
    is_problem(caller.get("/api/nope"), 429)


def test_a_key_sent_in_clear_is_counted(settings: object, db: None) -> None:
    settings.HTTPS = True  # type: ignore[attr-defined]
    caller = Caller("inflow_any", address=next(ADDRESSES))
    assert {caller.get("me").status for _ in range(60)} == {403}
    is_problem(caller.get("me"), 429)


def test_a_valid_key_is_counted_by_its_account_also_from_an_exhausted_address(db: None) -> None:
    account: Account = make.account(requests_per_minute=1_000)
    address = next(ADDRESSES)
    for _ in range(61):
        Caller(None, address=address).get("/api/nope")
    is_problem(Caller(make.key(account)[1], address=address).get("/api/nope"), 404)
