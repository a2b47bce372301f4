"""Files, names, make targets and variables that the docs name in backticks exist."""

import re
from functools import cache
from pathlib import Path

import pytest

from inflow.tryout.folder import ROOT
from webhooks.models import ANY_EVENT

PACKAGES = ("inflow", "invoices", "communications", "webhooks", "templates", "tests", "benchmarks", "docs", "locale")
# These two describe older versions, whose names may be gone.
HISTORY = {"CHANGELOG.md", "UPGRADING.md"}
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks/README.md")
    if page.name not in HISTORY
)
EXTENSIONS = "py|md|toml|txt|csv|tsv|json|html|yaml|css|js|po"
EVENTS = {event for event, _ in ANY_EVENT}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@cache
def files() -> dict[str, str]:
    """Return the text of each file of ours, by its path. Built files and caches are left out."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    found += [path for path in ROOT.iterdir() if path.is_file()]
    kept = [path for path in found if not {"node_modules", "__pycache__"} & set(path.parts)]
    return {str(path.relative_to(ROOT)): _text(path) for path in kept}


def _text(path: Path) -> str:
    is_text = re.search(rf"\.({EXTENSIONS}|example)$", path.name) or path.name in ("Makefile", "Procfile")
    return path.read_text(encoding="utf-8") if is_text else ""


@cache
def source() -> str:
    """Return all our code, without the docs and this file."""
    this = str(Path(__file__).relative_to(ROOT))
    return "\n".join(text for path, text in files().items() if path != this and not path.endswith(".md"))


def quoted(page: Path) -> list[str]:
    """Return the words in backticks outside code blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def is_file(name: str) -> bool:
    """Return True if the name is that of a file or folder, from the root or the end of a path."""
    pattern = re.escape(name.rstrip("/")).replace(r"\*", "[^/]*")
    pattern = re.sub(r"<\w+>|\\\[\\?\.<\w+>\\\]", ".*", pattern)
    return any(re.search(rf"(^|/){pattern}(/|$)", path) for path in files())


def exists(word: str) -> bool:
    """Return False if the word looks like a reference to something of ours that is not there."""
    if re.fullmatch(rf"[\w.<>\[\]*-][\w./<>\[\]*-]*\.({EXTENSIONS})", word):
        return is_file(word)
    if re.fullmatch(rf"({'|'.join(PACKAGES)})(/[\w.<>*-]+)*/?", word):
        return is_file(word)
    if target := re.match(r"make ([a-z-]+)\b", word):
        return target[1] in TARGETS
    if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", word):
        return re.search(rf"\b{word}\b", source()) is not None
    if (dotted := re.fullmatch(r"([a-z_]+(?:\.[a-z_]+)*)\.(\w+)(\([^{]*\))?", word)) and word not in EVENTS:
        module = dotted[1].replace(".", "/")
        if is_file(f"{module}.py") or is_file(f"{module}/__init__.py"):
            return is_file(f"{module}/{dotted[2]}.py") or is_defined(dotted[2])
        return re.search(rf"\b{re.escape(dotted[1])}\b", source()) is not None
    return True


def is_defined(name: str) -> bool:
    return re.search(rf"\b(def|class) {name}\b|^\s*{name}(: [^=\n]+)? = ", source(), re.MULTILINE) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_the_docs_name_exists(page: Path) -> None:
    assert [word for word in quoted(page) if not exists(word)] == []


@pytest.mark.parametrize(
    "word",
    [
        "invoices/nowhere.py",
        "inflow/nowhere/",
        "make nothing",
        "NO_SUCH_SETTING",
        "lifecycle.vanish",
        "invoices.lifecycle.vanish",
        "nomodule.vanish",
    ],
)
def test_a_reference_to_nothing_is_found(word: str) -> None:
    assert not exists(word)
