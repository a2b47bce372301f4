"""`benchmarks/results/latest.json`: the ratios that were measured last, by every benchmark that has some."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "results" / "latest.json"


class Failed(SystemExit):
    """A run with errors in it has no ratios."""


def record(found: dict[str, Any]) -> None:
    """Put these beside what the other benchmarks found."""
    FILE.parent.mkdir(exist_ok=True)
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    FILE.write_text(json.dumps(known | found, indent=2) + "\n")
