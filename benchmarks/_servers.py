"""Web servers of the variants, each with two processes and the options of the Procfile."""

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from email.message import Message
from pathlib import Path

import psutil

from inflow.tryout.folder import ROOT
from inflow.tryout.processes import kill_group, spawn

PROCESSES = 2
AS_PRODUCTION = Path(__file__).parent / "as_production"


def command(port: int, python: Path, application: str) -> list[str]:
    """Return the Procfile's command for this port. WSGI applications (the peers) get one thread, granian's default."""
    line = next(line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("web: "))
    line = line.removeprefix("web: ").replace("${PORT:-8000}", str(port)).replace("0.0.0.0", "127.0.0.1")
    line = re.sub(r"--workers \S+", f"--workers {PROCESSES}", line)
    if application.endswith("wsgi:application"):
        line = line.replace("--interface asgi", "--interface wsgi --blocking-threads 1")
    *options, _ = shlex.split(line)
    return [str(python), "-m", *options, "--log-level", "warning", application]


@contextlib.contextmanager
def serving(
    name: str,
    data: Path,
    *,
    python: Path = Path(sys.executable),
    application: str = "inflow.asgi:application",
    environment: Mapping[str, str] | None = None,
) -> Iterator["Server"]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    log = data / f"{name}.log"
    with log.open("wb") as output:
        process = spawn(
            command(port, python, application),
            data,
            env=os.environ | {"PYTHONPATH": str(AS_PRODUCTION)} | dict(environment or {}),
            stdout=output,
            stderr=output,
            cwd=ROOT,
        )
    try:
        server = Server(name, port, process, log)
        server.wait()
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            kill_group(process)


class Server:
    def __init__(self, name: str, port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name, self.port, self.process, self.log = name, port, process, log

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{self.name} does not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def get(self, path: str, key: str) -> tuple[bytes, Message]:
        """Return the body and the headers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"X-InFlow-Key": key})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read(), answer.headers

    def mebibytes(self) -> float:
        """Return the resident memory of the largest web process."""
        workers = psutil.Process(self.process.pid).children(recursive=True)
        return float(max(worker.memory_info().rss for worker in workers)) / 2**20
