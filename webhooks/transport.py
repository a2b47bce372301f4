"""HTTP to a stranger's server: the address is vetted as it is dialled, and time and bytes have hard ends.

The standard library's client and nothing above it: no proxy, netrc, redirect, retry or decompression that would have
to be switched off again, and one place where a socket is opened. See docs/decisions/0004.
"""

import functools
import http.client
import io
import queue
import select
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import certifi

from webhooks import targets

HEADERS_S = 10.0
TOTAL_S = 15.0
READ_BYTES = 16 * 1024
# Status line, headers, chunk marks and body together, as they come off the wire.
WIRE_BYTES = 64 * 1024
DIALLED = 4  # addresses of one name that are tried
IDLE_S = 15.0
AGE_S = 60.0  # a connection is dialled anew after this time, so that a name that moved is followed
IDLE_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` is None where no HTTP answer came in time, and `error` says why."""

    ms: int
    status: int | None = None
    error: str = ""
    body: bytes = b""
    retry_after: str = ""


def post(
    url: str, body: bytes, headers: dict[str, str], *, headers_s: float = HEADERS_S, total_s: float = TOTAL_S
) -> Answer:
    """POST and say what came back, within `total_s` seconds by the clock on the wall, and the answer's headers within
    `headers_s`. Never raises for the other side's doing.
    """
    started = time.monotonic()
    watch = _Watch(started + min(headers_s, total_s))
    status, error, read, retry_after = None, "", b"", ""
    connection: _Connection | None = None
    is_reusable = False
    _begin(watch)
    try:
        targets.check_form(url)
        parts = urlsplit(url)
        key = (parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS[parts.scheme])
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = headers | {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        connection, response = _exchange(key, path, body, headers, watch)
        status, retry_after = response.status, response.getheader("Retry-After", "")
        watch.ends_at = started + total_s
        connection.limit(watch)
        read = _read(response)
        is_reusable = response.isclosed() and not response.will_close
    except (OSError, ValueError, http.client.HTTPException) as failure:
        error = _name_of(failure)
    finally:
        _end(watch)
        if is_reusable and connection is not None:
            _idle.put(connection)
        elif connection is not None:
            connection.close()
    if watch.is_over or (error == "timeout" and status is not None):
        # What dripped in is not an answer: a receiver that is too slow to read is tried again.
        status, error = None, "deadline" if status is not None else "timeout"
    elif status is not None:
        error = ""  # cut off after the status: that was said
    return Answer(round((time.monotonic() - started) * 1000), status, error, read, retry_after)


_PORTS = {"http": 80, "https": 443}
_Key = tuple[str, str, int]


def _exchange(
    key: _Key, path: str, body: bytes, headers: dict[str, str], watch: "_Watch"
) -> tuple["_Connection", http.client.HTTPResponse]:
    """Send, and the answer up to its headers. A kept connection that the other side closed meanwhile is replaced."""
    while True:
        connection = _idle.take(key)
        is_fresh = connection is None
        connection = connection or _Connection(*key)
        try:
            connection.limit(watch)
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            watch.left_or_raise()  # headers that the watch cut off look like an end
            return connection, response
        except (BrokenPipeError, ConnectionResetError):  # http.client's RemoteDisconnected is one
            connection.close()
            if is_fresh or watch.left() <= 0:
                raise
        except BaseException:
            connection.close()
            raise


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(READ_BYTES)
    except http.client.IncompleteRead as cut:
        return cut.partial
    except _TooMuch:
        return b""


def _name_of(failure: Exception) -> str:
    match failure:
        case targets.Forbidden():
            return "forbidden_target"
        case TimeoutError():
            return "timeout"
        case ssl.SSLError():
            return "tls"
        case socket.gaierror():
            return "lookup"
        case OSError():
            return "connection"
    return "protocol"


# --- Connections -------------------------------------------------------------------------------------------------


class _TooMuch(http.client.HTTPException):
    """The answer is longer than anyone needs."""


class _Metered(io.RawIOBase):
    """What comes off a socket, up to `WIRE_BYTES`."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw, self._left = raw, WIRE_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._left <= 0:
            raise _TooMuch
        got = self._raw.readinto(memoryview(buffer)[: self._left])
        self._left -= got or 0
        return got

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Metered(self.fp.detach()))


class _Connection(http.client.HTTPConnection):
    """One connection to a vetted address, under the watch of whoever uses it. TLS speaks to the name."""

    response_class = _Response

    def __init__(self, scheme: str, host: str, port: int) -> None:
        super().__init__(host, port)
        self.key: _Key = (scheme, host, port)
        self.default_port = _PORTS[scheme]
        self.born = time.monotonic()
        self._watch: _Watch | None = None

    def limit(self, watch: "_Watch") -> None:
        """Nothing on this connection lasts longer than the watch."""
        self._watch = watch
        if self.sock is not None:
            self.sock.settimeout(watch.left_or_raise())
            watch.hold(self.sock)

    def connect(self) -> None:
        watch = self._watch
        assert watch is not None
        self.sock = _dial(self.host, self.port, watch)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.key[0] == "https":
            tls = _tls().wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = tls
            self.limit(watch)
            tls.do_handshake()
        else:
            self.limit(watch)

    def is_dropped(self) -> bool:
        """Whether the other side closed it, or says something that nobody asked for."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poll.poll(0))


@functools.cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _dial(host: str, port: int, watch: "_Watch") -> socket.socket:
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


class _Idle:
    """Connections that wait for their next request, shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[float, _Connection]] = deque()  # oldest first

    def take(self, key: _Key) -> _Connection | None:
        now = time.monotonic()
        with self._lock:
            while self._waiting and self._waiting[0][0] < now - IDLE_S:
                self._waiting.popleft()[1].close()
            fitting = [entry for entry in self._waiting if entry[1].key == key]
            for entry in fitting:
                self._waiting.remove(entry)
                connection = entry[1]
                if connection.born > now - AGE_S and not connection.is_dropped():
                    return connection
                connection.close()
        return None

    def put(self, connection: _Connection) -> None:
        with self._lock:
            self._waiting.append((time.monotonic(), connection))
            if len(self._waiting) > IDLE_CONNECTIONS:
                self._waiting.popleft()[1].close()


_idle = _Idle()


# --- The watch ---------------------------------------------------------------------------------------------------


class _Watch:
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


TICK_S = 0.1
_watched: set[_Watch] = set()
_changed = threading.Condition()
_watchman: threading.Thread | None = None


def _begin(watch: _Watch) -> None:
    global _watchman
    with _changed:
        if _watchman is None or not _watchman.is_alive():  # first use in this process, perhaps a fork
            _watched.clear()
            _watchman = threading.Thread(target=_stand_watch, name="webhook-deadlines", daemon=True)
            _watchman.start()
        _watched.add(watch)
        if len(_watched) == 1:
            _changed.notify()


def _end(watch: _Watch) -> None:
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
