"""`make run` as its user meets it: real processes, killed at will, on folders of their own."""

import contextlib
import http.client
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import dotenv
import psutil
import pytest

from inflow.tryout.processes import processes_of
from tests.faults.stack import Run, manage, wait_until


def test_it_answers_and_says_how_to_come_in(running: Run) -> None:
    assert running.answers()
    assert (running.data / "demo.txt").read_text().strip() in running.log.read_text()


def test_its_secrets_are_for_its_user_only(running: Run) -> None:
    for name in ("secrets.env", "run.env", "demo.txt", "postgres.log", "valkey.conf"):
        assert (running.data / name).stat().st_mode & 0o777 == 0o600, name
    assert (running.data / "postgres").stat().st_mode & 0o777 == 0o700


def test_no_secret_is_in_an_argument(running: Run) -> None:
    values = [value for value in dotenv.dotenv_values(running.data / "run.env").values() if value]
    passwords = [value.split("@")[0].split(":")[-1] for value in values if "@127" in value]
    secrets = [value for value in values if len(value) >= 44 and "://" not in value and "/" not in value]
    assert len(passwords) == 2
    assert len(secrets) == 2
    arguments = " ".join(" ".join(process.cmdline()) for process in processes_of(running.data))
    assert "celery" in arguments
    assert not [secret for secret in passwords + secrets if secret in arguments]


def test_manage_py_speaks_to_it(running: Run) -> None:
    done = manage(running.data, "migrate", "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_second_one_on_the_same_data_is_refused(running: Run) -> None:
    assert_one_line(Run(running.data), "already up")
    assert running.answers()


def test_a_web_server_that_is_killed_is_started_again(running: Run) -> None:
    def mains() -> list[psutil.Process]:
        found = []
        for process in processes_of(running.data):
            with contextlib.suppress(psutil.Error):  # it has just ended
                if "inflow.asgi:application" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return [process for process in found if process.parent() not in found]

    [killed] = mains()
    killed.kill()
    wait_until(lambda: bool(found := mains()) and killed not in found, 20)
    wait_until(lambda: _is_up(running), 60)
    assert running.process.poll() is None


def _is_up(run: Run) -> bool:
    try:
        return run.answers()
    except (OSError, http.client.HTTPException):
        return False


@pytest.mark.nightly
def test_it_starts_on_an_empty_folder(tmp_path: Path) -> None:
    run = Run(tmp_path / "var")
    try:
        assert run.ready().answers()
    finally:
        run.close()


@pytest.mark.nightly
def test_it_survives_every_end_with_its_data(running: Run, with_tables: Callable[[Path], Path], tmp_path: Path) -> None:
    data = with_tables(tmp_path / "var")
    run = Run(data).ready()
    try:
        assert run.answers()
        assert running.answers(), "two do not run side by side"
        credentials = (data / "demo.txt").read_text()
        with run.database() as database:
            database.execute("CREATE TABLE kept (n int)")

        run.process.kill()
        run.process.wait()
        wait_until(run.left_nothing, 15)
        refused = manage(data, "check")
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert "no `make run` is up" in refused.stderr

        run = Run(data).ready()
        run.process.kill()
        for process in processes_of(data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        run.process.wait()

        run = Run(data).ready()
        postmaster = int((data / "postgres" / "postmaster.pid").read_text().split("\n")[0])
        os.kill(postmaster, signal.SIGKILL)
        assert run.process.wait(20) == 1
        assert "inflow: PostgreSQL ended" in run.log.read_text()
        assert run.left_nothing()

        # Another program has that number by now.
        (data / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{data / 'postgres'}\n")
        run = Run(data).ready()
        with run.database() as database:
            database.execute("INSERT INTO kept VALUES (1)")
        assert (data / "demo.txt").read_text() == credentials

        began = time.monotonic()
        run.process.terminate()
        assert run.process.wait(20) == 0
        assert time.monotonic() - began < 15
        assert run.left_nothing()
        assert "Traceback" not in run.log.read_text()
    finally:
        run.close()


def test_a_first_start_that_is_killed_leaves_no_half_cluster(tmp_path: Path) -> None:
    data = tmp_path / "var"
    run = Run(data)
    wait_until((data / "postgres.new" / "base").exists, 20)
    run.process.kill()
    run.process.wait()
    assert not (data / "postgres").exists()
    run = Run(data)
    try:
        wait_until((data / "postgres" / "password").exists, 20)
        wait_until((data / "postgres" / "postmaster.pid").exists, 20)
    finally:
        run.close()
    assert run.process.returncode == 0, run.log.read_text()
    assert run.left_nothing()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "sqlite:///inflow.db"),
        ("DATABASE_URL", "postgres://inflow:hidden@127.0.0.1:1/inflow"),
        ("REDIS_URL", "redis://:hidden@127.0.0.1:1/0"),
        ("SECRET_KEY", "hidden"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_broken_variable_is_one_line(tmp_path: Path, name: str, value: str) -> None:
    assert_one_line(Run(tmp_path / "var", **{name: value}), name)


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert_one_line(Run(tmp_path / "var", PORT=port), f"port {port}: address already in use")


def assert_one_line(run: Run, reason: str) -> None:
    assert run.process.wait(60) == 1
    text = run.log.read_text()
    assert text.startswith("inflow: ")
    assert text.count("\n") == 1
    assert reason in text
    assert "hidden" not in text
