"""Plain English in the code: the mechanical part of how we write (CONTRIBUTING.md)."""

import ast
import re
from collections.abc import Iterator

import pytest

from inflow.tryout.folder import ROOT

FILES = [
    path
    for package in ("inflow", "invoices", "communications", "webhooks")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts
]
# A docstring begins with a verb or a noun.
FRONTED = re.compile(r"(What|Who|Whose|Whom|Whoever|Whether|Which|Where|How|Of)\b")
# Names of a private dialect, each with its plain successor.
BANNED = {
    "aftermath": "status_updates",
    "by_hand": "manual",
    "courtesies": "optional",
    "rehearsal": "sandbox",
    "look_ahead": "a query where it is needed",
    "is_being_written": "draft.batch",
    "Ways": "Transports",
    "Away": "Unavailable",
    "Told": "AttemptResult",
    "find_or_make": "get_or_create",
    "open_by_hand": "open_manually",
    "raise_further": "escalate",
    "note_answer": "record_reply",
    "tell_answer": "log_reply",
    "tell_admins": "notify_admins",
    "BadPhone": "InvalidPhone",
    "Unasked": "StaleConnection",
    "taking_in": "loading",
    "refuse_at_sight": "check_upload",
    "enters_anew": "restarts",
}


def documented(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the docstring of a module, its classes and functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for path in FILES
        for line, text in documented(ast.parse(path.read_text(encoding="utf-8")))
        if FRONTED.match(text)
    ]
    assert found == []


@pytest.mark.parametrize("name", BANNED)
def test_names_of_the_old_dialect_do_not_come_back(name: str) -> None:
    word = re.compile(rf"\b{name}\b")
    found = [str(path.relative_to(ROOT)) for path in FILES if word.search(path.read_text(encoding="utf-8"))]
    assert found == [], f"use {BANNED[name]}"
