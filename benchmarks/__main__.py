"""Run benchmarks: `python -m benchmarks [name …] [--quick]`. Each compares InFlow with its peers."""

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Only run by name: many rows take minutes, and pretix needs its own environment.
ON_DEMAND = {"growth", "imports", "instructions", "pretix"}


def main() -> int:
    names = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *names], metavar="name", help=f"of {', '.join(names)}")
    parser.add_argument(
        "--quick", action="store_true", help="take seconds instead of minutes; only checks that it runs"
    )
    options = parser.parse_args()
    chosen = options.names or [name for name in names if name not in ON_DEMAND]
    if len(chosen) == 1:
        importlib.import_module(f"benchmarks.{chosen[0]}").run(quick=options.quick)
        return 0
    # Each benchmark has its own servers, and a process can only have one set of settings.
    flags = ["--quick"] if options.quick else []
    return max(subprocess.run([sys.executable, "-m", "benchmarks", name, *flags]).returncode for name in chosen)


if __name__ == "__main__":
    sys.exit(main())
