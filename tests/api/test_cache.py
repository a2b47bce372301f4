"""Django's cache holds JSON: whoever can write to Valkey makes no process run code."""

import datetime as dt
import pickle
import uuid
from decimal import Decimal

import orjson
import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext_lazy

from inflow.accounts.roles import Role
from tests import make
from tests.dashboard.world import logged_in


def raw(key: str) -> bytes:
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        value = valkey.get(cache.make_key(key))
    assert isinstance(value, bytes)
    return value


def test_values_are_json() -> None:
    name = uuid.uuid4().hex
    cache.set(name, [{"at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC), "id": uuid.UUID(int=7), "none": None}])
    assert orjson.loads(raw(name)) == cache.get(name)
    assert cache.get(name) == [{"at": "2026-03-01T00:00:00Z", "id": str(uuid.UUID(int=7)), "none": None}]


@pytest.mark.django_db
def test_the_dashboards_search_is_answered_from_the_cache_as_before() -> None:
    """unfold keeps its results there: dataclasses with translated texts."""
    client = logged_in(make.user(make.account(), Role.ADMIN))
    first, again = (client.get("/admin/search/?s=invoice") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert b"/admin/invoices/invoice/" in first.content
    assert first.content.count(b"<a") == again.content.count(b"<a")


def test_amounts_and_translated_texts_are_written_as_the_api_writes_them() -> None:
    name = uuid.uuid4().hex
    cache.set(name, {"amount": Decimal("10.50"), "whole": Decimal(3), "text": gettext_lazy("Invoice")})
    assert cache.get(name) == {"amount": 10.5, "whole": 3, "text": "Invoice"}


def test_integers_are_counted_and_expire() -> None:
    name = uuid.uuid4().hex
    assert cache.add(name, 1, timeout=60)
    assert not cache.add(name, 1)
    assert (cache.incr(name), cache.get(name), raw(name)) == (2, 2, b"2")
    assert cache.get(uuid.uuid4().hex) is None


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('a pickle was read')",)


def test_a_pickle_is_not_read() -> None:
    name = uuid.uuid4().hex
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        valkey.set(cache.make_key(name), pickle.dumps(Bomb()))
    with pytest.raises(ValueError):  # noqa: PT011  (of the parser)
        cache.get(name)
