"""Run by Python at the start of each measured web server."""

import sys

# Hide packages that only development tools install. structlog, billiard, kombu and unfold would import them and use
# memory that production does not use.
for _name in ("brotli", "greenlet", "psutil", "pygments", "rich"):
    sys.modules[_name] = None  # type: ignore[assignment]
