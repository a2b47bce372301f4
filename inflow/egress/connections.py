"""HTTP connections to checked addresses, limited in time and bytes."""

import http.client
import socket
from typing import Any

from inflow.egress import dialling
from inflow.egress.dialling import Deadline
from inflow.egress.incoming import Incoming

PORTS = {"http": 80, "https": 443}


class CheckedConnection(http.client.HTTPConnection):
    """A connection to a checked address, limited by the watch of its user. TLS verifies the host name.

    `wire_bytes` limits the raw response: status line, headers and body with its chunk headers.
    """

    def __init__(self, scheme: str, host: str, port: int, wire_bytes: int) -> None:
        super().__init__(host, port)
        self.is_tls, self.default_port, self.wire_bytes = scheme == "https", PORTS[scheme], wire_bytes
        self._watch: Deadline | None = None
        self.incoming: Incoming | None = None

    def limit(self, watch: Deadline) -> None:
        """Limit all further operations on this connection by the watch."""
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

    def expect_response(self) -> Incoming:
        """Return the reader of the next response."""
        self.incoming = Incoming(self.sock, self.wire_bytes)
        return self.incoming

    def response_class(self, sock: socket.socket, **how: Any) -> http.client.HTTPResponse:  # type: ignore[override]
        """Create the final response. http.client calls this."""
        assert self.incoming is not None
        self.incoming.skip_interim()
        return http.client.HTTPResponse(self.incoming, **how)  # type: ignore[arg-type]


def has_plain_length(response: http.client.HTTPResponse) -> bool:
    """Return True if the headers define the length of the body unambiguously."""
    lengths = response.headers.get_all("Content-Length", [])
    codings = response.headers.get_all("Transfer-Encoding", [])
    if response.version != 11 or response.headers.defects:
        return False
    if response.status in (204, 304):
        return not codings and lengths in ([], ["0"])
    if codings:
        return [coding.strip().lower() for coding in codings] == ["chunked"] and not lengths
    return len(lengths) == 1 and lengths[0].isascii() and lengths[0].isdigit()
