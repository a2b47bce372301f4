"""Python runs it at the start of each web server that is measured."""

import sys

# Only tools have it installed. Where it is, structlog would load it into each process: 3 MiB that production has not.
sys.modules["rich"] = None  # type: ignore[assignment]
