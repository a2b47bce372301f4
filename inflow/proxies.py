"""Addresses of clients behind trusted proxies. X-Forwarded headers from any other peer are ignored."""

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
    """Return the peer's address, or the last address in X-Forwarded-For that is not in `TRUSTED_PROXIES`.

    Each trusted proxy appends the address of its peer. If an entry is not an address, its proxy is the client.
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


def drop_untrusted_headers(meta: dict[str, Any]) -> None:
    """Remove the X-Forwarded headers of a peer that is not a trusted proxy.

    Keep only the last value of X-Forwarded-Proto, set by the nearest proxy: the client may have sent the others.
    """
    peer = read_address(meta.get("REMOTE_ADDR", ""))
    if peer is None or not is_trusted(peer):
        for name in _FORWARDED:
            meta.pop(name, None)
    elif _PROTO in meta:
        meta[_PROTO] = meta[_PROTO].rpartition(",")[2].strip().lower()


def is_trusted(address: Address) -> bool:
    return any(address in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


def read_address(text: str) -> Address | None:
    """Parse an address in any notation of proxies: with a port, in brackets, or IPv4-mapped."""
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
