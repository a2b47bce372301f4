"""High-water marks outside the database: in Valkey, and in a file if `INFLOW_DATA` is set."""

import fcntl
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import redis
import structlog
from django.conf import settings

from inflow.restores.errors import StoresUnavailable

log = structlog.get_logger(__name__)
T = TypeVar("T")

PREFIX = "inflow:mark:"
TIMEOUT_S = 0.5
# Time for which a store that failed is skipped if there is another one, in seconds.
SKIP_FAILED_S = 5.0
# A renamed file survives a crash of any process. A power failure can lose at most this many seconds of marks, which is
# within the margin of `after_restore`.
FLUSH_EVERY_S = 1.0


class StoredMark(NamedTuple):
    """The number of a slot, and the Unix time at which it was written."""

    number: int
    at: float


Marks = dict[int, StoredMark]


# --- Valkey --------------------------------------------------------------------------------------------------------

_RAISE = """
local known = tonumber(string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '0', '^%d+'))
if tonumber(ARGV[2]) > known then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3]) end
return known
"""


class ValkeyStore:
    """A hash for each installation, with a field for each slot: "number time"."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S, retry=None, decode_responses=True
        )
        self._raise = self._client.register_script(_RAISE)

    def read(self, key: uuid.UUID) -> Marks:
        fields: Mapping[str, str] = self._client.hgetall(f"{PREFIX}{key}")  # type: ignore[assignment]
        return {int(slot): _mark(*text.split()) for slot, text in fields.items()}

    def raise_to(self, key: uuid.UUID, slot: int, mark: StoredMark) -> int:
        """Write the mark unless the stored number is higher. Return the number before, or 0."""
        return int(self._raise(keys=[f"{PREFIX}{key}"], args=[slot, mark.number, mark.at]))


# --- A file --------------------------------------------------------------------------------------------------------


class FileStore:
    """A file for each installation. It is replaced as a whole, under a lock shared by the processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._flushed_at = 0.0

    def read(self, key: uuid.UUID) -> Marks:
        try:
            text = self._path(key).read_text()
        except FileNotFoundError:
            return {}
        try:
            return {int(slot): _mark(*mark) for slot, mark in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError):
            log.error("mark_file_unreadable", path=str(self._path(key)))
            return {}

    def raise_to(self, key: uuid.UUID, slot: int, mark: StoredMark) -> int:
        """Write the mark unless the stored number is higher. Return the number before, or 0."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(key):
            marks = self.read(key)
            before = marks[slot].number if slot in marks else 0
            if mark.number > before:
                self._replace(self._path(key), json.dumps({**marks, slot: mark}))
        return before

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
    def _locked(self, key: uuid.UUID) -> Iterator[None]:
        with self._path(key).with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _path(self, key: uuid.UUID) -> Path:
        return self._folder / f"{key}.json"


def _mark(number: str | int, at: str | float) -> StoredMark:
    return StoredMark(int(number), float(at))


# --- Both ------------------------------------------------------------------------------------------------------------

Store = ValkeyStore | FileStore
_stores: dict[tuple[str, Path | None], dict[str, Store]] = {}
_skipped_until: dict[str, float] = {}


class Reading(NamedTuple):
    """The highest marks of all stores. `is_complete` is False if a store could not be read."""

    marks: Marks
    is_complete: bool


def read(key: uuid.UUID) -> Reading:
    """Return the highest mark of each slot. Raise `StoresUnavailable` if no store can be read."""
    results = _each(lambda store: store.read(key))
    highest: Marks = {}
    for slot, mark in (item for marks in results for item in marks.items()):
        highest[slot] = max(highest.get(slot, mark), mark)
    return Reading(highest, is_complete=len(results) == len(_configured()))


def raise_to(key: uuid.UUID, slot: int, mark: StoredMark) -> int:
    """Write the mark to every available store. Return the highest number before. Raise `StoresUnavailable`."""
    return max(_each(lambda store: store.raise_to(key, slot, mark)))


def _configured() -> dict[str, Store]:
    key = settings.REDIS_URL, settings.INFLOW_DATA
    if key not in _stores:
        _stores[key] = {"valkey": ValkeyStore(settings.REDIS_URL)}
        if settings.INFLOW_DATA:
            _stores[key]["file"] = FileStore(settings.INFLOW_DATA / "marks")
    return _stores[key]


def _each(function: Callable[[Store], T]) -> list[T]:
    """Return the results of `function` for the stores that are available. Raise `StoresUnavailable` if none is."""
    results = []
    stores = _configured()
    for name, store in stores.items():
        if len(stores) > 1 and time.monotonic() < _skipped_until.get(name, 0.0):
            continue
        try:
            results.append(function(store))
        except (redis.RedisError, OSError) as error:
            log.warning("mark_store_unavailable", store=name, error=type(error).__name__)
            _skipped_until[name] = time.monotonic() + SKIP_FAILED_S
    if not results:
        raise StoresUnavailable
    return results
