"""The number of Python bytecode instructions per request, by module. It is the same on any machine under any load.

Work of C code within an instruction is not counted. In a process under load an instruction takes about 60 ns, ten times
as long as in a tight loop, so the number of instructions matters more than the speed of a single line.
"""

import io
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks import _load, _rows
from benchmarks._load import Request
from benchmarks._stack import stack
from benchmarks.api import OPERATIONS, requests_of

_SHOWN = 12
_PLACES = sorted((str(Path(place).resolve()) for place in sys.path if place), key=len, reverse=True)


def run(*, quick: bool = False) -> None:
    with stack():
        account, key = _rows.account("Benchmark")
        _rows.invoices(account.pk, 1_000)
        for name, requests in requests_of(account.pk).items():
            warming, counted = (requests * 80)[:40], (requests * 80)[40:80]
            for request in warming:
                _send(request, key)
            ran = _counted(counted, key)
            print(f"{OPERATIONS[name]}: {ran.total():,.0f} instructions")
            for module, count in ran.most_common(3 if quick else _SHOWN):
                print(f"  {count:8,.0f}  {module}")


def _counted(requests: list[Request], key: str) -> "Counter[str]":
    """Return the number of instructions of one request, by module."""
    ran: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            ran[frame.f_code.co_filename] += 1
        return trace

    for request in requests:
        sys.settrace(trace)
        try:
            _send(request, key)
        finally:
            sys.settrace(None)
    return Counter({_module(file): count / len(requests) for file, count in ran.items() if file != __file__})


def _module(file: str) -> str:
    place = next((place for place in _PLACES if file.startswith(f"{place}/")), "")
    return file.removeprefix(f"{place}/")


def _send(request: Request, key: str) -> None:
    from inflow.wsgi import application

    path, _, query = request.path.partition("?")
    body = request.body.replace(_load.NUMBER, f"{time.time_ns() // 1_000 % 10**_load.DIGITS:0{_load.DIGITS}}").encode()
    statuses: list[str] = []
    answer = application(
        {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_X_INFLOW_KEY": key,
            "CONTENT_TYPE": "application/json" if body else "",
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
        },
        lambda status, headers: statuses.append(status),
    )
    body = b"".join(answer)
    assert statuses[0][:3] in ("200", "201"), body
