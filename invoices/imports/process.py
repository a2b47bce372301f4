"""The process that parses a file, and its end: it may take so long, so much memory, and write so much."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import structlog
from django.conf import settings

from invoices.imports.errors import FileRefused

log = structlog.get_logger(__name__)

CPU_S = 60
WALL_S = 120
MEMORY = 1024 * 1024 * 1024
WRITTEN = 256 * 1024 * 1024
_HEARTBEAT_EVERY_S = 5.0

Row = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows of a file, in a temporary file of ours: read as often as they are needed."""

    _lines: IO[bytes]

    def rows(self) -> Iterator[Row]:
        self._lines.seek(0)
        for line in self._lines:
            row = json.loads(line)
            if isinstance(row, dict):
                return
            yield row[0], row[1]


@contextmanager
def parsed(content: bytes, options: dict[str, Any], heartbeat: Callable[[], object] = lambda: None) -> Iterator[Parsed]:
    """FileRefused if the file is none, or if its parser died or was ended. `heartbeat` is called now and then meanwhile."""
    limits = {"cpu_s": CPU_S, "wall_s": WALL_S + 5, "memory": MEMORY, "written": WRITTEN}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as found:
        given.write(content)
        given.seek(0)
        _run(given, found, json.dumps({**options, "limits": limits}), heartbeat)
        _refuse(found)
        yield Parsed(found)


def _run(given: IO[bytes], found: IO[bytes], options: str, heartbeat: Callable[[], object]) -> None:
    """Without our environment: what a parser can be made to do finds no key and no password in it."""
    parser = subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-P", "-s", "-m", "invoices.imports.parsing", options],
        stdin=given,
        stdout=found,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PYTHONPATH": str(settings.BASE_DIR), "OPENPYXL_LXML": "False"},
    )
    deadline = time.monotonic() + WALL_S
    try:
        while not _has_ended(parser) and time.monotonic() < deadline:
            heartbeat()
    finally:
        parser.kill()
        code = parser.wait()
    if code:
        log.warning("import_parser_died", code=code)
        raise FileRefused("died")


def _has_ended(parser: "subprocess.Popen[bytes]") -> bool:
    try:
        parser.wait(timeout=_HEARTBEAT_EVERY_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _refuse(found: IO[bytes]) -> None:
    """The last line tells whether the file was read to its end."""
    found.seek(max(0, found.seek(0, 2) - 2_000))
    last = found.read().rpartition(b"\n")[2]
    summary: dict[str, Any] = json.loads(last) if last.startswith(b"{") else {"refused": "died", "detail": ""}
    if "refused" in summary:
        raise FileRefused(summary["refused"], summary["detail"])
