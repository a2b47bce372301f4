"""The plan's two windows, a minute and a day, counted per account by one atomic script.

A refused request burns neither window, of parallel requests at the edge exactly the rest passes, and a plan change
keeps what was used: the key holds the account and not the rate. django-ratelimit, which guards what is keyed by
address, does none of the three.
"""

import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Any, NamedTuple

import hiredis
import redis
import structlog
from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from inflow.accounts.models import Account
from inflow.api.errors import Problem
from inflow.proxies import client_address

log = structlog.get_logger(__name__)

MINUTE_S, DAY_S = 60, 86_400
UNAUTHENTICATED_RATE = "60/m"

# A window starts with its first request. ARGV: the two limits (0: unlimited) and the two lengths in ms.
_SCRIPT = """
local used, left, refused = {}, {}, 0
for i = 1, 2 do
  used[i] = tonumber(redis.call('GET', KEYS[i]) or '0')
  local limit = tonumber(ARGV[i])
  if limit > 0 and used[i] >= limit then refused = 1 end
end
for i = 1, 2 do
  if refused == 0 then
    used[i] = redis.call('INCR', KEYS[i])
    if used[i] == 1 then redis.call('PEXPIRE', KEYS[i], ARGV[i + 2]) end
  end
  left[i] = redis.call('PTTL', KEYS[i])
  if left[i] < 0 then left[i] = tonumber(ARGV[i + 2]) end
end
return {refused, used[1], left[1], used[2], left[2]}
"""

# One request was not counted after all.
_BACK = """
for i = 1, 2 do
  if tonumber(redis.call('GET', KEYS[i]) or '0') > 0 then redis.call('DECR', KEYS[i]) end
end
"""

_SHA = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
_pool = redis.ConnectionPool.from_url(
    settings.REDIS_URL, socket_connect_timeout=0.3, socket_timeout=0.3, retry=None, health_check_interval=0
)
_waiting: list[Any] = []  # connections that nobody uses: as many as have counted at the same moment


class Window(NamedTuple):
    """One window as of now. Times in whole seconds, rounded up."""

    name: str
    limit: int
    length: int
    used: int
    resets_in: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


class Usage(NamedTuple):
    windows: tuple[Window, ...]
    is_refused: bool

    @property
    def tightest(self) -> Window:
        return min(self.windows, key=lambda window: (window.remaining, -window.resets_in))

    @property
    def headers(self) -> Mapping[str, tuple[str, str]]:
        """draft-ietf-httpapi-ratelimit-headers, and the older names for the tighter window; for `Headers.add`."""
        policies, states = [], []
        for name, limit, length, used, resets_in in self.windows:
            policies.append(f'"{name}";q={limit};w={length}')
            states.append(f'"{name}";r={max(0, limit - used)};t={resets_in}')
        tightest = self.tightest
        return {
            "ratelimit-policy": ("RateLimit-Policy", ", ".join(policies)),
            "ratelimit": ("RateLimit", ", ".join(states)),
            "x-ratelimit-limit": ("X-RateLimit-Limit", str(tightest.limit)),
            "x-ratelimit-remaining": ("X-RateLimit-Remaining", str(tightest.remaining)),
            "x-ratelimit-reset": ("X-RateLimit-Reset", str(tightest.resets_in)),
        }


def count(account: Account) -> Usage | None:
    """Count one request of `account`. None where the cache is away: the API then answers without limits."""
    return Counting(account).usage(account)


class Counting:
    """One request, on its way to be counted while something else is waited for. `account` is as it was known then: if
    it turns out to have other limits now, or the request not to be its own, the count is taken back."""

    def __init__(self, account: Account) -> None:
        self._account_id, self._limits = account.id, account.limits
        key = f"inflow:rate:{{{account.id}}}:"
        self._keys = f"{key}minute", f"{key}day"
        limits = self._limits.per_minute, self._limits.per_day or 0
        self._sent: _Sent | None = None
        try:
            self._sent = _send("EVALSHA", _SHA, 2, *self._keys, *limits, MINUTE_S * 1000, DAY_S * 1000)
        except redis.RedisError as error:
            _log_away(error)

    def usage(self, account: Account) -> Usage | None:
        """To be asked once."""
        if account.limits != self._limits or account.id != self._account_id:
            self.take_back()
            return count(account)
        try:
            return self._usage()
        except redis.RedisError as error:
            _log_away(error)
            return None

    def take_back(self) -> None:
        try:
            usage = self._usage()
            if usage and not usage.is_refused:
                _receive(_send("EVAL", _BACK, 2, *self._keys))
        except redis.RedisError as error:
            _log_away(error)

    def _usage(self) -> Usage | None:
        if self._sent is None:
            return None
        sent, self._sent = self._sent, None
        try:
            counts = _receive(sent)
        except redis.exceptions.NoScriptError:
            counts = _receive(_send("EVAL", _SCRIPT, *sent.command[2:]))
        refused, minute_used, minute_left, day_used, day_left = counts
        windows = [Window("minute", self._limits.per_minute, MINUTE_S, minute_used, -(-minute_left // 1000))]
        if per_day := self._limits.per_day:
            windows.append(Window("day", per_day, DAY_S, day_used, -(-day_left // 1000)))
        return Usage(tuple(windows), bool(refused))


def _log_away(error: redis.RedisError) -> None:
    log.warning("rate_limit_off", error=type(error).__name__)


def used(account: Account) -> list[Window]:
    """The account's windows as they stand, without counting anything. A limit of 0: unlimited. Empty where the cache is
    away."""
    key = f"inflow:rate:{{{account.id}}}:"
    limits = {"minute": (account.limits.per_minute, MINUTE_S), "day": (account.limits.per_day or 0, DAY_S)}
    try:
        with redis.Redis(connection_pool=_pool).pipeline(transaction=False) as ask:
            for name in limits:
                ask.get(f"{key}{name}")
                ask.pttl(f"{key}{name}")
            told = ask.execute()
    except redis.RedisError as error:
        _log_away(error)
        return []
    return [
        Window(name, limit, length, int(told[2 * place] or 0), max(0, -(-told[2 * place + 1] // 1000)))
        for place, (name, (limit, length)) in enumerate(limits.items())
    ]


class _Sent(NamedTuple):
    command: tuple[Any, ...]
    connection: Any
    is_new: bool


def _send(*command: Any) -> _Sent:
    """By the client's own connections but without its costs, which are twice those of the trip."""
    is_new = not _waiting
    connection = _pool.make_connection() if is_new else _waiting.pop()
    try:
        connection.send_packed_command([hiredis.pack_command(command)], check_health=False)
    except BaseException as error:
        connection.disconnect()
        if is_new or not isinstance(error, redis.ConnectionError):
            raise
        return _send(*command)  # it broke while it waited
    return _Sent(command, connection, is_new)


def _receive(sent: _Sent) -> list[int]:
    try:
        answer: list[int] = sent.connection.read_response(disconnect_on_error=False)
    except redis.ResponseError:
        _waiting.append(sent.connection)
        raise
    except BaseException as error:
        sent.connection.disconnect()
        if sent.is_new or not isinstance(error, redis.ConnectionError):
            raise
        return _receive(_send(*sent.command))
    _waiting.append(sent.connection)
    return answer


def refuse_flood(request: HttpRequest) -> None:
    """Count one unauthenticated request of this address; 429 past `UNAUTHENTICATED_RATE`."""
    if wait := flooded(request, "unauthenticated", client_address(request), UNAUTHENTICATED_RATE):
        raise too_many(wait)


def flooded(request: HttpRequest, group: str, value: str, rate: str) -> int:
    """Count one request of `value` (an address, an email) in `group`: 0, or the seconds to wait past `rate` ("60/m").

    A network of IPv6, /64, counts as one address: whoever has one of its addresses has them all. With the cache away
    nobody is refused: django-ratelimit raises then, whatever RATELIMIT_FAIL_OPEN says.
    """
    try:
        counted = _counted(value)
        usage = get_usage(request, group=group, key=lambda group, request: counted, rate=rate, increment=True)
    except redis.RedisError as error:
        _log_away(error)
        return 0
    return max(1, usage["time_left"]) if usage and usage["should_limit"] else 0


def _counted(value: str) -> str:
    try:
        address = ipaddress.IPv6Address(value.partition("%")[0])
    except ValueError:
        return value
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def refusal(usage: Usage) -> Problem:
    """Return the 429 of an account whose windows are used up."""
    return too_many(max(window.resets_in for window in usage.windows if not window.remaining))


def too_many(retry_after_s: int) -> Problem:
    wait = max(1, retry_after_s)
    return Problem(
        429, "rate_limited", f"Rate limit exceeded. Try again in {wait} seconds.", headers={"Retry-After": str(wait)}
    )
