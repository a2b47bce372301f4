"""Whoever has a link has the page, or the log-in: no log line holds one. Read with the settings, before
the models are there."""

import logging
import re

_TOKEN = re.compile(r"(/p/(?:unsubscribe/)?|/admin/reset/[^/?\s]+/|/admin/invitation/)[^/?\s]+")


class HideLinks(logging.Filter):
    """`/p/…`, `/admin/reset/…`, `/admin/invitation/…` in place of the path that Django logs with each refusal."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_TOKEN.sub(r"\1…", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True
