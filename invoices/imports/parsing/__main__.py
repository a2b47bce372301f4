"""Parse a file: `python -m invoices.imports.parsing OPTIONS` reads standard input and writes rows as JSON lines.

The last line is `{"refused": …}` or `{"rows": …}`. If it is missing, the file was not read to its end.
"""

import io
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

from invoices.imports.errors import FileRefused
from invoices.imports.parsing.rows import rows_of


def main(read: Callable[[IO[bytes], Mapping[str, Any]], Iterable[tuple[int, Any]]] = rows_of) -> None:
    options = json.loads(sys.argv[1])
    _limit(**options["limits"])
    out = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", write_through=False)
    count = 0
    try:
        for row in read(os.fdopen(0, "rb", closefd=False), options):
            out.write(json.dumps(row, ensure_ascii=False))
            out.write("\n")
            count += 1
        out.write(json.dumps({"rows": count}))
    except FileRefused as refusal:
        out.write(json.dumps({"refused": refusal.reason, "detail": refusal.detail[:200]}))
    out.flush()


def _limit(cpu_s: int, wall_s: int, memory: int, written: int) -> None:
    """Let the kernel end this process at these limits, even if its parent process has died."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    signal.alarm(wall_s)


if __name__ == "__main__":
    main()
