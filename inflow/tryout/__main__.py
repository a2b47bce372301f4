"""`make run`: everything InFlow consists of, on this machine alone, to try it out. One folder holds all its data."""

import contextlib
import http.client
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict, deque
from pathlib import Path

import django
import dotenv
import redis
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from environs import Env, EnvError, validate

from inflow.restores import checks
from inflow.tryout.errors import Unavailable
from inflow.tryout.folder import ROOT, data_folder, write_variables
from inflow.tryout.processes import becomes_ready, kill_group, owned, spawn, stop
from inflow.tryout.servers import Server, start_postgres, start_valkey

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, `kill`, and a terminal that closes
DEFAULTS = ROOT / "inflow" / "tryout" / "defaults.env"
STOP_SECONDS = 5  # a task that takes longer is killed: its row stays due
MOST_RESTARTS, RESTARTS_WITHIN = 10, 60.0  # so many of one process in so many seconds stop everything


def commands() -> dict[str, str]:
    """Return the lines of the Procfile, on loopback alone and quiet, and the one that plays the demo once."""
    lines = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    lines["web"] += " --host 127.0.0.1 --log-level warning"
    del lines["release"]
    quiet = {name: line.replace("celery ", "celery --quiet ") for name, line in lines.items()}
    return {"demo": "django play_demo --port $PORT"} | quiet


class Supervisor:
    """Starts all processes, restarts those that end, and stops them."""

    def __init__(self, port: int, data: Path) -> None:
        self.port, self.data, self.commands = port, data, commands()
        self.servers: list[Server] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self) -> None:
        """Stay until a server ends or an interrupt comes."""
        began = time.monotonic()
        (self.data / "run.env").unlink(missing_ok=True)
        # Celery would run Django's checks in each process, and load every page for them.
        os.environ |= {"INFLOW_DATA": str(self.data), "PORT": str(self.port), "CELERY_SKIP_CHECKS": "1"}
        try:
            for variable, start in (("REDIS_URL", start_valkey), ("DATABASE_URL", start_postgres)):
                if not os.environ.get(variable):
                    self.servers.append(start(self.data))
                    os.environ[variable] = self.servers[-1].url
            variables = self._variables()
            os.environ |= variables
            django.setup()
            redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5).ping()
            self._spawn("web")  # it loads while the tables are made
            for error in checks.database_is_of_0_2_or_later(None, ["default"]):  # as the command line does
                raise Unavailable(f"{error.msg} {error.hint}")
            call_command("migrate", verbosity=0, interactive=False)
            call_command("seed_demo", port=self.port, credentials_file=str(self.data / "demo.txt"))
            connection.close()
            write_variables(self.data / "run.env", variables)
            if not becomes_ready(self.processes["web"], self._is_web_ready):
                raise Unavailable("the web server did not start")
            self._say_hello(time.monotonic() - began)
            for name in self.commands:
                if name not in self.processes:
                    self._spawn(name)
            ended = self._keep_running()
            raise Unavailable(f"{ended} ended: everything is stopped. Start again, the data is kept.")
        finally:
            for number in SIGNALS:  # a second Ctrl-C must not leave half of it running; stopping is bounded in time
                signal.signal(number, signal.SIG_IGN)
            stop(self.processes.values(), signal.SIGTERM, STOP_SECONDS)
            for server in self.servers:
                server.stop()

    def _variables(self) -> dict[str, str]:
        """Return the variables that settings.py reads. Those of the environment win."""
        path = self.data / "secrets.env"
        if not path.exists():
            fresh = {"SECRET_KEY": secrets.token_urlsafe(48), "FIELD_KEYS": Fernet.generate_key().decode()}
            write_variables(path, fresh)
        variables = dotenv.dotenv_values(path, interpolate=False) | dotenv.dotenv_values(DEFAULTS)
        return {name: os.environ.get(name, value or "") for name, value in variables.items()}

    def _spawn(self, name: str) -> None:
        # The warnings (root, no collected static files) are meant for production.
        line = f"exec {shlex.quote(sys.executable)} -W ignore::UserWarning -m {self.commands[name]}"
        self.processes[name] = spawn(["/bin/sh", "-c", line], self.data, cwd=ROOT)

    def _is_web_ready(self) -> bool:
        web = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(web):
            web.request("HEAD", "/")
            return web.getresponse().status < 500
        return False

    def _say_hello(self, seconds: float) -> None:
        mail = settings.OUTBOX_DIR or f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        sys.stdout.write(
            f"\nInFlow is ready: http://127.0.0.1:{self.port} (after {seconds:.1f} s; Ctrl-C stops it)\n"
            f"{(self.data / 'demo.txt').read_text().strip()}\nData and logs: {self.data}; mail: {mail}\n\n"
        )
        sys.stdout.flush()

    def _keep_running(self) -> str:
        """Restart processes that end. Return the name of a server that ended, or of a process that ends too often."""
        restarts: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MOST_RESTARTS))
        while True:
            for server in self.servers:
                if server.process.poll() is not None:
                    return server.name
            for name in [name for name, process in self.processes.items() if process.poll() is not None]:
                kill_group(self.processes.pop(name))  # its children may have outlived it
                times = restarts[name]
                times.append(time.monotonic())
                if len(times) == MOST_RESTARTS and times[-1] - times[0] < RESTARTS_WITHIN:
                    return name
                if name != "demo":
                    self._spawn(name)
            time.sleep(0.2)


def main() -> int:
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        data = data_folder()
        with owned(data):  # first: what a killed owner left may still hold the port
            port: int = Env().int("PORT", 8000, validate=validate.Range(1, 65535))
            try:
                socket.create_server(("127.0.0.1", port)).close()
            except OSError as error:
                raise Unavailable(f"port {port}: {os.strerror(error.errno or 0).lower()}; set another PORT") from error
            Supervisor(port, data).run()
    except KeyboardInterrupt:
        return 0
    except (EnvError, ImproperlyConfigured, CommandError, OSError, DatabaseError, redis.RedisError) as error:
        names = {DatabaseError: "DATABASE_URL: ", redis.RedisError: "REDIS_URL: "}
        name = next((name for kind, name in names.items() if isinstance(error, kind)), "")
        sys.stderr.write(f"inflow: {name}{' '.join(str(error).split())}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
