"""`make run`: everything InFlow consists of, on this machine alone, to try it out. One folder holds all its data."""

import contextlib
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import dotenv
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from environs import Env, EnvError, validate

from inflow.tryout.folder import ROOT, Unavailable, data_folder, write_variables
from inflow.tryout.processes import kill_group, owned, spawn
from inflow.tryout.servers import Server, start_postgres, start_valkey

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, `kill`, and a terminal that closes
WEB_SECONDS = 60
STOP_SECONDS = 5  # a task that takes longer is killed: its row stays due
MOST_RESTARTS, RESTARTS_SECONDS = 5, 60  # of a process, before it is given up
CELERY = "celery --app inflow --quiet"
WORKER = f"{CELERY} worker --loglevel WARNING --without-gossip --without-mingle --without-heartbeat"
# Each start takes a processor for a second: first those that a caller waits for.
COMMANDS = {
    "web": "granian --interface asgi --http 1 --host 127.0.0.1 --port {port} --workers 2 --no-ws --log-level warning"
    " --http1-header-read-timeout 10000 --http1-buffer-size 65536 --backpressure 800 --respawn-failed-workers"
    " --respawn-interval 15 --workers-kill-timeout 8 inflow.asgi:application",
    "demo": "django play_demo --port {port}",  # once
    "webhooks": f"{WORKER} --hostname webhooks@inflow --queues webhooks --concurrency 2",
    "worker": f"{WORKER} --hostname worker@inflow --queues clock,communications --concurrency 1",
    "files": f"{WORKER} --hostname files@inflow --queues files --concurrency 1",
    "forecasts": f"{WORKER} --hostname forecasts@inflow --queues forecasts --concurrency 1",
    "beat": f"{CELERY} beat --loglevel WARNING --scheduler celery.beat:Scheduler",
}


class Supervisor:
    """Starts all, and stops all."""

    def __init__(self, port: int, data: Path) -> None:
        self.port, self.data = port, data
        self.servers: list[Server] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self) -> None:
        """Stay until a server ends or an interrupt comes."""
        began = time.monotonic()
        (self.data / "run.env").unlink(missing_ok=True)
        try:
            # The embedded servers that the environment does not replace.
            for variable, start in (("REDIS_URL", start_valkey), ("DATABASE_URL", start_postgres)):
                if not os.environ.get(variable):
                    self.servers.append(start(self.data))
                    os.environ[variable] = self.servers[-1].url
            variables = self._variables()
            # Celery would check all of Django once more in each process, and load every page for it.
            os.environ |= variables | {"CELERY_SKIP_CHECKS": "1"}
            self._check_settings()
            if not (self.data / "demo.txt").exists() and "PostgreSQL" in [server.name for server in self.servers]:
                self._spawn("web", COMMANDS["web"])  # its database is empty: it may load while the tables are made
            has_past = self._prepare_database()
            write_variables(self.data / "run.env", variables)
            for name, command in COMMANDS.items():
                if name not in self.processes and not (name == "demo" and has_past):
                    self._spawn(name, command)
                if name == "webhooks":
                    self._wait_for_web()
                    self._say_hello(time.monotonic() - began, has_past=has_past)
            ended = self._keep_running()
            raise Unavailable(f"{ended} ended: everything is stopped. Start again, the data is kept.")
        finally:
            for number in SIGNALS:  # a second Ctrl-C must not leave half of it running; stopping is bounded in time
                signal.signal(number, signal.SIG_IGN)
            self._stop()

    def _variables(self) -> dict[str, str]:
        """Return what settings.py reads. A variable that is set in the environment stays as it is."""
        path = self.data / "secrets.env"
        if not path.exists():
            fresh = {"SECRET_KEY": secrets.token_urlsafe(48), "FIELD_KEYS": Fernet.generate_key().decode()}
            write_variables(path, fresh)
        variables = {
            **{name: value or "" for name, value in dotenv.dotenv_values(path, interpolate=False).items()},
            "DJANGO_SETTINGS_MODULE": "inflow.settings",
            "TRY_OUT": "1",
            "BASE_URL": f"http://127.0.0.1:{self.port}",
            "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
            "DATABASE_URL": "",
            "REDIS_URL": "",
            # A mail server that is named gets the mail instead of the folder.
            "EMAIL_URL": "",
            "OUTBOX_DIR": "" if os.environ.get("EMAIL_URL") else str(self.data / "outbox"),
            "DEFAULT_FROM_EMAIL": "InFlow <no-reply@inflow.example>",
        }
        given = {name: os.environ.get(name, value) for name, value in variables.items()}
        return given | {"INFLOW_DATA": str(self.data)}

    def _check_settings(self) -> None:
        import django
        import redis
        from django.conf import settings

        django.setup()
        try:
            redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5).ping()
        except redis.RedisError as error:
            raise Unavailable(f"REDIS_URL: {error}") from error

    def _prepare_database(self) -> bool:
        """Bring the tables and the demo account up to date. Return whether the account has its past already."""
        from inflow.dashboard.demo import account as demo
        from inflow.restores import checks

        for error in checks.database_has_all_of_0_1(None, ["default"]):  # `migrate` from a command line calls it, too
            raise Unavailable(f"{error.msg} {error.hint}")
        call_command("migrate", verbosity=0, interactive=False)
        (self.data / "outbox").mkdir(mode=0o700, exist_ok=True)
        call_command("seed_demo", port=self.port, credentials_file=str(self.data / "demo.txt"))
        has_past = demo.has_past()
        connection.close()
        return has_past

    def _spawn(self, name: str, command: str) -> None:
        # Their warnings (root, no collected static files) are meant for production.
        python = [sys.executable, "-W", "ignore::UserWarning", "-m"]
        self.processes[name] = spawn([*python, *command.format(port=self.port).split()], self.data, cwd=ROOT)

    def _wait_for_web(self) -> None:
        deadline = time.monotonic() + WEB_SECONDS
        while time.monotonic() < deadline and self.processes["web"].poll() is None:
            web = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WEB_SECONDS)
            with contextlib.suppress(OSError), contextlib.closing(web):
                web.request("HEAD", "/")
                web.getresponse()
                return
            time.sleep(0.05)
        raise Unavailable("the web server did not start")

    def _say_hello(self, seconds: float, *, has_past: bool) -> None:
        from django.conf import settings

        mail = os.environ.get("OUTBOX_DIR") or f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        lines = [
            f"InFlow is ready: http://127.0.0.1:{self.port} (after {seconds:.1f} s; Ctrl-C stops it)",
            (self.data / "demo.txt").read_text().strip(),
            f"Data and logs: {self.data}; mail: {mail}",
        ]
        if not has_past:
            lines.append("The demo account's invoices appear within a minute: the engine plays their months first.")
        sys.stdout.write("\n" + "\n".join(lines) + "\n\n")
        sys.stdout.flush()

    def _keep_running(self) -> str:
        """Start again each process that ends. Return the name of what cannot be: a server, which has the others'
        connections, or a process that ends again and again."""
        starts: dict[str, deque[float]] = {name: deque(maxlen=MOST_RESTARTS) for name in COMMANDS}
        while True:
            for server in self.servers:
                if server.process.poll() is not None:
                    return server.name
            for name, process in list(self.processes.items()):
                if process.poll() is None:
                    continue
                kill_group(process)  # its children may have outlived it
                if name == "demo":
                    del self.processes[name]
                    continue
                recent, now = starts[name], time.monotonic()
                if len(recent) == MOST_RESTARTS and now - recent[0] < RESTARTS_SECONDS:
                    return name
                recent.append(now)
                self._spawn(name, COMMANDS[name])
            time.sleep(0.2)

    def _stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(process.poll() is None for process in self.processes.values()):
            time.sleep(0.05)
        for process in self.processes.values():
            kill_group(process)
        for server in self.servers:
            server.stop()


def _port() -> int:
    port: int = Env().int("PORT", 8000, validate=validate.Range(1, 65535))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            said = (error.strerror or str(error)).lower()
            raise Unavailable(f"port {port}: {said}; set another PORT") from error
    return port


def main() -> int:
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        data = data_folder()
        with owned(data):  # first: what a killed owner left may still hold the port
            Supervisor(_port(), data).run()
    except KeyboardInterrupt:
        return 0
    except (EnvError, ImproperlyConfigured, CommandError, OSError, DatabaseError) as error:
        name = "DATABASE_URL: " if isinstance(error, DatabaseError) else ""
        sys.stderr.write(f"inflow: {name}{' '.join(str(error).split())}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
