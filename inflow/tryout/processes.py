"""Child processes that end when the process that started them ends, however it ends."""

import contextlib
import ctypes
import functools
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inflow.tryout.folder import Unavailable, locked

if TYPE_CHECKING:
    import psutil

MARK = "INFLOW_RUN"  # in the environment of every child: the folder it belongs to
STOP_SECONDS = 8
CLONE_NEWUSER, PR_SET_PDEATHSIG = 0x10000000, 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: list[str], data: Path, *, last_signal: int = signal.SIGTERM, mapped: int | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own that gets `last_signal` when we are gone. `mapped` is the user it seems to
    be. Call it in the main thread only: the kernel counts the thread as the parent."""
    prepare = functools.partial(_prepare, os.getpid(), last_signal, mapped) if sys.platform == "linux" else None
    options = {"stdin": subprocess.DEVNULL, **options, "env": {**options.get("env", os.environ), MARK: str(data)}}
    return subprocess.Popen(command, preexec_fn=prepare, start_new_session=True, **options)  # noqa: S603


def _prepare(parent: int, last_signal: int, mapped: int | None) -> None:
    """Runs in the child, before the program. The order matters: a new identity clears the parent-death signal."""
    if mapped is not None:
        uid, gid = os.geteuid(), os.getegid()
        if _LIBC.unshare(CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "user namespaces are refused")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{mapped} {uid} 1"), ("gid_map", f"{mapped} {gid} 1")):
            Path("/proc/self", name).write_text(text)
    _LIBC.prctl(PR_SET_PDEATHSIG, last_signal)
    if os.getppid() != parent:
        os._exit(1)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def processes_of(data: Path) -> list["psutil.Process"]:
    """Return what was spawned for `data` and still runs, with its children."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            # A server process of PostgreSQL overwrites its environment, but works inside the cluster's folder.
            server = process.name().startswith("postgres") and process.cwd() == str(data / "postgres")
            if server or process.environ().get(MARK) == str(data):
                found.append(process)
    return found


@contextlib.contextmanager
def owned(data: Path) -> Iterator[None]:
    """Hold `data` for this process alone, without anything that an earlier owner left running in it."""
    if importlib.util.find_spec("psutil") is None:
        raise Unavailable("what `make run` needs is not installed: pip install -r requirements-embedded.txt")
    with locked(data):
        _stop_leftovers(data)
        yield


def _stop_leftovers(data: Path) -> None:
    import psutil

    left = [process for process in processes_of(data) if process.pid != os.getpid()]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGINT)  # to PostgreSQL: at once, without waiting for its clients
    for process in psutil.wait_procs(left, timeout=STOP_SECONDS)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=STOP_SECONDS)
    # The number in it may belong to another program by now, and PostgreSQL would refuse to start.
    (data / "postgres" / "postmaster.pid").unlink(missing_ok=True)
