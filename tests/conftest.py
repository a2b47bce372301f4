"""The servers and fixtures of all tests, and the markers that a folder gives them.

The order matters: first the socket guard, then PostgreSQL and Valkey, then Django (tests/settings.py). pyproject.toml
does not name the settings, because pytest-django would load them before this module.

DATABASE_URL (of a superuser) and REDIS_URL in the environment replace the servers that are started here. The processes
of pytest-xdist share the servers; each has its own database in both. `-n 0` runs all tests in one, for a debugger.
"""

# ruff: noqa: E402
from tests.guard import loopback

loopback.install()

import atexit
import contextlib
import gc
import os
import shutil
import tempfile
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest

from inflow.tryout.folder import is_running
from inflow.tryout.processes import owned
from inflow.tryout.servers import start_postgres, start_valkey
from tests import environment


def _provision(stack: contextlib.ExitStack) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:  # it has all of this from the process that started it
        return
    given = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    for name in environment.NAMES:
        os.environ.pop(name, None)
    os.environ |= environment.testing()
    # Python's own start-up puts the guard into each process that a test starts.
    guard = str(Path(loopback.__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (guard, os.environ.get("PYTHONPATH"))))
    if not all(given.values()):
        _remove_remains()
        data = Path(tempfile.mkdtemp(prefix="inflow-tests-"))
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        stack.enter_context(owned(data))
        if not given["REDIS_URL"]:
            valkey = start_valkey(data)
            stack.callback(valkey.stop)
            given["REDIS_URL"] = valkey.url
        if not given["DATABASE_URL"]:
            postgres = start_postgres(data, durable=False)
            stack.callback(postgres.stop)
            given["DATABASE_URL"] = postgres.url
    os.environ |= given


def _remove_remains() -> None:
    """Folders of test runs that were killed; their servers ended with them."""
    for data in Path(tempfile.gettempdir()).glob("inflow-tests-*"):
        with contextlib.suppress(OSError):
            mine = (data / "run.lock").lstat().st_uid == os.geteuid()
            if mine and not is_running(data):
                shutil.rmtree(data)


_servers = contextlib.ExitStack()
atexit.register(_servers.close)
_provision(_servers)
django.setup()

from django.db import connection, transaction
from pytest_django.plugin import blocking_manager_key

from inflow.restores import highwater, stores

# Slow tests. `make test-slow` runs them, and the tests that are marked `properties`.
SLOW_FOLDERS = {"browser": "browser", "faults": "faults", "restores": "faults", "upgrades": "faults"}
# Files whose tests kill workers or start a process for each file that they read, or request every page.
SLOW_FILES = {
    "tests/communications/test_faults.py": "faults",
    "tests/invoices/test_import_exports.py": "faults",
    "tests/invoices/test_import_hostile.py": "faults",
    "tests/invoices/bank/test_reading.py": "faults",
    "tests/dashboard/test_arabic.py": "pages",
    "tests/dashboard/test_query_strings.py": "pages",
}
_ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests, and run them first, so that none of them is left at the end."""
    for item in items:
        if marker := _slow_marker(item):
            item.add_marker(marker)
    items.sort(key=lambda item: not _slow_marker(item))


def _slow_marker(item: pytest.Item) -> str:
    name = item.path.relative_to(_ROOT).as_posix()
    return SLOW_FILES.get(name) or SLOW_FOLDERS.get(item.path.parent.name, "")


def pytest_collection_finish() -> None:
    """Spare the garbage collector everything that is there before the first test: it stays to the end."""
    gc.collect()
    gc.freeze()


def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """Give each process a database of its own in Valkey, as pytest-django does in PostgreSQL."""
    url = urllib.parse.urlsplit(os.environ["REDIS_URL"])
    for number, spec in enumerate(specs, start=int(url.path.strip("/") or 0) + 1):
        spec.env["REDIS_URL"] = url._replace(path=f"/{number}").geturl()


def pytest_xdist_make_scheduler(config: pytest.Config) -> None:
    """Migrate one database, of which each process makes a copy (tests/settings.py), while they collect the tests."""
    with config.stash[blocking_manager_key].unblock():
        made = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        connection.close()  # a database with connections can't be copied
    _servers.callback(connection.creation.destroy_test_db, made, verbosity=0)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Keep a copy of the calendars that the migrations insert: `flush` restores them."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS shipped_calendarrule AS TABLE invoices_calendarrule")


@pytest.fixture(autouse=True)
def _own_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep each test's marks in Valkey apart: a rollback takes the database's marks back, as a restored backup does."""
    monkeypatch.setattr(stores, "PREFIX", f"inflow:mark:{uuid.uuid4().hex}:")
    highwater.forget()


@pytest.fixture(scope="module")
def module_transaction(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A transaction around all tests of a module, for rows that they share: each test is rolled back to its start."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
