"""The reviewed list of patterns of Python's `re`. `python -m tests.patterns` writes it anew.

A pattern of `re` can take quadratic or exponential time. Before one is added to the list: its input is bounded, or it
takes linear time whatever the text. Else use `re2`, or plain code.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REVIEWED = ROOT / "tests" / "patterns.txt"
_PACKAGES = ("inflow", "invoices", "communications", "webhooks")
_USES = ("compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer")


def found() -> list[str]:
    """Each use of `re` with its file, a digest of the pattern and its beginning."""
    return sorted({line for package in _PACKAGES for path in (ROOT / package).rglob("*.py") for line in _in_file(path)})


def _in_file(path: Path) -> Iterator[str]:
    if "migrations" in path.parts:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_use(node.func) and node.args:
            pattern = ast.unparse(node.args[0])
            digest = hashlib.sha256(pattern.encode()).hexdigest()[:10]
            yield f"{path.relative_to(ROOT)} {node.func.attr} {digest} {pattern[:60].encode('unicode_escape').decode()}"


def _is_use(function: ast.Attribute) -> bool:
    return isinstance(function.value, ast.Name) and function.value.id == "re" and function.attr in _USES


def reviewed() -> list[str]:
    return REVIEWED.read_text().splitlines()


if __name__ == "__main__":
    REVIEWED.write_text("\n".join(found()) + "\n")
