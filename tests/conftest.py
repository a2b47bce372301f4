"""First the socket guard, then PostgreSQL and Valkey, then Django: in this order, so that nothing slips through.

DATABASE_URL (of a superuser) and REDIS_URL in the environment replace the servers that are started here. pyproject.toml
does not name the settings, because pytest-django would load them before this module. It says how many processes share
the tests: they share the servers, too, each in a database of its own in both. `-n 0` runs all in one, for a debugger.
"""

# ruff: noqa: E402
from tests.guard import loopback

loopback.install()

import atexit
import contextlib
import functools
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
import django.conf
import pytest
from xdist.scheduler import LoadFileScheduling

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
from django.test import TransactionTestCase
from pytest_django.plugin import blocking_manager_key

from inflow.restores import highwater, stores

# A password costs a third of a second by design; a suite that logs in hundreds of times need not pay it.
django.conf.settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Each test client builds the middleware anew: static files are looked up when asked for, not all listed at each build.
django.conf.settings.WHITENOISE_AUTOREFRESH = True


@functools.cache
def _emptying() -> str:
    kept = ("auth_permission", "django_content_type")  # no test writes them
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    deletions = [f"DELETE FROM {connection.ops.quote_name(table)};" for table in tables if table not in kept]
    shipped = "INSERT INTO invoices_calendarrule SELECT * FROM shipped_calendarrule;"
    return "\n".join(["SET LOCAL session_replication_role = replica;", *deletions, shipped])


def _empty(_: TransactionTestCase) -> None:
    """Leaves the database as it was made, after a test with `transaction=True`. Django's own flush makes new files for
    each table and index, and then each content type, permission and calendar anew: half a second, where few tables have
    any rows. As a replica PostgreSQL asks neither the triggers that keep what is append-only nor the foreign keys."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_emptying())


TransactionTestCase._fixture_teardown = _empty  # type: ignore[attr-defined]

if "PYTEST_XDIST_WORKER" in os.environ:  # its database is a copy of what `_migrate_once` made
    connection.settings_dict["TEST"] |= {"TEMPLATE": f"test_{connection.settings_dict['NAME']}", "MIGRATE": False}


def _migrate_once(config: pytest.Config) -> None:
    """The migrations take seconds: they run in one database, of which each process gets a copy."""
    with config.stash[blocking_manager_key].unblock():
        made = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        connection.close()  # what is copied has nobody in it
    _servers.callback(connection.creation.destroy_test_db, made, verbosity=0)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE shipped_calendarrule AS TABLE invoices_calendarrule")


@pytest.fixture(autouse=True)
def _own_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that is rolled back takes the database's marks back, as a restored backup does: each test has marks of its
    own in Valkey."""
    monkeypatch.setattr(stores, "PREFIX", f"inflow:mark:{uuid.uuid4().hex}:")
    highwater.forget()


@pytest.fixture(scope="module")
def module_transaction(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """What the tests of a module have in common is written in it once: each test's own transaction begins inside, and
    is rolled back to where this one stood."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """pytest-django gives each process a database of its own in PostgreSQL; this does in Valkey."""
    url = urllib.parse.urlsplit(os.environ["REDIS_URL"])
    for number, spec in enumerate(specs, start=int(url.path.strip("/") or 0) + 1):
        spec.env["REDIS_URL"] = url._replace(path=f"/{number}").geturl()


def pytest_collection_finish() -> None:
    """What is there before the first test stays to the end: the garbage collector need not look through it."""
    gc.collect()
    gc.freeze()


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """The tests of a file stay in one process, and those of tests/faults all in the same: they share what they start,
    and while they wait for it the other process has the processors."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/faults" if file.startswith("tests/faults/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    _migrate_once(config)  # meanwhile the processes look for their tests: they get none before this returns
    return _Scheduling(config, log)


# What takes long, the longest first.
_LONG = (
    *("tests/faults/", "tests/browser/", "test_arabic", "test_matrix", "communications/test_faults", "test_histories"),
    *("test_forecast", "webhooks/test_sending", "by_machine"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that the processes end together."""

    def place(item: pytest.Item) -> int:
        return next((place for place, part in enumerate(_LONG) if part in item.nodeid), len(_LONG))

    items.sort(key=place)
