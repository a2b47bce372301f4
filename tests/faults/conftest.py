"""One `make run` for all tests that leave it as it is: they run in one process, see tests/conftest.py."""

from collections.abc import Iterator

import pytest

from tests.faults.stack import Run


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Started for the first time, on an empty folder."""
    run = Run(tmp_path_factory.mktemp("run") / "var")
    try:
        yield run.ready()
    finally:
        run.close()
