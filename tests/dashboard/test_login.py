"""The log-in page is closed to guessing: for an email from one address soon, for either of them beyond measure."""

import datetime as dt
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.utils import timezone

from tests import make

pytestmark = pytest.mark.django_db
HERE, THERE = "127.0.1.1", "127.0.2.1"
WRONG = "wrong"


def guess(email: str, address: str = HERE, *, password: str = WRONG, via: str | None = None) -> Any:
    headers = {"X-Forwarded-For": via} if via else {}
    said = {"username": email, "password": password}
    return Client(REMOTE_ADDR=address, headers=headers).post("/admin/login/", said)


def fails(email: str, address: str, failures: int) -> None:
    AccessAttempt.objects.create(username=email, ip_address=address, failures_since_start=failures)


def test_five_wrong_passwords_close_the_log_in_for_an_email_from_there_and_for_no_other() -> None:
    user, other = make.user(make.account()), make.user(make.account())
    assert [guess(user.email).status_code for _ in range(4)] == [200] * 4
    assert guess(user.email.upper()).status_code == 429
    refused = guess(user.email, password=make.PASSWORD)
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 15 * 60
    assert "Too many attempts" in refused.content.decode()
    assert "sessionid" not in refused.cookies
    assert guess(user.email, THERE, password=make.PASSWORD).status_code == 302
    assert guess(other.email, password=make.PASSWORD).status_code == 302


def test_a_lock_ends_after_a_quarter_of_an_hour_also_when_guessing_goes_on() -> None:
    user = make.user(make.account())
    fails(user.email, HERE, 5)
    assert guess(user.email).status_code == 429
    ended = timezone.now() - dt.timedelta(minutes=15, seconds=1)
    AccessAttempt.objects.update(attempt_time=ended)
    assert guess(user.email, password=make.PASSWORD).status_code == 302


def test_logging_in_forgets_what_failed_from_there_before() -> None:
    user = make.user(make.account())
    fails(user.email, HERE, 4)
    fails("other@example.com", HERE, 4)
    assert guess(user.email, password=make.PASSWORD).status_code == 302
    assert [attempt.username for attempt in AccessAttempt.objects.all()] == ["other@example.com"]


def test_fifty_failures_close_the_log_in_for_an_email_everywhere_and_for_an_address_for_all() -> None:
    user, other = make.user(make.account()), make.user(make.account())
    for last in range(13):
        fails(user.email, f"127.0.3.{last}", 4)
        fails(f"{last}@example.com", "127.0.4.1", 4)
    assert guess(user.email, password=make.PASSWORD).status_code == 429
    assert guess(other.email, password=make.PASSWORD).status_code == 302
    assert guess(other.email, "127.0.4.1", password=make.PASSWORD).status_code == 429


def test_only_a_configured_proxy_says_whose_address_it_is(settings: Any) -> None:
    user = make.user(make.account())
    fails(user.email, "203.0.113.7", 5)
    right = {"password": make.PASSWORD, "via": "203.0.113.7"}
    assert guess(user.email, **right).status_code == 302
    settings.TRUSTED_PROXIES = [HERE]
    assert guess(user.email, **right).status_code == 429
    assert guess(user.email, password=make.PASSWORD, via="no address at all").status_code == 302


def test_an_ipv6_network_is_one_client() -> None:
    user = make.user(make.account())
    fails(user.email, "2001:db8:1:2::", 5)
    assert guess(user.email, "2001:db8:1:2:aaaa::9", password=make.PASSWORD).status_code == 429
    assert guess(user.email, "2001:db8:1:3:aaaa::9", password=make.PASSWORD).status_code == 302


def test_no_password_is_kept_with_a_failure() -> None:
    guess("who@example.com", password="my other password")
    kept = AccessAttempt.objects.values().get()
    assert kept["username"] == "who@example.com"
    assert "my other password" not in str(kept)
