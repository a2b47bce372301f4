"""Databases of real PostgreSQL servers that are dumped, restored, copied and promoted."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.db import connection

from inflow.restores import highwater
from inflow.tryout.processes import owned
from inflow.tryout.servers import postgres_programs, start_postgres


class Database:
    """A database, by its URL. `used()` makes it the one that Django's connection leads to."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = urlsplit(url).path.strip("/")

    def named(self, name: str) -> "Database":
        return Database(urlsplit(self.url)._replace(path=f"/{name}").geturl())

    def create(self, name: str, *, template: str = "template0") -> "Database":
        """Create another one on the same server."""
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.named(name)

    def drop(self) -> None:
        self.named("postgres").run(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def run(self, sql: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as database:
            database.execute(sql)

    def dump(self, to: Path) -> Path:
        _run("pg_dump", "--no-owner", f"--file={to}", self.url)
        return to

    def read(self, dump: Path) -> None:
        _run("psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--file={dump}", self.url)

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Use this database, as processes that have just started do."""
        parts = urlsplit(self.url)
        before = dict(connection.settings_dict)
        connection.close()
        connection.settings_dict |= {
            "NAME": self.name,
            "HOST": parts.hostname,
            "PORT": parts.port,
            "USER": parts.username,
            "PASSWORD": parts.password,
        }
        highwater.forget()
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict |= before
            highwater.forget()


def of_tests() -> Database:
    """The one that this test process has."""
    at = connection.settings_dict
    return Database(f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}")


@contextlib.contextmanager
def server(data: Path) -> Iterator[Database]:
    """A server of its own on the cluster in `data`."""
    data.mkdir(mode=0o700, exist_ok=True)
    with owned(data):
        running = start_postgres(data, durable=False)
        try:
            yield Database(running.url)
        finally:
            running.stop()


def _run(program: str, *arguments: str) -> None:
    command = [str(postgres_programs() / program), *arguments]
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL, env=os.environ)
