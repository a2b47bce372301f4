"""Python imports this by itself in every process that the tests start: this folder is on their PYTHONPATH."""

import sys

import loopback  # type: ignore[import-not-found]

sys.modules["tests.guard.loopback"] = loopback  # by either name the same guard, where both are imported
loopback.install()

# Only tools have it installed. Where it is, structlog would load it into each process; production's have none.
sys.modules["rich"] = None  # type: ignore[assignment]
