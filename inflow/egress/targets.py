"""Permitted targets of outgoing connections. The URL is checked when it is entered, the address at each connection."""

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from inflow.egress.errors import ForbiddenTarget

_URL = re.compile(r"[!-~]{1,2000}")  # visible ASCII: no space, no CR, no LF
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The allocated part of IPv6. Excludes NAT64, IPv4-compatible, site-local, segment routing and unassigned addresses.
_GLOBAL_6 = ipaddress.ip_network("2000::/3")
# Not public, although `is_global` is True for them in some or all versions of Python.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT
        "168.63.129.16/32",  # Azure's host
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # Teredo, ORCHID and other special purposes
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


def check_url(url: str) -> None:
    """Check what can be checked without a lookup: scheme, port, user name and literal address.

    Raise `ForbiddenTarget` if the URL is not permitted.
    """
    if not _URL.fullmatch(url):
        raise ForbiddenTarget(_("Enter a URL of at most 2,000 visible ASCII characters."))
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:  # among them a port above 65535
        raise ForbiddenTarget(_("Enter a valid URL.")) from error
    if port == 0 or parts.netloc.endswith(":"):
        raise ForbiddenTarget(_("The port is not valid."))
    if parts.scheme not in ("https", "http") or not host:
        raise ForbiddenTarget(_("Enter an https:// URL."))
    if "@" in parts.netloc:
        raise ForbiddenTarget(_("A URL with a user name or password is not accepted."))
    address = literal_address(host)
    if address is None and not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise ForbiddenTarget(_("The host name is not valid."))
    if _is_allowed(host):
        return
    if settings.TRY_OUT and (host == "localhost" or (address is not None and address.is_loopback)):
        return
    is_private = address is not None and not is_public(address)
    if is_private or host == "localhost" or host.endswith(".localhost"):
        raise ForbiddenTarget(_("The target must be a public address."))
    port = port or (443 if parts.scheme == "https" else 80)
    if port not in settings.WEBHOOK_ALLOWED_PORTS:
        allowed = ", ".join(map(str, settings.WEBHOOK_ALLOWED_PORTS))
        raise ForbiddenTarget(
            _("Port %(port)s is not allowed. Allowed ports: %(allowed)s.") % {"port": port, "allowed": allowed}
        )


def check_https(url: str) -> None:
    """Check the URL as `check_url` does. Raise `ForbiddenTarget` unless it is https, or loopback under `make run`."""
    check_url(url)
    if urlsplit(url).scheme != "https" and not (settings.TRY_OUT and is_loopback(url)):
        raise ForbiddenTarget(_("Enter an https:// URL."))


def is_loopback(url: str) -> bool:
    """Return True if the URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    address = literal_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def resolve(host: str, port: int) -> list[tuple[int, Any]]:
    """Resolve `host` and return the (family, socket address) of each result.

    Raise `ForbiddenTarget` unless all addresses are permitted.
    """
    results = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_rest, sockaddr in results:
        if not _is_permitted(host, ipaddress.ip_address(str(sockaddr[0]).partition("%")[0])):
            raise ForbiddenTarget(_("The target must be a public address."))
    return [(family, sockaddr) for family, *_, sockaddr in results]


def is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address not in _GLOBAL_6:
            return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _NOT_PUBLIC)


def literal_address(host: str) -> Address | None:
    """Return the address if `host` is one, also in the old notations of inet_aton (0x7f.1, 017700000001)."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _is_allowed(host: str) -> bool:
    return host in (allowed.lower() for allowed in settings.WEBHOOK_ALLOWED_HOSTS)


def _is_permitted(host: str, address: Address) -> bool:
    if _is_allowed(host) or is_public(address):
        return True
    mapped = getattr(address, "ipv4_mapped", None)
    return settings.TRY_OUT and (mapped or address).is_loopback
