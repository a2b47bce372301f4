"""Responses on their way from a thread to a client that may be slow."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from inflow.front.errors import ResponseUnfinished

Send = Callable[[dict[str, Any]], Awaitable[None]]

PART = 64 * 1024
SECONDS = 30.0  # that a client may take to read, then a second more for each 100 KiB
BYTES_A_SECOND = 100 * 1024


class Spool:
    """A streamed body. The thread that makes it never waits for the client: what is not sent yet is in a file."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._file = loop, tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self._written, self._ended, self._failed = 0, False, False
        self._changed = asyncio.Event()
        self.is_abandoned = False

    def write(self, part: bytes) -> None:
        """Called by the thread."""
        while part:
            written = self._file.write(part)
            self._written += written
            part = part[written:]
        self._loop.call_soon_threadsafe(self._changed.set)

    def end(self, *, failed: bool = False) -> None:
        """Called by the thread."""
        self._failed, self._ended = failed, True
        self._loop.call_soon_threadsafe(self._changed.set)

    async def parts(self) -> AsyncIterator[bytes]:
        sent = 0
        while True:
            self._changed.clear()
            ended, written = self._ended, self._written  # in this order: once it ended, `written` is final
            while sent < written:
                part = os.pread(self._file.fileno(), PART, sent)
                sent += len(part)
                yield part
            if ended:
                break
            await self._changed.wait()
        if self._failed:
            raise ResponseUnfinished


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes | Spool

    @classmethod
    def of(cls, status: int, headers: Iterable[tuple[str, str]], body: bytes | Spool) -> "Response":
        return cls(status, [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers], body)

    async def send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        if isinstance(self.body, bytes) and len(self.body) <= PART:
            await send({"type": "http.response.body", "body": self.body})
            return
        try:
            await self._send_parts(send)
        finally:
            if isinstance(self.body, Spool):
                self.body.is_abandoned = True

    async def _send_parts(self, send: Send) -> None:
        waited, sent, loop = 0.0, 0, asyncio.get_running_loop()
        async for part in self._parts():
            began = loop.time()
            async with asyncio.timeout(SECONDS + sent / BYTES_A_SECOND - waited):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            waited += loop.time() - began
            sent += len(part)
        await send({"type": "http.response.body", "body": b""})

    async def _parts(self) -> AsyncIterator[bytes]:
        if isinstance(self.body, Spool):
            async for part in self.body.parts():
                yield part
        else:
            for start in range(0, len(self.body), PART):
                yield self.body[start : start + PART]
