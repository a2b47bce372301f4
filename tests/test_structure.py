"""How the code is put together: see docs/architecture.md."""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import grimp

from inflow.celery import app
from inflow.tryout.folder import ROOT

PACKAGES = ("inflow", "invoices", "communications", "webhooks")
TASK = re.compile(r"\"((?:inflow\.)?\w+\.tasks\.\w+)\"")


def sources() -> Iterator[str]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            yield path.read_text(encoding="utf-8")


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_every_task_that_is_named_exists() -> None:
    app.loader.import_default_modules()
    named = {name for source in sources() for name in TASK.findall(source)}
    assert len(named) > 10
    assert named <= set(app.tasks)


def test_errors_are_in_the_errors_module_of_their_package() -> None:
    defined = re.compile(r"^class \w+\(\w*(?:Error|Exception)\)", re.MULTILINE)
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path.name != "errors.py"]
    assert [str(path) for path in paths if defined.search(path.read_text(encoding="utf-8"))] == []
