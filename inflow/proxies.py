"""The client behind trusted proxies. What any other peer says of the client is not believed."""

import functools
import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest

_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT")
_PROTO = "HTTP_X_FORWARDED_PROTO"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(request: HttpRequest) -> str:
    """Return the peer's address; behind `TRUSTED_PROXIES`, the last one in X-Forwarded-For that is no proxy of ours.

    Each trusted proxy appends the address that it sees. Where that is no address, the proxy itself is the client.
    """
    peer: str = request.META.get("REMOTE_ADDR", "")
    nearest = read_address(peer)
    if nearest is None or not is_trusted(nearest):
        return str(nearest or peer)
    for hop in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        if not hop.strip():
            continue
        address = read_address(hop)
        if address is None:
            break
        nearest = address
        if not is_trusted(address):
            break
    return str(nearest)


def believe_trusted_proxies(meta: dict[str, Any]) -> None:
    """Remove the X-Forwarded headers that a peer sent that is no trusted proxy. Of several values of X-Forwarded-Proto
    the last is the nearest proxy's: those before it may be the client's own."""
    peer = read_address(meta.get("REMOTE_ADDR", ""))
    if peer is None or not is_trusted(peer):
        for name in _FORWARDED:
            meta.pop(name, None)
    elif _PROTO in meta:
        meta[_PROTO] = meta[_PROTO].rpartition(",")[2].strip().lower()


def is_trusted(address: Address) -> bool:
    return any(address in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


def read_address(text: str) -> Address | None:
    """Read an address as proxies write it: also with a port, in brackets, or as IPv4 within IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@functools.lru_cache(maxsize=16)
def _networks(entries: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(entry.strip(), strict=False) for entry in entries)
