"""The plan's two windows, a minute and a day, counted per account by one atomic script.

A refused request burns neither window, of parallel requests at the edge exactly the rest passes, and a plan change
keeps what was used: the key holds the account and not the rate. django-ratelimit, which guards what is keyed by
address, does none of the three.
"""

import hashlib
import ipaddress
import threading
from typing import Any, NamedTuple

import redis
import structlog
from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import cached_property
from django_ratelimit.core import get_usage
from redis.backoff import NoBackoff
from redis.retry import Retry

from inflow.accounts.models import Account
from inflow.api.errors import Problem
from inflow.proxies import client_address

log = structlog.get_logger(__name__)

MINUTE_S, DAY_S = 60, 86_400
UNAUTHENTICATED_RATE = "60/m"

# A window starts with its first request. ARGV: the two limits (0: unlimited), the two lengths in ms, and the cost.
_SCRIPT = """
local used, left, refused, cost = {}, {}, 0, tonumber(ARGV[5])
for i = 1, 2 do
  used[i] = tonumber(redis.call('GET', KEYS[i]) or '0')
  local limit = tonumber(ARGV[i])
  if limit > 0 and used[i] + cost > limit then refused = 1 end
end
for i = 1, 2 do
  if refused == 0 then
    used[i] = redis.call('INCRBY', KEYS[i], cost)
    if used[i] == cost then redis.call('PEXPIRE', KEYS[i], ARGV[i + 2]) end
  end
  left[i] = redis.call('PTTL', KEYS[i])
  if left[i] < 0 then left[i] = tonumber(ARGV[i + 2]) end
end
return {refused, used[1], left[1], used[2], left[2]}
"""

_SHA = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()


class _Connection(threading.local):
    """A client of each thread. To take a connection from a pool and return it costs as much as the command itself."""

    @cached_property
    def client(self) -> redis.Redis:
        # Sent again if the connection broke while it was kept, but not after a timeout: the request may have been
        # counted.
        return redis.Redis.from_url(
            settings.REDIS_URL,
            single_connection_client=True,
            socket_connect_timeout=0.3,
            socket_timeout=0.3,
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )


_connection = _Connection()


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
    cost: int = 1

    @property
    def tightest(self) -> Window:
        return min(self.windows, key=lambda window: (window.remaining, -window.resets_in))

    @property
    def headers(self) -> dict[str, str]:
        """draft-ietf-httpapi-ratelimit-headers, and the older names for the tighter window."""
        policies, states = [], []
        for name, limit, length, used, resets_in in self.windows:
            policies.append(f'"{name}";q={limit};w={length}')
            states.append(f'"{name}";r={max(0, limit - used)};t={resets_in}')
        tightest = self.tightest
        return {
            "RateLimit-Policy": ", ".join(policies),
            "RateLimit": ", ".join(states),
            "X-RateLimit-Limit": str(tightest.limit),
            "X-RateLimit-Remaining": str(tightest.remaining),
            "X-RateLimit-Reset": str(tightest.resets_in),
        }


def count(account: Account, cost: int = 1) -> Usage | None:
    """Count a request of `account`, which may count as several. None if the cache is unavailable: the API then responds
    without limits."""
    limits, prefix = account.limits, f"inflow:rate:{{{account.id}}}:"
    keys = f"{prefix}minute", f"{prefix}day"
    arguments = limits.per_minute, limits.per_day or 0, MINUTE_S * 1000, DAY_S * 1000, cost
    try:
        counts = _run_script(*keys, *arguments)
    except redis.RedisError as error:
        _log_away(error)
        return None
    refused, minute_used, minute_left, day_used, day_left = counts
    windows = [Window("minute", limits.per_minute, MINUTE_S, minute_used, -(-minute_left // 1000))]
    if limits.per_day:
        windows.append(Window("day", limits.per_day, DAY_S, day_used, -(-day_left // 1000)))
    return Usage(tuple(windows), bool(refused), cost)


def _log_away(error: redis.RedisError) -> None:
    log.warning("rate_limit_off", error=type(error).__name__)


def used(account: Account) -> list[Window]:
    """The account's windows as they stand, without counting anything. A limit of 0: unlimited. Empty where the cache is
    away."""
    key = f"inflow:rate:{{{account.id}}}:"
    limits = {"minute": (account.limits.per_minute, MINUTE_S), "day": (account.limits.per_day or 0, DAY_S)}
    try:
        with _connection.client.pipeline(transaction=False) as ask:
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


def _run_script(*values: Any) -> list[int]:
    try:
        counts: list[int] = _connection.client.evalsha(_SHA, 2, *values)
    except redis.exceptions.NoScriptError:
        counts = _connection.client.eval(_SCRIPT, 2, *values)
    return counts


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
    return too_many(max(window.resets_in for window in usage.windows if window.remaining < usage.cost))


def too_many(retry_after_s: int) -> Problem:
    wait = max(1, retry_after_s)
    return Problem(
        429, "rate_limited", f"Rate limit exceeded. Try again in {wait} seconds.", headers={"Retry-After": str(wait)}
    )
