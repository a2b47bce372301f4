"""A log filter that hides tokens in URLs. It is imported by the settings, before the models are loaded."""

import logging
import re

_TOKEN = re.compile(r"(/p/(?:unsubscribe/)?|/admin/reset/[^/?\s]+/|/admin/invitation/)[^/?\s]+")


class HideLinks(logging.Filter):
    """Replace the tokens in paths such as `/p/…` and `/admin/reset/…`, which Django logs with each error."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_TOKEN.sub(r"\1…", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True
