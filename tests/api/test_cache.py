"""Django's cache holds JSON: whoever can write to Valkey makes no process run code."""

import datetime as dt
import pickle
import uuid

import orjson
import pytest
import redis
from django.conf import settings
from django.core.cache import cache


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
