"""Our code uses documented interfaces of Django, DRF, Celery, psycopg and the others: no underscore-names."""

import ast
import re
from collections.abc import Collection, Iterator

import pytest

from inflow.tryout.folder import ROOT

PACKAGES = ("inflow", "invoices", "communications", "webhooks", "benchmarks", "integrations")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PRIVATE = re.compile(r"_[^_].*")
# Documented in spite of their underscore.
DOCUMENTED = {
    "_meta": "Django's Model _meta API",
    "_state": "Django's Model instance reference, 'Other attributes'",
    "_default_manager": "Django's Managers, 'Default managers'",
    "_db": "Django's Managers, in a manager of one's own",
    "_exit": "Python's os",
    "_replace": "Python's namedtuple",
    "_asdict": "Python's namedtuple",
    "_fields": "Python's namedtuple",
}
# (file, name) and why there is no other way.
EXCEPTIONS: dict[tuple[str, str], str] = {}


def private_names(tree: ast.Module, siblings: Collection[str] = ()) -> Iterator[str]:
    """Yield the underscore-names that a module uses, in attributes and imports, and that neither it nor its siblings
    define."""
    own = {*siblings, *_defined(tree)}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        yield from (name for name in names if PRIVATE.fullmatch(name) and name not in own)


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            yield node.attr


def test_our_code_uses_no_private_names_of_others() -> None:
    assert len(FILES) > 200
    trees = {path: ast.parse(path.read_text()) for path in FILES}
    defined: dict[object, set[str]] = {}
    for path, tree in trees.items():
        defined.setdefault(path.parent, set()).update(_defined(tree))
    modules, found = {path.stem for path in FILES}, set()
    for path, tree in trees.items():
        names = set(private_names(tree, defined[path.parent])) - DOCUMENTED.keys() - modules
        found |= {(str(path.relative_to(ROOT)), name) for name in names}
    assert found == EXCEPTIONS.keys()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("response._container = []", ["_container"]),
        ("from psycopg._adapters import x\nfrom django.db.models import _y", ["_adapters", "_y"]),
        ("import psycopg._encodings", ["_encodings"]),
        ("class A:\n    def _f(self):\n        self._g = 1\n        return self._f() + self._g", []),
        ("class A(View):\n    def f(self):\n        return self._of_the_base()", ["_of_the_base"]),
        ("from __future__ import annotations\nmodel.__class__", []),
    ],
)
def test_private_names_are_found(source: str, names: list[str]) -> None:
    assert list(private_names(ast.parse(source))) == names
