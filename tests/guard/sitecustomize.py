"""Python imports this by itself in every process that the tests start: this folder is on their PYTHONPATH."""

import sys

import loopback  # type: ignore[import-not-found]

sys.modules["tests.guard.loopback"] = loopback  # by either name the same guard, where both are imported
loopback.install()
