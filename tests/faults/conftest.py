"""What the tests share that need a `make run`: they run in one process, see tests/conftest.py."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inflow import embedded
from tests.faults.stack import Run


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One for all tests that leave it as it is. Started for the first time, on an empty folder."""
    run = Run(tmp_path_factory.mktemp("run") / "var")
    try:
        yield run.ready()
    finally:
        run.close()


@pytest.fixture(scope="package")
def with_tables(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Makes a folder whose database has its tables, for what is not about a first start: a copy, because the migrations
    take seconds."""
    made = tmp_path_factory.mktemp("tables") / "var"
    with embedded.owned(made):
        postgres = embedded.start_postgres(made, durable=False)
        try:
            command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            environ = os.environ | {"DATABASE_URL": postgres.url}
            subprocess.run(command, env=environ, cwd=embedded.ROOT, check=True, timeout=60)
        finally:
            postgres.stop()

    def copy(to: Path) -> Path:
        subprocess.run(["cp", "-a", made, to], check=True)  # with its owners: PostgreSQL may be another user
        return to

    return copy
