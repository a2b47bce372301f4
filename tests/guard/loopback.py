"""No test speaks to anything but this machine: refused below Python's sockets, before a packet exists.

An audit hook sees every connect, send and name lookup of the interpreter, whoever calls it and however, and cannot be
taken out again. Local programs that are not Python (PostgreSQL, Valkey) listen on loopback only.
"""

import functools
import ipaddress
import socket
import sys


class OutsideLoopback(OSError):
    """A test tried to reach an address other than loopback, or to look up a name."""


@functools.cache  # once, by whoever comes first
def install() -> None:
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        connection, address = arguments
        assert isinstance(connection, socket.SocketType)
        # A connected socket sends without an address: its connect was watched.
        if connection.family == socket.AF_UNIX or address is None:
            return
        internet = connection.family in (socket.AF_INET, socket.AF_INET6)
        if not (internet and isinstance(address, tuple) and _is_loopback(address[0])):
            raise OutsideLoopback(f"{event} to {address!r}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        if not (_text(arguments[0]) in ("", "localhost") or _literal(arguments[0])):
            raise OutsideLoopback(f"{event} of {arguments[0]!r}")
    elif event == "socket.gethostbyaddr":
        if not _is_loopback(arguments[0]):
            raise OutsideLoopback(f"{event} of {arguments[0]!r}")
    elif event == "socket.getnameinfo":
        address = arguments[0]
        if not (isinstance(address, tuple) and _is_loopback(address[0])):
            raise OutsideLoopback(f"{event} of {address!r}")


def _text(host: object) -> str:
    return host.decode("latin-1") if isinstance(host, bytes | bytearray) else str(host or "")


def _literal(host: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that `host` spells, in any spelling that the C library takes without asking a name server."""
    text = _text(host)
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        pass
    try:
        return None if set(text) & set(" \t\n") else ipaddress.IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def _is_loopback(host: object) -> bool:
    if _text(host) == "localhost":
        return True
    address = _literal(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address is not None and address.is_loopback
