"""Parsing of a file in another process with limits on time, memory and output."""

import contextlib
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
OUTPUT = 256 * 1024 * 1024
_HEARTBEAT_EVERY_S = 5.0

_PARSER = "invoices.imports.parsing"

Row = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Parsed:
    """Rows of a parsed file, stored in a temporary file so that they can be read again."""

    _lines: IO[bytes]

    def rows(self) -> Iterator[Row]:
        self._lines.seek(0)
        for line in self._lines:
            row = json.loads(line)
            if isinstance(row, dict):
                return
            yield row[0], row[1]


@contextmanager
def parsed(
    content: bytes, options: dict[str, Any], heartbeat: Callable[[], object] = lambda: None, *, parser: str = _PARSER
) -> Iterator[Parsed]:
    """Parse a file with the package `parser`. `heartbeat` is called from time to time meanwhile.

    Raise `FileRefused` if the file is invalid, or if its parser failed or exceeded a limit.
    """
    limits = {"cpu_s": CPU_S, "wall_s": WALL_S + 5, "memory": MEMORY, "written": OUTPUT}
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output:
        source.write(content)
        source.seek(0)
        _run(parser, source, output, json.dumps({**options, "limits": limits}), heartbeat)
        _check_summary(output)
        yield Parsed(output)


def _run(package: str, source: IO[bytes], output: IO[bytes], options: str, heartbeat: Callable[[], object]) -> None:
    """Run the parser with an empty environment, so that a compromised parser finds no secrets."""
    parser = subprocess.Popen(  # noqa: S603  (our own module)
        [sys.executable, "-P", "-s", "-m", package, options],
        stdin=source,
        stdout=output,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PYTHONPATH": str(settings.BASE_DIR), "OPENPYXL_LXML": "False"},
    )
    deadline = time.monotonic() + WALL_S
    try:
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                parser.wait(timeout=_HEARTBEAT_EVERY_S)
                break
            heartbeat()
    finally:
        parser.kill()
        code = parser.wait()
    if code:
        log.warning("import_parser_died", code=code)
        raise FileRefused("died")


def _check_summary(output: IO[bytes]) -> None:
    """Raise `FileRefused` if the last line does not say that the whole file was read."""
    output.seek(max(0, output.seek(0, 2) - 2_000))
    last = output.read().rpartition(b"\n")[2]
    summary: dict[str, Any] = json.loads(last) if last.startswith(b"{") else {"refused": "died", "detail": ""}
    if "refused" in summary:
        raise FileRefused(summary["refused"], summary["detail"])
