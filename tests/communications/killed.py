"""Workers that are killed with -9 at every n-th line of the sender: `python -m tests.communications.killed n`.

Reads the ids of messages, a line each. The first is sent by a worker that lives, so that all modules are loaded and a
slow machine passes no line for slowness alone. The second is sent to learn which lines are passed; the number of those
chosen is printed. Then one more id for each of them is sent by a worker that kills itself where that line begins.
"""

import functools
import gc
import os
import signal
import sys
import uuid
from collections.abc import Callable
from types import FrameType
from typing import Any

import django

Line = tuple[str, int]
MODULES = (
    "communications/delivery/sender.py",
    "communications/delivery/copy_gate.py",
    "communications/channels/email.py",
    "communications/delivery/status_updates.py",
)


def main() -> None:
    django.setup()
    from django.db import connections

    lines: list[Line] = []
    _send(sys.stdin.readline(), lambda line: None)
    _send(sys.stdin.readline(), lines.append)
    lines = list(dict.fromkeys(lines))[:: int(sys.argv[1])]
    connections.close_all()
    sys.stdout.write(f"{len(lines)}\n")
    sys.stdout.flush()
    gc.freeze()  # else each worker would look through it, and so copy it
    for line in lines:
        communication_id = sys.stdin.readline()
        if worker := os.fork():
            _, status = os.waitpid(worker, 0)
            assert os.WIFSIGNALED(status), f"nothing died at {line}"
        else:
            _send(communication_id, functools.partial(_die, line))
            os._exit(1)


def _die(line: Line, at: Line) -> None:
    if at == line:
        os.kill(os.getpid(), signal.SIGKILL)


@functools.cache  # it is asked for each call of any function
def _module(name: str) -> str | None:
    return next((module for module in MODULES if name.endswith(module)), None)


def _send(communication_id: str, passes: Callable[[Line], object]) -> None:
    from communications.delivery import sender

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        module = _module(frame.f_code.co_filename)
        if module is None:
            return None
        if event == "line":
            passes((module, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        sender.send(uuid.UUID(communication_id.strip()))
    finally:
        sys.settrace(None)


if __name__ == "__main__":
    main()
