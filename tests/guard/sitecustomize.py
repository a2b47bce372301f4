"""Python imports this by itself in every process that the tests start: this folder is on their PYTHONPATH."""

import loopback  # type: ignore[import-not-found]

loopback.install()
