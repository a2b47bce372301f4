"""Whoever has a link has the page: no log line holds one. Read with the settings, before the models are there."""

import logging
import re

_TOKEN = re.compile(r"/p/(unsubscribe/)?[^/?\s]+")


class HideLinks(logging.Filter):
    """`/p/…` in place of the path that Django logs with each refusal."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_TOKEN.sub(r"/p/\1…", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True
