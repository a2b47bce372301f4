"""Contract §6: two windows per account, a minute and a day, counted by one script."""

import itertools
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from inflow.accounts import keys
from inflow.accounts.models import Account, ApiKey
from inflow.accounts.plans import Plan
from tests import make
from tests.api.client import Answer, Caller, is_problem
from tests.parallel import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def free() -> Account:
    return make.account(plan=Plan.FREE)


@pytest.fixture
def valkey() -> redis.Redis:
    return redis.Redis.from_url(django_settings.REDIS_URL)


def window(account: Account, name: str) -> str:
    return f"inflow:rate:{{{account.pk}}}:{name}"


def used(valkey: redis.Redis, account: Account) -> tuple[int, int]:
    counts: list[Any] = [valkey.get(window(account, name)) for name in ("minute", "day")]
    return int(counts[0] or 0), int(counts[1] or 0)


def a_caller(account: Account) -> Caller:
    return Caller(make.key(account)[1])


def test_the_31st_request_of_a_free_accounts_minute_is_refused_and_burns_nothing(
    free: Account, valkey: redis.Redis
) -> None:
    caller = a_caller(free)
    assert [caller.get("me").status for _ in range(30)] == [200] * 30
    for _ in range(3):
        answer = caller.get("me")
        is_problem(answer, 429, "rate_limited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert '"minute";r=0;' in answer.headers["RateLimit"]
        assert '"day";r=970;' in answer.headers["RateLimit"]
    assert used(valkey, free) == (30, 30)


def test_retry_after_is_true(free: Account, valkey: redis.Redis) -> None:
    """The window's end is moved near, so that the test need not wait for a minute."""
    caller = a_caller(free)
    for _ in range(30):
        caller.get("me")
    valkey.pexpire(window(free, "minute"), 900)
    answer = caller.get("me")
    is_problem(answer, 429)
    assert answer.headers["Retry-After"] == "1"
    time.sleep(int(answer.headers["Retry-After"]))
    assert caller.get("me").status == 200


def test_of_50_parallel_requests_over_two_keys_of_one_account_exactly_30_pass(
    transactional_db: None, valkey: redis.Redis
) -> None:
    free = make.account(plan=Plan.FREE)
    callers = [a_caller(free), a_caller(free)]
    answers = at_once(*[lambda caller=caller: caller.get("me") for caller in callers * 25])
    statuses = [answer.status for answer in answers if isinstance(answer, Answer)]
    assert (statuses.count(200), statuses.count(429)) == (30, 20)
    assert used(valkey, free) == (30, 30)


def test_two_accounts_do_not_share_a_window(free: Account) -> None:
    caller, other = a_caller(free), a_caller(make.account("Oryx"))
    for _ in range(31):
        caller.get("me")
    assert other.get("me").headers["X-RateLimit-Remaining"] == "29"


def test_a_plan_change_keeps_what_was_used(free: Account) -> None:
    caller = a_caller(free)
    for _ in range(31):
        caller.get("me")
    Account.objects.filter(pk=free.pk).update(plan=Plan.STARTER)
    headers = caller.get("me").headers
    assert '"minute";r=29;' in headers["RateLimit"]
    assert '"day";r=9969;' in headers["RateLimit"]
    Account.objects.filter(pk=free.pk).update(plan=Plan.FREE)
    is_problem(caller.get("me"), 429)


def test_a_change_of_limits_counts_the_next_request_once(free: Account, valkey: redis.Redis) -> None:
    """It is sent to be counted by what the process knew of the account."""
    caller = a_caller(free)
    caller.get("me")
    Account.objects.filter(pk=free.pk).update(plan=Plan.STARTER)
    assert caller.get("me").headers["RateLimit"] == '"minute";r=58;t=60, "day";r=9998;t=86400'
    Account.objects.filter(pk=free.pk).update(requests_per_minute=2)
    is_problem(caller.get("me"), 429)
    assert used(valkey, free) == (2, 2)


def test_a_request_counts_for_the_account_that_the_key_has_now(free: Account, valkey: redis.Redis) -> None:
    row, key = make.key(free)
    assert Caller(key).get("invoices").status == 200
    make.invoice(free)
    other = make.account("Oryx", plan=Plan.FREE)
    ApiKey.objects.filter(pk=row.pk).update(account=other)
    answer = Caller(key).get("invoices")
    assert (answer.json, used(valkey, free), used(valkey, other)) == ([], (1, 1), (1, 1))


def test_a_key_that_was_revoked_since_it_was_seen_counts_for_nobody(free: Account, valkey: redis.Redis) -> None:
    row, key = make.key(free)
    caller = Caller(key)
    assert caller.get("me").status == 200
    keys.revoke(row, actor="admin@example.com")
    for _ in range(2):
        is_problem(caller.get("me"), 401)
    assert used(valkey, free) == (1, 1)


def test_the_exhausted_day_refuses_until_its_end_and_burns_no_minute(valkey: redis.Redis) -> None:
    account = make.account(requests_per_day=2)
    caller = a_caller(account)
    caller.get("me")
    caller.get("me")
    answer = caller.get("me")
    is_problem(answer, 429)
    assert 86_000 < int(answer.headers["Retry-After"]) <= 86_400
    assert answer.headers["X-RateLimit-Limit"] == "2"
    assert used(valkey, account) == (2, 2)


def test_the_headers_on_every_authenticated_answer(free: Account) -> None:
    caller = a_caller(free)
    answers = [
        caller.get("me"),
        caller.get("invoices/7e3aa919-b432-4c2b-9a6e-0123456789ab"),
        caller.get("invoices?limit=0"),
        caller.post("invoices", {}),
        caller.send("POST", "invoices", b"{"),
        caller.send("PUT", "me"),
        Caller(make.key(free, scopes=[])[1]).get("invoices"),
    ]
    assert [answer.status for answer in answers] == [200, 404, 422, 422, 400, 405, 403]
    for made, answer in enumerate(answers, start=1):
        headers = answer.headers
        assert headers["RateLimit-Policy"] == '"minute";q=30;w=60, "day";q=1000;w=86400'
        items = dict(item.split(";", 1) for item in headers["RateLimit"].split(", "))
        assert items.keys() == {'"minute"', '"day"'}
        assert items['"minute"'].startswith(f"r={30 - made};t=")
        assert items['"day"'].startswith(f"r={1000 - made};t=")
        assert headers["X-RateLimit-Limit"] == "30"
        assert headers["X-RateLimit-Remaining"] == str(30 - made)
        assert 0 < int(headers["X-RateLimit-Reset"]) <= 60


def test_the_older_names_speak_of_the_tighter_window() -> None:
    headers = a_caller(make.account(requests_per_day=20)).get("me").headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("20", "19")


def test_enterprise_has_no_day() -> None:
    headers = a_caller(make.account(plan=Plan.ENTERPRISE)).get("me").headers
    assert headers["RateLimit-Policy"] == '"minute";q=300;w=60'
    assert '"day"' not in headers["RateLimit"]


# --- Without a key -----------------------------------------------------------------------------------------------


def addresses() -> Iterator[str]:
    """Those whose minute, which django-ratelimit lets begin at a second of their own, goes on for a while."""
    for number in itertools.count(int(time.time())):
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        if (zlib.crc32(address.encode()) - int(time.time())) % 60 > 20:
            yield address


def test_the_61st_request_without_a_key_in_a_minute_is_refused_by_address(free: Account) -> None:
    stranger, other = (Caller(None, address=address) for address in itertools.islice(addresses(), 2))
    assert {stranger.get("me").status for _ in range(60)} == {401}
    answer = stranger.get("invoices")
    is_problem(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    is_problem(Caller("inflow_bad", address=stranger.address).get("me"), 429)
    is_problem(other.get("me"), 401)
    # A good key is counted by its account, also from that address.
    assert Caller(make.key(free)[1], address=stranger.address).get("me").status == 200


def flood(address: str, forwarded_for: str | None = None) -> int:
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    return Caller(None, address=address).get("me", **headers).status


def test_x_forwarded_for_is_believed_from_trusted_proxies_only(settings: Settings) -> None:
    proxy, inner, victim, attacker, stranger = itertools.islice(addresses(), 5)
    settings.TRUSTED_PROXIES = [proxy, inner]
    # Through the proxies it is the client that is counted, whatever the client wrote in front of itself.
    statuses = [flood(proxy, f"203.0.113.{number}, {attacker}, {inner}") for number in range(61)]
    assert statuses == [401] * 60 + [429]
    assert flood(proxy, victim) == 401
    # A stranger's own header is not believed: neither to hide, nor to exhaust somebody else's minute.
    assert [flood(stranger, f"198.51.100.{number}") for number in range(61)] == [401] * 60 + [429]
    assert flood(proxy, victim) == 401
