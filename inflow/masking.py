"""Secrets in texts that are shown or logged: links to debtors' pages, API keys and webhook secrets.

The patterns are linear in the length of the text: a reply or a path may be of any size.
"""

import logging
import re
from typing import Any

from django.conf import settings

MASK = "•••"

# What a link holds up to its end; in JSON and in HTML too.
_REST = r"[^\s\"'<>\\^`{|}()\[\]&;]*+"
# A link under any host, also an older one of ours, and a token without its link. `communications.portal.links` makes
# them. A link scanner writes the address of a page within its own (`%2Fp%2F`).
_NO_JWT = r"(?!\.[A-Za-z0-9_-]{16})"  # of three parts: in a link to a payment page, which must stay whole
_LINK = re.compile(
    r"(/p/|%2[Ff]p%2[Ff])(?:unsubscribe(?:/|%2[Ff]))?[A-Za-z0-9_-]{28,}+\.[A-Za-z0-9_-]{43,}+" + _NO_JWT + _REST
)
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])(?<![A-Za-z0-9_-]\.)[A-Za-z0-9_-]{28,}+\.[A-Za-z0-9_-]{43,}+" + _NO_JWT)
# The mailed links that set a password, or accept an invitation.
_LOG_IN_LINK = re.compile(r"(/admin/(?:reset/[0-9A-Za-z_-]++/|invitation/))[0-9A-Za-z_.-]{20,}+")

# A key as a person would paste it, whole or cut off, and also with its underscores encoded.
_KEY = re.compile(r"inflow(?:_|%5f)(?:test(?:_|%5f))?[0-9a-z]{6,}+", re.IGNORECASE)
_WEBHOOK_SECRET = re.compile(r"whsec_[0-9A-Za-z+/=_-]{6,}+")
# A key without its beginning, or another secret: one has a digit. The ids of our paths have hyphens, so their parts are
# short.
_LONG = re.compile(r"(?<![0-9A-Za-z_+=])(?=[A-Za-z_+=]*+[0-9])[0-9A-Za-z_+=]{40,}+")


def mask_links(text: str) -> str:
    """Return `text` with each link to a debtor's page, or out of a channel, ending in `/p/•••`.

    It may be JSON or HTML.
    """
    if "/p/" in text:
        text = _own_link(settings.BASE_URL).sub(rf"\1{MASK}", text)
    return _TOKEN.sub(MASK, _LINK.sub(rf"\1{MASK}", text)) if "." in text else text


def may_hold_link(body: bytes) -> bool:
    """Return whether a body has to be looked through: most have no link."""
    return b"/p/" in body or b"2Fp%2" in body or b"2fp%2" in body


def mask_body(body: bytes) -> bytes:
    """Return a body in UTF-8 with its links masked."""
    return mask_links(body.decode()).encode() if may_hold_link(body) else body


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
    """Mask the keys and links in a rendered line of the log; the last processor of structlog."""
    return mask_links(_LOG_IN_LINK.sub(rf"\1{MASK}", mask_keys(line)))


def _own_link(base_url: str) -> re.Pattern[str]:
    """Return the pattern of a link that begins as ours do, whatever follows. `re` keeps what it has compiled."""
    return re.compile(rf"({re.escape(base_url)}/p/){_REST}")
