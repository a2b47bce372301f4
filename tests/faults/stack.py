"""A whole `make run` in real processes, on a folder of its own."""

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dotenv
import psycopg

from inflow.tryout.folder import ROOT
from inflow.tryout.processes import processes_of, spawn
from tests import environment


class Run:
    """One `make run`. What it prints goes into `log`."""

    def __init__(self, data: Path, **variables: str) -> None:
        self.data = data
        self.port = free_port()
        self.log = data.with_name(f"{data.name}-{self.port}.log")
        with self.log.open("w") as log:
            self.process = spawn(  # so that it ends with the tests, even when they are killed
                [sys.executable, "-m", "inflow.tryout"],
                data.parent,
                env=environ(INFLOW_DATA=str(data), **{"PORT": str(self.port), **variables}),
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def ready(self, seconds: float = 180) -> "Run":
        wait_until(lambda: self.process.poll() is not None or "InFlow is ready" in self.log.read_text(), seconds)
        assert self.process.poll() is None, self.log.read_text()
        return self

    def answers(self) -> bool:
        web = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(web):
            web.request("GET", "/")
            return web.getresponse().status < 500

    def database(self) -> "psycopg.Connection[tuple[object, ...]]":
        url = dotenv.dotenv_values(self.data / "run.env")["DATABASE_URL"]
        assert url
        return psycopg.connect(url, autocommit=True)

    def left_nothing(self) -> bool:
        return not processes_of(self.data)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


def environ(**variables: str) -> dict[str, str]:
    """Return the environment without the variables of the tests' own settings."""
    of_tests = {"DJANGO_SETTINGS_MODULE", *environment.NAMES}
    return {name: value for name, value in os.environ.items() if name not in of_tests} | variables


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def web_command(port: int) -> list[str]:
    """The Procfile's line, on this port of loopback and with one worker."""
    line = re.search(r"^web: (.+)$", (ROOT / "Procfile").read_text(), re.MULTILINE)
    assert line
    text = re.sub(r"--host \S+", "--host 127.0.0.1", line[1].replace("${PORT:-8000}", str(port)))
    *options, application = text.replace("${WEB_CONCURRENCY:-2}", "1").split()
    return [sys.executable, "-m", *options, "--log-level", "error", application]


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def manage(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=environ(INFLOW_DATA=str(data)),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
