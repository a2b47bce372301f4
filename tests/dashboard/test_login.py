from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _start_fresh(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


def test_wrong_passwords_close_the_log_in_for_an_email_also_from_other_addresses_and_for_no_other() -> None:
    user, other = make.user(make.account()), make.user(make.account())
    refused_at = next(n for n in range(1, 22) if _try(user.email, f"127.0.1.{n}").status_code == 429)
    assert 11 <= refused_at <= 21  # 10 in five minutes; a new window may have begun in between
    refused = _try(user.email, "127.0.2.1")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 300
    assert _try(other.email, "127.0.2.1").status_code == 200


def test_an_address_has_twenty_attempts_a_minute() -> None:
    refused_at = next(n for n in range(1, 42) if _try(f"{n}@x.example", "127.0.3.1").status_code == 429)
    assert 21 <= refused_at <= 41


def _try(email: str, address: str) -> Any:
    return Client().post("/admin/login/", {"username": email, "password": "wrong"}, REMOTE_ADDR=address)
