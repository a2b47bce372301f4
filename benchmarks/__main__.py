"""`python -m benchmarks [name …] [--quick]`: the measured claims of the README, each beside its peers."""

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ON_DEMAND = {"growth", "instructions", "pretix"}  # a million rows take minutes, pretix an environment of its own


def main() -> int:
    names = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *names], metavar="name", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: shows that it runs")
    given = parser.parse_args()
    chosen = given.names or [name for name in names if name not in ON_DEMAND]
    if len(chosen) == 1:
        importlib.import_module(f"benchmarks.{chosen[0]}").run(quick=given.quick)
        return 0
    # Each has servers of its own, and a process holds the settings of one.
    options = ["--quick"] if given.quick else []
    return max(subprocess.run([sys.executable, "-m", "benchmarks", name, *options]).returncode for name in chosen)


if __name__ == "__main__":
    sys.exit(main())
