"""Connections to endpoints, each to a checked address. They are reused only if both sides are in a known state."""

import http.client
import threading
import time
from collections import deque

from inflow.egress.connections import CheckedConnection, has_plain_length
from inflow.egress.dialling import Deadline
from inflow.egress.incoming import Incoming
from webhooks.errors import StaleConnection

# Limit of a raw response: status line, headers and body with its chunk headers.
WIRE_BYTES = 64 * 1024
# Size of the pieces of a request. Before each piece, check that no response has arrived early.
LAST_BYTES = 16 * 1024
IDLE_S = 15.0
AGE_S = 60.0  # after this time, the host name is resolved again
IDLE_CONNECTIONS = 64

# Scheme, host, port and path. Endpoints on the same host don't share connections.
Key = tuple[str, str, int, str]


class Connection(CheckedConnection):
    """A connection to one endpoint, which may be reused."""

    def __init__(self, key: Key) -> None:
        scheme, host, port, self.path = key
        super().__init__(scheme, host, port, WIRE_BYTES)
        self.key = key
        self.born = time.monotonic()
        self.is_reused = False
        self._is_early = False

    def exchange(self, body: bytes, headers: dict[str, str], watch: Deadline) -> http.client.HTTPResponse:
        """Send a request and return its final response with the headers read.

        Raise `StaleConnection` if a reused connection fails before the request is complete.
        """
        self.limit(watch)
        if self.sock is None:
            self.connect()
        incoming = self.expect_response()
        self._is_early = False
        try:
            self._send_all(incoming, body, headers, watch)
        except (BrokenPipeError, ConnectionResetError) as error:
            if self.is_reused:
                raise StaleConnection from error
            if not incoming.buffered:
                raise
            self._is_early = True  # it responded and closed the connection
        response = self.getresponse()
        if response.status < 200:  # written so that only http.client reads it as a number
            raise http.client.BadStatusLine(str(response.status))
        watch.remaining_or_raise()  # headers that were cut off at the deadline look complete
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
                if self.is_reused:
                    raise StaleConnection
                self._is_early = True
                if incoming.is_final():
                    return
            self.send(piece)

    @property
    def may_retry(self) -> bool:
        """Return True if a reused connection broke, possibly before the endpoint received the request."""
        return self.is_reused and not (self.incoming and self.incoming.has_interim)

    def is_reusable(self, response: http.client.HTTPResponse) -> bool:
        """Return True if the connection contained only this response, and all of it was read.

        Anything else on it would be taken for the response to the next request.
        """
        incoming = self.incoming
        assert incoming is not None
        return (
            response.isclosed()
            and not response.will_close
            and not self._is_early
            and not incoming.has_interim
            and has_plain_length(response)
            and not incoming.has_begun()
        )

    def is_quiet(self) -> bool:
        """Return True if the endpoint has neither closed the connection nor sent anything."""
        return self.incoming is not None and not self.incoming.has_begun()


class Idle:
    """Pool of idle connections, shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[tuple[float, Connection]] = deque()  # oldest first

    def take(self, key: Key) -> Connection | None:
        now = time.monotonic()
        with self._lock:
            while self._entries and self._entries[0][0] < now - IDLE_S:
                self._entries.popleft()[1].close()
            fitting = [entry for entry in self._entries if entry[1].key == key]
            for entry in fitting:
                self._entries.remove(entry)
                connection = entry[1]
                if connection.born > now - AGE_S and connection.is_quiet():
                    return connection
                connection.close()
        return None

    def put(self, connection: Connection) -> None:
        connection.is_reused = True
        with self._lock:
            self._entries.append((time.monotonic(), connection))
            if len(self._entries) > IDLE_CONNECTIONS:
                self._entries.popleft()[1].close()
