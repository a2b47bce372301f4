"""The bytes that come off a connection: bounded, read ahead, and without interim responses.

`http.client` skips a `100 Continue` and takes every other 1xx for the final response, so that the final one would be
the response to the next request on the same connection. See docs/decisions/0004.
"""

import http.client
import io
import re
import socket
import ssl
from typing import Any

PIECE_BYTES = 8 * 1024
LINE_BYTES = 64 * 1024

_STATUS_LINE = re.compile(rb"HTTP/[0-9.]{1,8}[ \t]{1,8}([0-9]{3})(?![0-9])")


class TooMuch(http.client.HTTPException):
    """The response is longer than anyone needs."""


class Incoming(io.BufferedIOBase):
    """The bytes that a server sends in response to one request, at most `max_bytes`.

    It stands in for the socket when `http.client` makes a response: `HTTPResponse(incoming)`. `ahead` is what came and
    was not read, also after the response is closed.
    """

    def __init__(self, sock: socket.socket, max_bytes: int | None = None) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._left = max_bytes
        self._has_ended = False
        self.ahead = b""
        self.has_interim = False

    def makefile(self, mode: str) -> "Incoming":
        return self

    def has_begun(self) -> bool:
        """Return True if the server has sent something, or has closed the connection. Never waits.

        It leaves the socket without a timeout: set one before the socket is used again.
        """
        if self.ahead or self._has_ended:
            return True
        self._socket.settimeout(0)
        try:
            self.ahead = self._socket.recv(PIECE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):  # of TLS also a ticket of its own, which says nothing
            return False
        except OSError:
            self._has_ended = True
            return True
        self._has_ended = not self.ahead
        if self._left is not None:
            self._left -= len(self.ahead)
        return True

    def is_final(self) -> bool:
        """Return True if what came so far begins with the status of a final response."""
        found = _STATUS_LINE.match(self.ahead)
        return found is not None and not found[1].startswith(b"1")

    def skip_interim(self) -> None:
        """Read up to the status line of the final response, past any number of interim ones (1xx).

        A 1xx has no body. What a server sends after one nevertheless is skipped too, up to the next status line.
        """
        while line := self.readline(LINE_BYTES):
            found = _STATUS_LINE.search(line) if self.has_interim else _STATUS_LINE.match(line.lstrip())
            if found and found[1].startswith(b"1"):
                self.has_interim = True
                while self.readline(LINE_BYTES).strip(b"\r\n"):
                    pass
            elif found or not self.has_interim:
                self.ahead = line[found.start() if self.has_interim and found else 0 :] + self.ahead
                return

    # --- Read as a file ---

    def readable(self) -> bool:
        return True

    def peek(self, size: int = 0) -> bytes:
        if not self.ahead:
            self._fill()
        return self.ahead

    def read1(self, size: int = -1) -> bytes:
        self.peek()
        return self._take(len(self.ahead) if size < 0 else size)

    def read(self, size: int | None = -1) -> bytes:
        wanted = -1 if size is None else size
        while (wanted < 0 or len(self.ahead) < wanted) and self._fill():
            pass
        return self._take(len(self.ahead) if wanted < 0 else wanted)

    def readinto(self, buffer: Any) -> int:
        got = self.read(len(buffer))
        buffer[: len(got)] = got
        return len(got)

    def readline(self, size: int | None = -1) -> bytes:
        limit = LINE_BYTES if size is None or size < 0 else size
        while (end := self.ahead.find(b"\n", 0, limit)) < 0 and len(self.ahead) < limit and self._fill():
            pass
        return self._take(limit if end < 0 else end + 1)

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _take(self, size: int) -> bytes:
        taken, self.ahead = self.ahead[:size], self.ahead[size:]
        return taken

    def _fill(self) -> bool:
        """Wait for more. Return False at the end."""
        if self._has_ended:
            return False
        if self._left is not None and self._left <= 0:
            raise TooMuch
        more = self._raw.read(PIECE_BYTES) or b""
        self._has_ended = not more
        if self._left is not None:
            self._left -= len(more)
        self.ahead += more
        return bool(more)
