"""Form POSTs with `requests` to a checked address, limited in time and bytes, without redirects or proxies.

Two exceptions distinguish a request that was never sent from one that was interrupted.
"""

import contextlib
import http.client
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from communications.channels.errors import RequestInterrupted, RequestNotSent
from inflow.egress import dialling, targets
from inflow.egress.connections import PORTS
from inflow.egress.dialling import Deadline
from inflow.egress.incoming import Incoming

CONNECT_SECONDS = 5.0
READ_BYTES = 64 * 1024
WIRE_BYTES = 256 * 1024
# A connection that was idle for longer than this is opened again.
_REUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes


class Connection:
    """A connection to one server that can be opened before the request is ready. It serves one request at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url, self._host = url, (parts.hostname or "").rstrip(".")
        self._port = parts.port or PORTS[parts.scheme]
        self._socket: socket.socket | None = None
        self._connected_at = 0.0

    def connect(self) -> None:
        """Open the connection unless it is open. Raise `RequestNotSent` on failure."""
        if (
            self._socket is not None
            and time.monotonic() - self._connected_at < _REUSE_SECONDS
            and not _is_dropped(self._socket)
        ):
            return
        self.close()
        deadline = Deadline(time.monotonic() + CONNECT_SECONDS)
        try:
            targets.check_url(self._url)
            self._socket = dialling.dial(self._host, self._port, deadline)
        except (OSError, ValueError) as error:
            raise RequestNotSent(type(error).__name__) from error
        self._connected_at = time.monotonic()

    def post(self, path: str, form: Mapping[str, str], auth: tuple[str, str], *, total_s: float) -> Response:
        """POST a form and return the response. The whole exchange takes at most `total_s` seconds.

        Raise `RequestNotSent` or `RequestInterrupted` on failure.
        """
        self.connect()
        exchange = _Exchange(self._take(), Deadline(time.monotonic() + total_s))
        exchange.deadline.start()
        try:
            with requests.Session() as session, contextlib.closing(exchange):
                session.trust_env = False
                for scheme in ("http://", "https://"):
                    session.mount(scheme, _Adapter(exchange))
                return _read(session, self._url + path, form, auth, total_s)
        except (requests.RequestException, OSError, ValueError, http.client.HTTPException) as error:
            name = "deadline" if exchange.deadline.has_expired else type(error).__name__
            raise (RequestInterrupted if exchange.is_begun else RequestNotSent)(name) from error
        finally:
            exchange.deadline.cancel()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _take(self) -> socket.socket:
        taken, self._socket = self._socket, None
        assert taken is not None
        return taken


def _read(
    session: requests.Session, url: str, form: Mapping[str, str], auth: tuple[str, str], timeout_s: float
) -> Response:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
    with session.post(
        url, data=form, auth=auth, headers=headers, timeout=timeout_s, allow_redirects=False, stream=True
    ) as response:
        try:
            body = response.raw.read(READ_BYTES, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, http.client.HTTPException):
            body = b""  # interrupted after the status, which is all we need
        return Response(response.status_code, body)


def _is_dropped(sock: socket.socket) -> bool:
    """Return True if the server closed the connection or sent unexpected data."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))


# --- An open socket under requests ------------------------------------------------------------------------------


class _Exchange:
    """One request and its response on one socket. The deadline has its own handle because TLS takes over the first."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.deadline, self.is_begun = deadline, False
        self._socket: socket.socket | None = sock
        self._handle = sock.dup()
        deadline.attach(self._handle)

    def take(self) -> socket.socket:
        taken, self._socket = self._socket, None
        if taken is None:
            raise ConnectionError("one request for each connection")
        taken.settimeout(self.deadline.remaining_or_raise())
        return taken

    def close(self) -> None:
        self._handle.close()
        if self._socket is not None:
            self._socket.close()


def _final_response(sock: socket.socket, **how: Any) -> http.client.HTTPResponse:
    incoming = Incoming(sock, WIRE_BYTES)
    incoming.skip_interim()
    return http.client.HTTPResponse(incoming, **how)  # type: ignore[arg-type]


class _PreconnectedMixin:
    """A urllib3 connection over a socket that is already open. Once connected, the request may have been received."""

    response_class: Any = staticmethod(_final_response)  # called by http.client

    def __init__(self, *args: Any, exchange: _Exchange, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._exchange = exchange

    def _new_conn(self) -> socket.socket:
        return self._exchange.take()

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._exchange.is_begun = True


class _Http(_PreconnectedMixin, urllib3.connection.HTTPConnection):
    """A plain-text connection, to loopback under `make run`."""


class _Https(_PreconnectedMixin, urllib3.connection.HTTPSConnection):
    """A TLS connection, verified against the host name rather than the address."""


class _Adapter(HTTPAdapter):
    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=dialling.tls(), **kwargs)

    def get_connection_with_tls_context(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(request, *args, **kwargs)
        is_tls = urlsplit(request.url).scheme == "https"
        pool.ConnectionCls = partial(_Https if is_tls else _Http, exchange=self._exchange)
        return pool
