"""Permitted webhook targets: the form is checked when subscribing, the address at each connection."""

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

_FORM = re.compile(r"[!-~]{1,2000}")  # visible ASCII: no space, no CR, no LF
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# All that is handed out of IPv6. Beyond it lie NAT64, IPv4-compatible, site-local, segment routing and the unassigned.
_GLOBAL_6 = ipaddress.ip_network("2000::/3")
# Not public although `is_global` may say so, or say so on some Python versions only.
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


class Forbidden(ValueError):
    """The target may not be connected to. The message is for people."""


def check_form(url: str) -> None:
    """Raise `Forbidden` for what can be refused without a look-up: scheme, port, userinfo, a literal address."""
    if not _FORM.fullmatch(url):
        raise Forbidden(_("A URL of at most 2,000 visible ASCII characters is needed."))
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:  # among them a port above 65535
        raise Forbidden(_("This is no URL.")) from error
    if port == 0 or parts.netloc.endswith(":"):
        raise Forbidden(_("This port is not valid."))
    if parts.scheme not in ("https", "http") or not host:
        raise Forbidden(_("An https:// URL is needed."))
    if "@" in parts.netloc:
        raise Forbidden(_("A URL with a user name or password is not accepted."))
    address = literal(host)
    if address is None and not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise Forbidden(_("The host name is not valid."))
    if _is_allowed(host):
        return
    if settings.TRY_OUT and (host == "localhost" or (address is not None and address.is_loopback)):
        return
    if address is not None and not is_public(address):
        raise Forbidden(_("The target must be a public address."))
    if host == "localhost" or host.endswith(".localhost"):
        raise Forbidden(_("The target must be a public address."))
    port = port or (443 if parts.scheme == "https" else 80)
    if port not in settings.WEBHOOK_ALLOWED_PORTS:
        allowed = ", ".join(map(str, settings.WEBHOOK_ALLOWED_PORTS))
        raise Forbidden(
            _("Port %(port)s is not open for webhooks; open are: %(allowed)s.") % {"port": port, "allowed": allowed}
        )


def resolve(host: str, port: int) -> list[tuple[int, Any]]:
    """One look-up: (family, socket address) of each answer. Raises `Forbidden` unless every answer may be dialled."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_rest, sockaddr in answers:
        if not _may_dial(host, ipaddress.ip_address(str(sockaddr[0]).partition("%")[0])):
            raise Forbidden(_("The target must be a public address."))
    return [(family, sockaddr) for family, *_, sockaddr in answers]


def is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address not in _GLOBAL_6:
            return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _NOT_PUBLIC)


def literal(host: str) -> Address | None:
    """The address a host names without a look-up, also in the old forms of inet_aton: 0x7f.1, 017700000001."""
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


def _may_dial(host: str, address: Address) -> bool:
    if _is_allowed(host) or is_public(address):
        return True
    mapped = getattr(address, "ipv4_mapped", None)
    return settings.TRY_OUT and (mapped or address).is_loopback
