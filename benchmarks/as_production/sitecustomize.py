"""Python runs it at the start of each web server that is measured."""

import sys

# Only tools have these installed. Where they are, structlog, billiard, kombu and unfold load them into each process:
# memory that production does not spend.
for _name in ("brotli", "greenlet", "psutil", "pygments", "rich"):
    sys.modules[_name] = None  # type: ignore[assignment]
