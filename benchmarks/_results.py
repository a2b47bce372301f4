"""The latest ratios of all benchmarks, in `benchmarks/results/latest.json`."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "results" / "latest.json"


class Failed(SystemExit):
    """A run had errors, so that its ratios would be meaningless."""


def record(found: dict[str, Any]) -> None:
    """Add ratios to those of the other benchmarks."""
    FILE.parent.mkdir(exist_ok=True)
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    FILE.write_text(json.dumps(known | found, indent=2) + "\n")
