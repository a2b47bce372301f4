"""Child processes that end when the process that started them ends, however it ends."""

import contextlib
import ctypes
import fcntl
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import psutil

from inflow.tryout.errors import Unavailable

MARK = "INFLOW_RUN"  # in the environment of every child: the folder it belongs to
START_SECONDS, STOP_SECONDS = 60, 8  # the crash recovery of a database takes some time
CLONE_NEWUSER, PR_SET_PDEATHSIG = 0x10000000, 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: list[str], data: Path, *, last_signal: int = signal.SIGTERM, mapped: int | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own. It gets `last_signal` when its parent ends.

    `mapped` is the user that the child appears to be. Call it in the main thread only: the kernel counts the thread as
    the parent.
    """
    prepare = functools.partial(_prepare, os.getpid(), last_signal, mapped) if sys.platform == "linux" else None
    options = {"stdin": subprocess.DEVNULL, **options, "env": {**options.get("env", os.environ), MARK: str(data)}}
    return subprocess.Popen(command, preexec_fn=prepare, start_new_session=True, **options)  # noqa: S603


def _prepare(parent: int, last_signal: int, mapped: int | None) -> None:
    """Prepare the child before its program runs. A new identity clears the parent-death signal, so it comes first."""
    if mapped is not None:
        uid, gid = os.geteuid(), os.getegid()
        if _LIBC.unshare(CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "user namespaces are refused")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{mapped} {uid} 1"), ("gid_map", f"{mapped} {gid} 1")):
            Path("/proc/self", name).write_text(text)
    _LIBC.prctl(PR_SET_PDEATHSIG, last_signal)
    if os.getppid() != parent:
        os._exit(1)


def becomes_ready(process: subprocess.Popen[bytes], is_ready: Callable[[], bool]) -> bool:
    """Wait until a child is ready. Return False if it ends first or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if is_ready():
            return True
        time.sleep(0.02)
    return False


def stop(children: Collection[subprocess.Popen[bytes]], number: int, seconds: float = STOP_SECONDS) -> None:
    """Send a signal to children, give them some time, and kill what is left of them and their own children."""
    for child in children:
        child.send_signal(number)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(child.poll() is None for child in children):
        time.sleep(0.02)
    for child in children:
        kill_group(child)


def kill_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def processes_of(data: Path) -> list[psutil.Process]:
    """Return the running processes that were spawned for the folder, with their children."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            # A server process of PostgreSQL overwrites its environment, but works inside the cluster's folder.
            is_server = process.name().startswith("postgres") and process.cwd() == str(data / "postgres")
            if process.pid != os.getpid() and (is_server or process.environ().get(MARK) == str(data)):
                found.append(process)
    return found


@contextlib.contextmanager
def owned(data: Path) -> Iterator[None]:
    """Hold the folder for this process alone, without anything that an earlier owner left running in it."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "run.lock").open("a") as lock:
        for _ in range(10):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.05)  # `is_running` holds it for an instant
        else:
            raise Unavailable(f"`make run` is already up in {data}: stop it, or set another INFLOW_DATA")
        left = processes_of(data)
        for number in (signal.SIGINT, signal.SIGKILL):  # at the first, PostgreSQL ends without waiting for its clients
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)
            left = psutil.wait_procs(left, timeout=STOP_SECONDS)[1]
        # The number in it may belong to another program by now, and PostgreSQL would refuse to start.
        (data / "postgres" / "postmaster.pid").unlink(missing_ok=True)
        yield
