"""HTTP to a stranger's server: the address is vetted as it is dialled, and time and bytes have hard ends.

The standard library's client and nothing above it: no proxy, netrc, redirect, retry or decompression that would have
to be switched off again, and one place where a socket is opened. See docs/decisions/0004.
"""

import http.client
import io
import select
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from inflow.egress import dialling, targets
from inflow.egress.dialling import Watch

HEADERS_S = 10.0
TOTAL_S = 15.0
READ_BYTES = 16 * 1024
# Status line, headers, chunk marks and body together, as they come off the wire.
WIRE_BYTES = 64 * 1024
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
    watch = Watch(started + min(headers_s, total_s))
    status, error, read, retry_after = None, "", b"", ""
    connection: _Connection | None = None
    is_reusable = False
    dialling.begin(watch)
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
        dialling.end(watch)
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
    key: _Key, path: str, body: bytes, headers: dict[str, str], watch: Watch
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
        self._watch: Watch | None = None

    def limit(self, watch: Watch) -> None:
        """Nothing on this connection lasts longer than the watch."""
        self._watch = watch
        if self.sock is not None:
            self.sock.settimeout(watch.left_or_raise())
            watch.hold(self.sock)

    def connect(self) -> None:
        watch = self._watch
        assert watch is not None
        self.sock = dialling.dial(self.host, self.port, watch)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.key[0] == "https":
            tls = dialling.tls().wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
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
