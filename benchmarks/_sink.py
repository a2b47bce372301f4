"""A fast receiver of webhooks: `python -m benchmarks._sink` prints its port.

The response to any POST is 200. GET / returns the `webhook-id` and the arrival time of each request (in seconds of the
monotonic clock, which all processes share), GET /count their number, and GET /reset also clears the list.
"""

import asyncio
import json
import re
import sys
import time

_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
_ID = re.compile(rb"webhook-id: *([!-~]+)", re.IGNORECASE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

_arrivals: list[tuple[str, float]] = []


class _Sink(asyncio.Protocol):
    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < whole:
                return
            self.buffer = self.buffer[whole:]
            self.transport.write(self._respond(head))

    def _respond(self, head: bytes) -> bytes:
        if head.startswith(b"POST"):
            match = _ID.search(head)
            _arrivals.append((match[1].decode() if match else "", time.monotonic()))
            return _OK
        body = json.dumps(_arrivals).encode()
        if head.startswith(b"GET /reset"):
            _arrivals.clear()
        elif head.startswith(b"GET /count"):
            body = str(len(_arrivals)).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def _main() -> None:
    server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
