"""Connections to endpoints: each to a vetted address, used again only while both sides agree on where they are."""

import http.client
import socket
import threading
import time
from collections import deque
from typing import Any

from inflow.egress import dialling
from inflow.egress.dialling import Deadline
from inflow.egress.incoming import Incoming

# Status line, headers, chunk marks and body together, as they come off the wire.
WIRE_BYTES = 64 * 1024
# So much of a request is held back until it is certain that no response came before it.
LAST_BYTES = 16 * 1024
IDLE_S = 15.0
AGE_S = 60.0  # a connection is dialled anew after this time, so that a name that moved is followed
IDLE_CONNECTIONS = 64

PORTS = {"http": 80, "https": 443}
# Scheme, host, port and path: what one endpoint makes of a connection never reaches another on the same host.
Key = tuple[str, str, int, str]


class Unasked(ConnectionError):
    """A kept connection was closed, or said something, before it had the whole request: this one was not heard."""


class Connection(http.client.HTTPConnection):
    """One connection to a vetted address, under the watch of whoever uses it. TLS speaks to the name."""

    def __init__(self, key: Key) -> None:
        scheme, host, port, self.path = key
        super().__init__(host, port)
        self.key, self.is_tls, self.default_port = key, scheme == "https", PORTS[scheme]
        self.born = time.monotonic()
        self.is_kept = False  # it has served a request before
        self._is_early = False
        self._watch: Deadline | None = None
        self._incoming: Incoming | None = None

    def limit(self, watch: Deadline) -> None:
        """Nothing on this connection lasts longer than the watch."""
        self._watch = watch
        if self.sock is not None:
            self.sock.settimeout(watch.remaining_or_raise())
            watch.attach(self.sock)

    def connect(self) -> None:
        watch = self._watch
        assert watch is not None
        self.sock = dialling.dial(self.host, self.port, watch)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.is_tls:
            tls = dialling.tls().wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = tls
            self.limit(watch)
            tls.do_handshake()
        else:
            self.limit(watch)

    def exchange(self, body: bytes, headers: dict[str, str], watch: Deadline) -> http.client.HTTPResponse:
        """Send a request and return its final response, read up to its headers.

        Raise `Unasked` if a kept connection turns out to be unfit before the request is complete.
        """
        self.limit(watch)
        if self.sock is None:
            self.connect()
        incoming = self._incoming = Incoming(self.sock, WIRE_BYTES)
        self._is_early = False
        try:
            self._send_all(incoming, body, headers, watch)
        except (BrokenPipeError, ConnectionResetError) as error:
            if self.is_kept:
                raise Unasked from error
            if not incoming.buffered:
                raise
            self._is_early = True  # it gave its response and hung up
        response = self.getresponse()
        if response.status < 200:  # in a spelling that only http.client takes for a number
            raise http.client.BadStatusLine(str(response.status))
        watch.remaining_or_raise()  # headers that the watch cut off look like an end
        return response

    def _send_all(self, incoming: Incoming, body: bytes, headers: dict[str, str], watch: Deadline) -> None:
        pieces = [body[start : start + LAST_BYTES] for start in range(0, len(body), LAST_BYTES)] or [b""]
        self.putrequest("POST", self.path, skip_accept_encoding=True)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.putheader(name, value)
        self.endheaders()
        for piece in pieces:
            has_begun = incoming.has_begun()
            self.limit(watch)
            if has_begun:
                if self.is_kept:
                    raise Unasked
                self._is_early = True
                if incoming.is_final():
                    return
            self.send(piece)

    def response_class(self, sock: socket.socket, **how: Any) -> http.client.HTTPResponse:  # type: ignore[override]
        """Make the final response. http.client calls it."""
        assert self._incoming is not None
        self._incoming.skip_interim()
        return http.client.HTTPResponse(self._incoming, **how)  # type: ignore[arg-type]

    @property
    def was_unheard(self) -> bool:
        """Return True if a kept connection that broke may have been closed before the request arrived."""
        return self.is_kept and not (self._incoming and self._incoming.has_interim)

    def is_reusable(self, response: http.client.HTTPResponse) -> bool:
        """Return True if the connection holds nothing but this response, which was read to its end.

        What is left over, or was early, would become the response to another request.
        """
        incoming = self._incoming
        assert incoming is not None
        return (
            response.isclosed()
            and not response.will_close
            and not self._is_early
            and not incoming.has_interim
            and _is_plain(response)
            and not incoming.has_begun()
        )

    def is_quiet(self) -> bool:
        """Return True if the other side has neither closed it nor sent anything since."""
        return self._incoming is not None and not self._incoming.has_begun()


def _is_plain(response: http.client.HTTPResponse) -> bool:
    """Return True if everybody reads the same length from the headers."""
    lengths = response.headers.get_all("Content-Length", [])
    codings = response.headers.get_all("Transfer-Encoding", [])
    if response.version != 11 or response.headers.defects:
        return False
    if response.status in (204, 304):
        return not codings and lengths in ([], ["0"])
    if codings:
        return [coding.strip().lower() for coding in codings] == ["chunked"] and not lengths
    return len(lengths) == 1 and lengths[0].isascii() and lengths[0].isdigit()


class Idle:
    """Connections that wait for their next request, shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[float, Connection]] = deque()  # oldest first

    def take(self, key: Key) -> Connection | None:
        now = time.monotonic()
        with self._lock:
            while self._waiting and self._waiting[0][0] < now - IDLE_S:
                self._waiting.popleft()[1].close()
            fitting = [entry for entry in self._waiting if entry[1].key == key]
            for entry in fitting:
                self._waiting.remove(entry)
                connection = entry[1]
                if connection.born > now - AGE_S and connection.is_quiet():
                    return connection
                connection.close()
        return None

    def put(self, connection: Connection) -> None:
        connection.is_kept = True
        with self._lock:
            self._waiting.append((time.monotonic(), connection))
            if len(self._waiting) > IDLE_CONNECTIONS:
                self._waiting.popleft()[1].close()
