"""`make run`: everything InFlow consists of, on this machine alone, to try it out. One folder holds all its data."""

import contextlib
import http.client
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import dotenv
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from environs import Env, EnvError, validate

from inflow import embedded

WEB_SECONDS = 60
STOP_SECONDS = 5  # a task that takes longer is killed: its row stays due
MOST_RESTARTS, RESTARTS_SECONDS = 5, 60  # of a process, before it is given up
Processes = dict[str, subprocess.Popen[bytes]]


def main() -> int:
    # Ctrl-C, `kill`, and a terminal that closes: each ends in `KeyboardInterrupt`, and all is taken down in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        data = embedded.data_folder()
        with embedded.owned(data):  # first: what a killed owner left may still hold the port
            _run(_port(), data)
    except KeyboardInterrupt:
        return 0
    except (EnvError, ImproperlyConfigured, CommandError, OSError) as error:
        return _fail(str(error))
    except DatabaseError as error:
        return _fail(f"DATABASE_URL: {error}")
    return 1


def _fail(reason: str) -> int:
    line = re.sub(r"\s+", " ", reason).strip()
    sys.stderr.write(f"inflow: {line}\n")
    return 1


def _port() -> int:
    port: int = Env().int("PORT", 8000, validate=validate.Range(1, 65535))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise embedded.Unavailable(
                f"port {port}: {(error.strerror or str(error)).lower()}; set another PORT"
            ) from error
    return port


def _run(port: int, data: Path) -> None:
    """Start all, and stay until a server ends or an interrupt comes."""
    began = time.monotonic()
    (data / "run.env").unlink(missing_ok=True)
    with _servers(data) as servers:
        variables = _variables(port, data)
        # Celery would check all of Django once more in each process, and load every page for it.
        os.environ |= variables | {"CELERY_SKIP_CHECKS": "1"}
        _prepare_database(port, data)
        embedded.write_variables(data / "run.env", variables)
        with _stopping({}) as processes:
            commands = _commands(port)
            # Each start takes a processor for a second: first those that a caller waits for.
            for name in ("web", "webhooks"):
                processes[name] = embedded.spawn(commands.pop(name), data, cwd=embedded.ROOT)
            _wait_for_web(port, processes)
            for name, command in commands.items():
                processes[name] = embedded.spawn(command, data, cwd=embedded.ROOT)
            _say_hello(port, data, time.monotonic() - began)
            ended = _keep_running(processes, _commands(port), servers, data)
            _fail(f"{ended} ended: everything is stopped. Start again, the data is kept.")


@contextlib.contextmanager
def _servers(data: Path) -> Iterator[list[embedded.Server]]:
    """The embedded servers that the environment does not replace; their URLs join the environment."""
    servers: list[embedded.Server] = []
    try:
        for variable, start in (
            ("REDIS_URL", embedded.start_valkey),
            ("DATABASE_URL", embedded.start_postgres),
        ):
            if not os.environ.get(variable):
                servers.append(start(data))
                os.environ[variable] = servers[-1].url
        yield servers
    finally:
        _ignore_signals()
        for server in servers:
            server.stop()


def _variables(port: int, data: Path) -> dict[str, str]:
    """What settings.py reads. A variable that is set in the environment stays as it is."""
    path = data / "secrets.env"
    if not path.exists():
        fresh = {"SECRET_KEY": secrets.token_urlsafe(48), "FIELD_KEYS": Fernet.generate_key().decode()}
        embedded.write_variables(path, fresh)
    variables = {
        **{name: value or "" for name, value in dotenv.dotenv_values(path, interpolate=False).items()},
        "DJANGO_SETTINGS_MODULE": "inflow.settings",
        "TRY_OUT": "1",
        "BASE_URL": f"http://127.0.0.1:{port}",
        "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
        "DATABASE_URL": "",
        "REDIS_URL": "",
        # A mail server that is named gets the mail instead of the folder.
        "EMAIL_URL": "",
        "OUTBOX_DIR": "" if os.environ.get("EMAIL_URL") else str(data / "outbox"),
        "DEFAULT_FROM_EMAIL": "InFlow <no-reply@inflow.example>",
    }
    return {name: os.environ.get(name, value) for name, value in variables.items()} | {"INFLOW_DATA": str(data)}


def _prepare_database(port: int, data: Path) -> None:
    import django
    import redis
    from django.conf import settings

    django.setup()
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5).ping()
    except redis.RedisError as error:
        raise embedded.Unavailable(f"REDIS_URL: {error}") from error
    call_command("migrate", verbosity=0, interactive=False)
    (data / "outbox").mkdir(mode=0o700, exist_ok=True)
    call_command("seed_demo", port=port, credentials_file=str(data / "demo.txt"))
    connection.close()


def _commands(port: int) -> dict[str, list[str]]:
    web = f"granian --interface asgi --http 1 --host 127.0.0.1 --port {port} --workers 2 --no-ws"
    web += " --http1-header-read-timeout 10000 --http1-buffer-size 65536 --backpressure 800"
    web += " --respawn-failed-workers --respawn-interval 15"  # as the Procfile: a SIGHUP loses no request
    web += " --workers-kill-timeout 8"  # one that is told to end while it starts may not hear of it
    worker = (
        "celery --app inflow --quiet worker --loglevel WARNING --without-gossip --without-mingle --without-heartbeat"
    )
    commands = {
        "web": f"{web} --log-level warning inflow.asgi:application",
        "webhooks": f"{worker} --hostname webhooks@inflow --queues webhooks --concurrency 2",
        "worker": f"{worker} --hostname worker@inflow --queues clock,communications --concurrency 1",
        "files": f"{worker} --hostname files@inflow --queues files --concurrency 1",
        "forecasts": f"{worker} --hostname forecasts@inflow --queues forecasts --concurrency 1",
        "beat": "celery --app inflow --quiet beat --loglevel WARNING --scheduler celery.beat:Scheduler",
    }
    # Their warnings (root, no collected static files) are meant for production.
    python = [sys.executable, "-W", "ignore::UserWarning", "-m"]
    return {name: [*python, *command.split()] for name, command in commands.items()}


@contextlib.contextmanager
def _stopping(processes: Processes) -> Iterator[Processes]:
    """Whatever is put into `processes` is stopped at the end."""
    try:
        yield processes
    finally:
        _ignore_signals()
        for process in processes.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline - time.monotonic()))
            embedded.kill_group(process)


def _ignore_signals() -> None:
    """A second Ctrl-C must not leave half of it running; stopping is bounded in time."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _keep_running(
    processes: Processes, commands: dict[str, list[str]], servers: list[embedded.Server], data: Path
) -> str:
    """Start again each process that ends. Return the name of what cannot be: a server, which has the others'
    connections, or a process that ends again and again."""
    starts: dict[str, deque[float]] = {name: deque(maxlen=MOST_RESTARTS) for name in processes}
    while True:
        for server in servers:
            if server.process.poll() is not None:
                return server.name
        for name, process in processes.items():
            if process.poll() is None:
                continue
            recent, now = starts[name], time.monotonic()
            if len(recent) == MOST_RESTARTS and now - recent[0] < RESTARTS_SECONDS:
                return name
            recent.append(now)
            embedded.kill_group(process)  # its children may have outlived it
            processes[name] = embedded.spawn(commands[name], data, cwd=embedded.ROOT)
        time.sleep(0.2)


def _wait_for_web(port: int, processes: Processes) -> None:
    deadline = time.monotonic() + WEB_SECONDS
    while time.monotonic() < deadline and processes["web"].poll() is None:
        web = http.client.HTTPConnection("127.0.0.1", port, timeout=WEB_SECONDS)
        try:
            web.request("HEAD", "/")
            web.getresponse()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            web.close()
    raise embedded.Unavailable("the web server did not start")


def _mail_server() -> str:
    from django.conf import settings

    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}" if settings.EMAIL_HOST else settings.EMAIL_BACKEND


def _say_hello(port: int, data: Path, seconds: float) -> None:
    lines = [
        f"InFlow is ready: http://127.0.0.1:{port} (after {seconds:.1f} s; Ctrl-C stops it)",
        (data / "demo.txt").read_text().strip(),
        f"Data and logs: {data}; mail: {os.environ.get('OUTBOX_DIR') or _mail_server()}",
    ]
    sys.stdout.write("\n" + "\n".join(lines) + "\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
