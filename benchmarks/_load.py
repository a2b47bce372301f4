"""A load generator that sends requests over persistent connections, each after the last response.

It uses wrk if that is installed, else `python -m benchmarks._load`, a separate process that shares the CPUs with the
server. `{n}` in a path or a body is replaced by a unique number of twelve digits.
"""

import json
import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

NUMBER, DIGITS = "{n}", 12


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: str = ""

    def serialize(self, port: int, headers: Mapping[str, str]) -> bytes:
        length = len(self.body.replace(NUMBER, "0" * DIGITS).encode())
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self.body:
            lines += ["Content-Type: application/json", f"Content-Length: {length}"]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of a run. `errors` counts responses other than 2xx and broken connections. Latencies are in ms."""

    count: int
    errors: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds


def median_rate(found: Iterable[Measured]) -> float:
    return statistics.median(measured.rate for measured in found)


def generator(seconds: float) -> str:
    """Return the generator to use. wrk can only measure whole seconds."""
    return "wrk" if shutil.which("wrk") and seconds >= 1 else "Python"


def measure(
    port: int, requests: Sequence[Request], headers: Mapping[str, str], *, seconds: float, connections: int = 8
) -> Measured:
    """Send `requests` in turn, beginning with the first, for the given number of seconds."""
    written = [request.serialize(port, headers).decode() for request in requests]
    job = {"port": port, "seconds": seconds, "connections": connections, "requests": written}
    with tempfile.TemporaryDirectory(prefix="inflow-load-") as folder:
        if generator(seconds) == "wrk":
            return _by_wrk(Path(folder), port, written, seconds, connections)
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(job))
        done = subprocess.run(
            [sys.executable, "-S", "-m", "benchmarks._load", str(path)], check=True, stdout=subprocess.PIPE
        )
    return Measured(**json.loads(done.stdout))


_LUA = """
local requests, number, next = {}, %d, 0
for line in io.lines("%s") do requests[#requests + 1] = line:gsub("\\1", "\\n") end
function request()
  next = next %% #requests + 1
  number = number + 1
  return (requests[next]:gsub("{n}", string.format("%%012d", number)))
end
function done(summary, latency)
  local broken = summary.errors
  local errors = broken.connect + broken.read + broken.write + broken.timeout + broken.status
  io.write(string.format('\\n{"count": %%d, "errors": %%d, "seconds": %%f, "p50": %%f, "p99": %%f}\\n',
    summary.requests, errors, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


def _by_wrk(folder: Path, port: int, written: Iterable[str], seconds: float, connections: int) -> Measured:
    lines, script = folder / "requests", folder / "script.lua"
    lines.write_text("".join(request.replace("\n", "\1") + "\n" for request in written))
    script.write_text(_LUA % (_first_number(), lines))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{round(seconds)}s", "-s", str(script)]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}/"], check=True, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(done.stdout.strip().rsplit("\n", 1)[-1]))


def _first_number() -> int:
    """Return the time in microseconds, unique because no run sends a million requests per second."""
    return int(time.time_ns() // 1000 % 10**DIGITS)


class _Connection:
    """A connection that sends one request at a time, the next as soon as the response is complete."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received, self.length, self.status, self.sent_at = b"", 0, 0, 0.0
        self.rest = 0

    def send(self, request: bytes) -> None:
        self.received, self.rest = b"", -1
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def is_complete(self) -> bool:
        """Read available data and return True if the response is complete."""
        part = self.socket.recv(262_144)
        if not part:
            raise ConnectionError
        if self.rest >= 0:
            self.rest -= len(part)
            return self.rest <= 0
        self.received += part
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self.received[:end].lower()
        self.status = int(head[9:12])
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            raise ValueError("response without Content-Length")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0])
        self.rest = length - (len(self.received) - end - 4)
        return self.rest <= 0


def _run(port: int, seconds: float, connections: int, requests: list[str]) -> Measured:
    parts = [request.encode().split(NUMBER.encode()) for request in requests]
    number, turn, errors = _first_number(), 0, 0
    latencies: list[float] = []

    def following() -> bytes:
        nonlocal number, turn
        pieces = parts[turn % len(parts)]
        turn, number = turn + 1, number + 1
        return pieces[0] if len(pieces) == 1 else b"%012d".__mod__(number).join(pieces)

    selector = selectors.DefaultSelector()
    began = time.perf_counter()
    for _ in range(connections):
        connection = _Connection(port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(following())
    while (now := time.perf_counter()) < began + seconds:
        for key, _ in selector.select(timeout=1):
            connection = key.data
            try:
                if not connection.is_complete():
                    continue
                if not 200 <= connection.status < 300:
                    errors += 1
                latencies.append(time.perf_counter() - connection.sent_at)
            except (OSError, ValueError):
                errors += 1
                selector.unregister(connection.socket)
                connection = _Connection(port)
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(following())
    latencies.sort()
    at = [
        latencies[min(len(latencies) - 1, int(len(latencies) * part))] * 1000 if latencies else 0.0
        for part in (0.5, 0.99)
    ]
    return Measured(len(latencies), errors, now - began, *at)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        sys.stdout.write(json.dumps(asdict(_run(**json.load(file)))))
    os._exit(0) if sys.stdout.flush() is None else None
