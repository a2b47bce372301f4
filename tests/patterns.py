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
        if isinstance(node, ast.ListComp) and isinstance(node.generators[0].iter, ast.Tuple):
            for row in node.generators[0].iter.elts:  # rows that begin with a pattern, which the list compiles
                if isinstance(row, ast.Tuple) and any(map(_is_use, ast.walk(node.elt))):
                    yield _line(path, "compile", row.elts[0])
        elif isinstance(node, ast.Call) and _is_use(node.func) and node.args:
            assert isinstance(node.func, ast.Attribute)
            yield _line(path, node.func.attr, node.args[0])


def _line(path: Path, use: str, node: ast.expr) -> str:
    pattern = ast.unparse(node)
    digest = hashlib.sha256(pattern.encode()).hexdigest()[:10]
    return f"{path.relative_to(ROOT)} {use} {digest} {pattern[:60].encode('unicode_escape').decode()}"


def _is_use(node: ast.AST) -> bool:
    is_of_re = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "re"
    return is_of_re and isinstance(node, ast.Attribute) and node.attr in _USES


def reviewed() -> list[str]:
    return REVIEWED.read_text().splitlines()


if __name__ == "__main__":
    REVIEWED.write_text("\n".join(found()) + "\n")
