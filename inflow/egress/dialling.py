"""Sockets to hosts that users supply: to a checked address, and closed at a deadline. See docs/decisions/0004."""

import functools
import queue
import socket
import ssl
import threading
import time
from typing import Any

import certifi

from inflow.egress import targets

MAX_ADDRESSES = 4  # per host name
CHECK_EVERY_S = 0.1


def dial(host: str, port: int, deadline: "Deadline") -> socket.socket:
    """Resolve `host` once and return a socket connected to one of its addresses.

    Raise `ForbiddenTarget` without sending anything if any of the addresses is not permitted, and OSError (also its
    subclass TimeoutError) if the connection fails.
    """
    addresses = _resolve(host, port, deadline.remaining_or_raise())[:MAX_ADDRESSES]
    error: OSError = OSError("no address")
    for number, (family, address) in enumerate(addresses):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.remaining_or_raise() / (len(addresses) - number))
            sock.connect(address)
        except OSError as failure:
            sock.close()
            error = failure
        else:
            return sock
    raise error


def _resolve(host: str, port: int, seconds: float) -> list[tuple[int, Any]]:
    """Resolve `host` in a separate thread, because the C library's lookup cannot be interrupted, only abandoned."""
    if targets.literal_address(host) is not None:
        return targets.resolve(host, port)
    results: queue.SimpleQueue[list[tuple[int, Any]] | Exception] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            results.put(targets.resolve(host, port))
        except Exception as error:
            results.put(error)

    threading.Thread(target=resolve, name="lookup", daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("lookup") from None
    if isinstance(result, Exception):
        raise result
    return result


@functools.cache
def tls() -> ssl.SSLContext:
    """Return a context that trusts the certificates of the operating system (or of SSL_CERT_FILE) and of certifi."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class Deadline:
    """The end of one request, on the monotonic clock. The attached socket is shut down then, even if data arrives."""

    __slots__ = ("_sock", "ends_at", "has_expired")

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.has_expired = False
        self._sock: socket.socket | None = None

    def remaining(self) -> float:
        """Return the number of seconds left, negative after the deadline."""
        return self.ends_at - time.monotonic()

    def remaining_or_raise(self) -> float:
        """Return the number of seconds left. Raise TimeoutError after the deadline."""
        if self.has_expired or (remaining := self.remaining()) <= 0:
            raise TimeoutError("deadline")
        return remaining

    def attach(self, sock: socket.socket) -> None:
        self._sock = sock

    def start(self) -> None:
        """Have the socket shut down at `ends_at`, unless `cancel` is called first."""
        global _thread
        with _changed:
            if _thread is None or not _thread.is_alive():  # first use in this process, which may be a fork
                _running.clear()
                _thread = threading.Thread(target=_enforce, name="deadlines", daemon=True)
                _thread.start()
            _running.add(self)
            if len(_running) == 1:
                _changed.notify()

    def cancel(self) -> None:
        with _changed:
            _running.discard(self)

    def expire(self) -> None:
        self.has_expired = True
        if self._sock is not None:
            try:
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # SSLSocket's own method would drop its state
            except OSError:
                return


_running: set[Deadline] = set()
_changed = threading.Condition()
_thread: threading.Thread | None = None


def _enforce() -> None:
    while True:
        with _changed:
            while not _running:
                _changed.wait()
            now = time.monotonic()
            for deadline in [deadline for deadline in _running if deadline.ends_at <= now]:
                _running.discard(deadline)
                deadline.expire()
        time.sleep(CHECK_EVERY_S)
