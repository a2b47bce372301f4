"""Opening a socket to a stranger's server: on an address that was vetted, and with a hard end by the clock on the wall.

See docs/decisions/0004.
"""

import functools
import queue
import socket
import ssl
import threading
import time
from typing import Any

import certifi

from inflow.egress import targets

DIALLED = 4  # addresses of one name that are tried
TICK_S = 0.1


def dial(host: str, port: int, watch: "Watch") -> socket.socket:
    """A connected socket to one of the addresses of the one look-up. Raises `Forbidden` without a packet."""
    addresses = _look_up(host, port, watch.left_or_raise())[:DIALLED]
    error: OSError = OSError("no address")
    for number, (family, address) in enumerate(addresses):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(watch.left_or_raise() / (len(addresses) - number))
            sock.connect(address)
        except OSError as failure:
            sock.close()
            error = failure
        else:
            return sock
    raise error


def _look_up(host: str, port: int, seconds: float) -> list[tuple[int, Any]]:
    """In a thread of its own: the C library's look-up cannot be ended, only left behind."""
    if targets.literal(host) is not None:
        return targets.resolve(host, port)
    found: queue.SimpleQueue[list[tuple[int, Any]] | Exception] = queue.SimpleQueue()

    def look() -> None:
        try:
            found.put(targets.resolve(host, port))
        except Exception as error:
            found.put(error)

    threading.Thread(target=look, name="look-up", daemon=True).start()
    try:
        answer = found.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("look-up") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


@functools.cache
def tls() -> ssl.SSLContext:
    """Trusts what the machine trusts (SSL_CERT_FILE too), and certifi's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class Watch:
    """The end of one request: at that moment its socket is shut down, whatever still drips through it."""

    __slots__ = ("_sock", "ends_at", "is_over")

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.is_over = False
        self._sock: socket.socket | None = None

    def left(self) -> float:
        return self.ends_at - time.monotonic()

    def left_or_raise(self) -> float:
        if self.is_over or (left := self.left()) <= 0:
            raise TimeoutError("deadline")
        return left

    def hold(self, sock: socket.socket) -> None:
        self._sock = sock

    def strike(self) -> None:
        self.is_over = True
        if self._sock is not None:
            try:
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # SSLSocket's own would drop its state
            except OSError:
                return


_watched: set[Watch] = set()
_changed = threading.Condition()
_watchman: threading.Thread | None = None


def begin(watch: Watch) -> None:
    """From here on the watch strikes at its moment, unless `end` comes first."""
    global _watchman
    with _changed:
        if _watchman is None or not _watchman.is_alive():  # first use in this process, perhaps a fork
            _watched.clear()
            _watchman = threading.Thread(target=_stand_watch, name="deadlines", daemon=True)
            _watchman.start()
        _watched.add(watch)
        if len(_watched) == 1:
            _changed.notify()


def end(watch: Watch) -> None:
    """From here on the socket is somebody else's."""
    with _changed:
        _watched.discard(watch)


def _stand_watch() -> None:
    while True:
        with _changed:
            while not _watched:
                _changed.wait()
            now = time.monotonic()
            for watch in [watch for watch in _watched if watch.ends_at <= now]:
                _watched.discard(watch)
                watch.strike()
        time.sleep(TICK_S)
