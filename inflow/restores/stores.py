"""The high-water marks outside the database: in Valkey, and in a file where `INFLOW_DATA` is set."""

import fcntl
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import redis
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)
T = TypeVar("T")

PREFIX = "inflow:mark:"
TIMEOUT_S = 0.5
# A store that failed is left out for so long, where another one holds the mark.
LEFT_OUT_S = 5.0
# A file survives the end of any process as soon as it is renamed. A power cut takes back at most this much of it:
# `after_restore` counts a minute more than the marks say.
FLUSH_EVERY_S = 1.0


class Seen(NamedTuple):
    """A slot's number and when it was written, in seconds since 1970."""

    number: int
    at: float


Marks = dict[int, Seen]


class Unavailable(Exception):
    """Raised when no store can be read or written."""


class Store(Protocol):
    def read(self, key: uuid.UUID) -> Marks: ...

    def raise_to(self, key: uuid.UUID, slot: int, seen: Seen) -> int:
        """Write the number unless a higher one is there; return the one that was there before, or 0."""


# --- Valkey --------------------------------------------------------------------------------------------------------

_RAISE = """
local known = tonumber(string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '0', '^%d+'))
if tonumber(ARGV[2]) > known then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3]) end
return known
"""


class ValkeyStore:
    """A hash for each installation, a field for each slot: "number seconds"."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S, retry=None, decode_responses=True
        )
        self._raise = self._client.register_script(_RAISE)

    def read(self, key: uuid.UUID) -> Marks:
        fields: Mapping[str, str] = self._client.hgetall(f"{PREFIX}{key}")  # type: ignore[assignment]
        return {int(slot): _seen(*text.split()) for slot, text in fields.items()}

    def raise_to(self, key: uuid.UUID, slot: int, seen: Seen) -> int:
        return int(self._raise(keys=[f"{PREFIX}{key}"], args=[slot, seen.number, seen.at]))


# --- A file --------------------------------------------------------------------------------------------------------


class FileStore:
    """A file for each installation, replaced as a whole under a lock that the processes of this machine share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._flushed_at = 0.0

    def read(self, key: uuid.UUID) -> Marks:
        try:
            text = self._path(key).read_text()
        except FileNotFoundError:
            return {}
        try:
            return {int(slot): _seen(*seen) for slot, seen in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError):
            log.error("mark_file_unreadable", path=str(self._path(key)))
            return {}

    def raise_to(self, key: uuid.UUID, slot: int, seen: Seen) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone(key):
            marks = self.read(key)
            known = marks[slot].number if slot in marks else 0
            if seen.number > known:
                self._replace(self._path(key), json.dumps({**marks, slot: seen}))
        return known

    def _replace(self, path: Path, text: str) -> None:
        new = path.with_suffix(".new")
        with new.open("w") as file:
            file.write(text)
            if time.monotonic() - self._flushed_at > FLUSH_EVERY_S:
                file.flush()
                os.fsync(file.fileno())
                self._flushed_at = time.monotonic()
        new.replace(path)

    @contextmanager
    def _alone(self, key: uuid.UUID) -> Iterator[None]:
        with self._path(key).with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _path(self, key: uuid.UUID) -> Path:
        return self._folder / f"{key}.json"


def _seen(number: str | int, at: str | float) -> Seen:
    return Seen(int(number), float(at))


# --- Both ------------------------------------------------------------------------------------------------------------

_stores: dict[tuple[str, Path | None], dict[str, Store]] = {}
_left_out_until: dict[str, float] = {}


class Reading(NamedTuple):
    """The highest marks of all stores. Not `is_complete`: a store could not be read."""

    marks: Marks
    is_complete: bool


def read(key: uuid.UUID) -> Reading:
    """Raise `Unavailable` if no store can be read."""
    found = _each(lambda store: store.read(key))
    if not found:
        raise Unavailable
    highest: Marks = {}
    for slot, seen in (item for marks in found for item in marks.items()):
        highest[slot] = max(highest.get(slot, seen), seen)
    return Reading(highest, is_complete=len(found) == len(_configured()))


def raise_to(key: uuid.UUID, slot: int, seen: Seen) -> int:
    """Write the mark to every store that can be reached; one is enough. Return the highest that was there before.

    Raise `Unavailable` if none could be written.
    """
    found = _each(lambda store: store.raise_to(key, slot, seen))
    if not found:
        raise Unavailable
    return max(found)


def _configured() -> dict[str, Store]:
    of = settings.REDIS_URL, settings.INFLOW_DATA
    if of not in _stores:
        _stores[of] = {"valkey": ValkeyStore(settings.REDIS_URL)}
        if settings.INFLOW_DATA:
            _stores[of]["file"] = FileStore(settings.INFLOW_DATA / "marks")
    return _stores[of]


def _each(ask: Callable[[Store], T]) -> list[T]:
    found = []
    stores = _configured()
    for name, store in stores.items():
        if len(stores) > 1 and time.monotonic() < _left_out_until.get(name, 0.0):
            continue
        try:
            found.append(ask(store))
        except (redis.RedisError, OSError) as error:
            log.warning("mark_store_unavailable", store=name, error=type(error).__name__)
            _left_out_until[name] = time.monotonic() + LEFT_OUT_S
    return found
