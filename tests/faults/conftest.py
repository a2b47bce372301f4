"""The `make run` that tests share, and folders to start more of them on."""

import os
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from inflow.tryout.folder import ROOT
from inflow.tryout.processes import owned
from inflow.tryout.servers import postgres_programs, start_postgres
from tests.faults.stack import Run


def _copy_tables(database: str, to: str) -> None:
    url = urllib.parse.urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()
    programs = postgres_programs()
    dump = [str(programs / "pg_dump"), "--no-owner", url]
    tables = subprocess.run(dump, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    read = [str(programs / "psql"), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", to]
    subprocess.run(read, input=tables, stdout=subprocess.DEVNULL, check=True, timeout=60)


@pytest.fixture(scope="package")
def with_tables(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Make a folder whose database has its tables, for all that is not about a first start: the migrations take long.
    Where the tests' processes have a migrated database, its tables are copied."""
    made = tmp_path_factory.mktemp("tables") / "var"
    with owned(made):
        postgres = start_postgres(made, durable=False)
        try:
            if migrated := connection.settings_dict["TEST"].get("TEMPLATE"):
                _copy_tables(migrated, postgres.url)
            else:
                command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
                environ = os.environ | {"DATABASE_URL": postgres.url}
                subprocess.run(command, env=environ, cwd=ROOT, check=True, timeout=60)
        finally:
            postgres.stop()

    def copy(to: Path) -> Path:
        subprocess.run(["cp", "-a", made, to], check=True)  # with its owners: PostgreSQL may be another user
        return to

    return copy


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory, with_tables: Callable[[Path], Path]) -> Iterator[Run]:
    """One `make run` for all tests that leave it as it is."""
    run = Run(with_tables(tmp_path_factory.mktemp("run") / "var"))
    try:
        yield run.ready()
    finally:
        run.close()
