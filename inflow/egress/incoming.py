"""A bounded, buffered reader of HTTP responses that skips interim responses.

`http.client` skips a `100 Continue` but treats any other 1xx as the final response. The final response would then be
read as the response to the next request on the same connection. See docs/decisions/0004.
"""

import io
import re
import socket
import ssl
from typing import Any

from inflow.egress.errors import ResponseTooLarge

CHUNK_BYTES = 8 * 1024
LINE_BYTES = 64 * 1024

_STATUS_LINE = re.compile(rb"HTTP/[0-9.]{1,8}[ \t]{1,8}([0-9]{3})(?![0-9])")


class Incoming(io.BufferedIOBase):
    """The bytes that a server sends in response to one request, at most `max_bytes`.

    Pass it to `http.client` in place of the socket: `HTTPResponse(incoming)`. `buffered` holds the bytes that were
    received but not read yet, even after the response is closed. Raise `ResponseTooLarge` beyond the limit.
    """

    def __init__(self, sock: socket.socket, max_bytes: int | None = None) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._remaining = max_bytes
        self._has_ended = False
        self.buffered = b""
        self.has_interim = False

    def makefile(self, mode: str) -> "Incoming":
        return self

    def has_begun(self) -> bool:
        """Return True if the server has sent data or closed the connection. Does not block.

        The socket is left in non-blocking mode: set a timeout before using it again.
        """
        if self.buffered or self._has_ended:
            return True
        self._socket.settimeout(0)
        try:
            self.buffered = self._socket.recv(CHUNK_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):  # also for TLS records without data, such as a ticket
            return False
        except OSError:
            self._has_ended = True
            return True
        self._has_ended = not self.buffered
        if self._remaining is not None:
            self._remaining -= len(self.buffered)
        return True

    def is_final(self) -> bool:
        """Return True if the buffered bytes begin with the status line of a final response."""
        found = _STATUS_LINE.match(self.buffered)
        return found is not None and not found[1].startswith(b"1")

    def skip_interim(self) -> None:
        """Read up to the status line of the final response, skipping any number of interim (1xx) responses.

        A 1xx response has no body. If a server sends one anyway, it is skipped too.
        """
        while line := self.readline(LINE_BYTES):
            found = _STATUS_LINE.search(line) if self.has_interim else _STATUS_LINE.match(line.lstrip())
            if found and found[1].startswith(b"1"):
                self.has_interim = True
                while self.readline(LINE_BYTES).strip(b"\r\n"):
                    pass
            elif found or not self.has_interim:
                self.buffered = line[found.start() if self.has_interim and found else 0 :] + self.buffered
                return

    # --- File interface ---

    def readable(self) -> bool:
        return True

    def peek(self, size: int = 0) -> bytes:
        if not self.buffered:
            self._fill()
        return self.buffered

    def read1(self, size: int = -1) -> bytes:
        self.peek()
        return self._take(len(self.buffered) if size < 0 else size)

    def read(self, size: int | None = -1) -> bytes:
        wanted = -1 if size is None else size
        while (wanted < 0 or len(self.buffered) < wanted) and self._fill():
            pass
        return self._take(len(self.buffered) if wanted < 0 else wanted)

    def readinto(self, buffer: Any) -> int:
        got = self.read(len(buffer))
        buffer[: len(got)] = got
        return len(got)

    def readline(self, size: int | None = -1) -> bytes:
        limit = LINE_BYTES if size is None or size < 0 else size
        while (end := self.buffered.find(b"\n", 0, limit)) < 0 and len(self.buffered) < limit and self._fill():
            pass
        return self._take(limit if end < 0 else end + 1)

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _take(self, size: int) -> bytes:
        taken, self.buffered = self.buffered[:size], self.buffered[size:]
        return taken

    def _fill(self) -> bool:
        """Wait for more data. Return False at the end."""
        if self._has_ended:
            return False
        if self._remaining is not None and self._remaining <= 0:
            raise ResponseTooLarge
        more = self._raw.read(CHUNK_BYTES) or b""
        self._has_ended = not more
        if self._remaining is not None:
            self._remaining -= len(more)
        self.buffered += more
        return bool(more)
