"""Workers that die at a line of the code under test."""

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.db import connections

Line = tuple[str, int]


def lines_of(call: Callable[[], object], modules: tuple[str, ...]) -> list[Line]:
    """Return the lines of the modules that a call passes, each once. A child does it, which then dies."""
    passed: list[Line] = []
    reading, writing = os.pipe()
    if child := _fork():
        os.close(writing)
        with os.fdopen(reading) as pipe:
            found = [line.rsplit(" ", 1) for line in pipe.read().splitlines()]
        os.waitpid(child, 0)
        return [(module, int(number)) for module, number in found]
    _trace(call, modules, passed.append)
    with os.fdopen(writing, "w") as pipe:
        pipe.writelines(f"{module} {number}\n" for module, number in dict.fromkeys(passed))
    os._exit(0)


def die_at(line: Line, call: Callable[[], object]) -> None:
    """Let a child die where the line begins."""

    def die(at: Line) -> None:
        if at == line:
            os._exit(9)

    if child := _fork():
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 9, f"nothing died at {line}"
        return
    _trace(call, (line[0],), die)
    os._exit(1)


def _fork() -> int:
    connections.close_all()  # so that the child opens its own
    return os.fork()


def _trace(call: Callable[[], object], modules: tuple[str, ...], passes: Callable[[Line], object]) -> None:
    def trace(frame: FrameType, event: str, _: Any) -> Any:
        module = next((module for module in modules if frame.f_code.co_filename.endswith(module)), None)
        if module is None:
            return None
        if event == "line":
            passes((module, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        call()
    except BaseException:
        os._exit(2)
    finally:
        sys.settrace(None)
