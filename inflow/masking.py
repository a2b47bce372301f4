"""Secrets in texts that are shown or logged: links to debtors' pages, API keys and webhook secrets.

The patterns are linear in the length of the text: a reply or a path may be of any size.
"""

import logging
import re
from typing import Any

from django.conf import settings

MASK = "•••"

# The tokens of `communications.links`, also below an older address and within the address of a link scanner.
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{28,}+\.[A-Za-z0-9_-]{43,}+")
# What may follow our own address in a link, up to the end of the link.
_REST = r"[^\s\"'<>\\^`{|}()\[\]]++"

# A key as a person would paste it, whole or cut off, and also with its underscores encoded.
_KEY = re.compile(r"inflow(?:_|%5f)(?:test(?:_|%5f))?[0-9a-z]{6,}+", re.IGNORECASE)
_WEBHOOK_SECRET = re.compile(r"whsec_[0-9A-Za-z+/=_-]{6,}+")
# A key without its beginning, or another secret. The ids of our paths have hyphens: their parts are short.
_LONG = re.compile(r"[0-9A-Za-z_+=]{40,}+")


def mask_links(text: str) -> str:
    """Return `text` with each link to a debtor's page, or out of a channel, ending in `/p/•••`."""
    if "/p/" in text:
        text = _links_of(settings.BASE_URL).sub(rf"\1{MASK}", text)
    return _TOKEN.sub(MASK, text) if "." in text else text


def mask_links_in(data: Any) -> Any:
    """Return JSON data with the links in all its strings masked."""
    if isinstance(data, str):
        return mask_links(data)
    if isinstance(data, dict):
        return {name: mask_links_in(value) for name, value in data.items()}
    return [mask_links_in(value) for value in data] if isinstance(data, list) else data


def mask_keys(text: str) -> str:
    """Return `text` without API keys and webhook secrets."""
    return _WEBHOOK_SECRET.sub(f"whsec_{MASK}", _KEY.sub(f"inflow_{MASK}", text))


def mask_secrets(text: str) -> str:
    """Return words that a caller sent, such as a path, without anything that may be a secret."""
    return _LONG.sub(MASK, mask_keys(text))


def holds_key(text: str) -> bool:
    return _KEY.search(text) is not None


class HidePaths(logging.Filter):
    """Mask what may be a secret in the paths that Django logs with each refusal."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.") and isinstance(record.args, tuple):
            record.args = tuple(mask_secrets(arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


def mask_log_line(logger: Any, name: str, line: str) -> str:
    """Mask the keys in a rendered line of the log; the last processor of structlog."""
    return mask_keys(line)


def _links_of(base_url: str) -> re.Pattern[str]:
    """`re` keeps what it has compiled."""
    return re.compile(rf"({re.escape(base_url)}/p/){_REST}")
