"""Request bodies: read whole by the event loop, within a size and a time, before a thread is taken."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import IO, Any, ClassVar, cast

import structlog

from inflow.front.errors import Refusal

log = structlog.get_logger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]

MIB = 1024 * 1024
SECONDS = 30.0  # then a second more for each 100 KiB, whatever the progress
BYTES_A_SECOND = 100 * 1024
IN_MEMORY = 64 * 1024  # of one body; the rest is in a temporary file
IN_FILES = 2048 * MIB  # of all bodies of this process that are in files
OF_ONE_CLIENT = IN_FILES // 4  # so that nobody uses up the place of all others
# The longest body by the start of the path. Views have closer limits of their own: these bound what is stored before.
LONGEST = (("/api/", 10 * MIB), ("/admin/", 21 * MIB), ("/hooks/mail/", 64 * MIB), ("/hooks/", 9 * MIB))
LONGEST_ELSEWHERE = MIB


class Body:
    """The body of a request. Call `release` once when it is no longer needed."""

    in_files = 0  # bytes of this process
    of_clients: ClassVar[Counter[str]] = Counter()

    def __init__(self, path: str, client: str) -> None:
        self.file = cast("IO[bytes]", tempfile.SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115
        self.size = self._in_file = 0
        self._client = client
        self._most = next((most for start, most in LONGEST if path.startswith(start)), LONGEST_ELSEWHERE)

    async def read(self, receive: Receive, declared: bytes) -> None:
        """Read until the end. `declared` is the request's Content-Length, if it has one."""
        if declared.isdigit() and (len(declared) > 15 or int(declared) > self._most):
            raise self._too_large()
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(SECONDS) as deadline:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":  # also after a body that is no HTTP
                        raise Refusal(400, "bad_request", "The body of the request is incomplete or malformed.")
                    self._add(message.get("body", b""))
                    if not message.get("more_body", False):
                        break
                    deadline.reschedule(began + SECONDS + self.size / BYTES_A_SECOND)
        except TimeoutError as error:
            raise Refusal(408, "body_too_slow", "The body of the request took too long to arrive.") from error
        self.file.seek(0)

    def _add(self, part: bytes) -> None:
        self.size += len(part)
        if self.size > self._most:
            raise self._too_large()
        try:
            self.file.write(part)
        except OSError as error:  # the disk is full
            log.exception("body_not_stored", error=type(error).__name__)
            raise _too_many() from error
        if self.size > IN_MEMORY:
            self._count(self.size - self._in_file)
            if Body.in_files > IN_FILES or Body.of_clients[self._client] > OF_ONE_CLIENT:
                raise _too_many()

    def _count(self, more: int) -> None:
        self._in_file += more
        Body.in_files += more
        Body.of_clients[self._client] += more
        if not Body.of_clients[self._client]:
            del Body.of_clients[self._client]

    def _too_large(self) -> Refusal:
        return Refusal(413, "body_too_large", f"The body may be at most {self._most // MIB} MiB long.")

    def release(self) -> None:
        self._count(-self._in_file)
        self.file.close()


def _too_many() -> Refusal:
    return Refusal(503, "unavailable", "Too many large requests arrive at once. Try again in a few seconds.")
