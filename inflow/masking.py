"""Masking of secrets in texts that are shown or logged: links to debtors' pages, API keys and webhook secrets.

The patterns take time linear in the length of the text, which may be of any size.
"""

import logging
import re
from typing import Any

from django.conf import settings

MASK = "•••"

# The rest of a link, also in JSON and HTML.
_REST = r"[^\s\"'<>\\^`{|}()\[\]&;]*+"
# JWTs have three parts. They occur in links to payment pages, which must stay intact.
_NO_JWT = r"(?!\.[A-Za-z0-9_-]{16})"
# Links from `communications.portal.links` with any host, and their tokens alone. Link scanners embed the encoded URL
# in their own (`%2Fp%2F`).
_LINK = re.compile(
    r"(/p/|%2[Ff]p%2[Ff])(?:unsubscribe(?:/|%2[Ff]))?[A-Za-z0-9_-]{28,}+\.[A-Za-z0-9_-]{43,}+" + _NO_JWT + _REST
)
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])(?<![A-Za-z0-9_-]\.)[A-Za-z0-9_-]{28,}+\.[A-Za-z0-9_-]{43,}+" + _NO_JWT)
# Links that set a password or accept an invitation, and the addresses at which providers report payments.
_SECRET_PATH = re.compile(r"(/admin/(?:reset/[0-9A-Za-z_-]++/|invitation/)|/hooks/payments/)[0-9A-Za-z_.-]{20,}+")
# Any token in a path, whatever its form.
_PATH_TOKEN = re.compile(r"(/p/(?:unsubscribe/)?|/admin/reset/[^/?\s]+/|/admin/invitation/|/hooks/payments/)[^/?\s]+")

# An API key, whole or truncated, also with encoded underscores.
_KEY = re.compile(r"inflow(?:_|%5f)(?:test(?:_|%5f))?[0-9a-z]{6,}+", re.IGNORECASE)
_WEBHOOK_SECRET = re.compile(r"whsec_[0-9A-Za-z+/=_-]{6,}+")
# A key without its prefix, or another secret: a long word that contains a digit. UUIDs in our paths contain hyphens and
# do not match.
_LONG = re.compile(r"(?<![0-9A-Za-z_+=])(?=[A-Za-z_+=]*+[0-9])[0-9A-Za-z_+=]{40,}+")


def mask_links(text: str) -> str:
    """Return `text`, which may be JSON or HTML, with each link to a debtor's page replaced by one to `/p/•••`."""
    if "/p/" in text:
        text = _own_link(settings.BASE_URL).sub(rf"\1{MASK}", text)
    return _TOKEN.sub(MASK, _LINK.sub(rf"\1{MASK}", text)) if "." in text else text


def may_hold_link(body: bytes) -> bool:
    """Return True if `body` may contain a link. A quick test, because most bodies have none."""
    return b"/p/" in body or b"2Fp%2" in body or b"2fp%2" in body


def mask_body(body: bytes) -> bytes:
    """Return `body`, which is in UTF-8, with its links masked."""
    return mask_links(body.decode()).encode() if may_hold_link(body) else body


def mask_keys(text: str) -> str:
    """Return `text` with API keys and webhook secrets masked."""
    return _WEBHOOK_SECRET.sub(f"whsec_{MASK}", _KEY.sub(f"inflow_{MASK}", text))


def mask_secrets(text: str) -> str:
    """Return text from a client, such as a path, with anything masked that may be a secret."""
    return _LONG.sub(MASK, mask_keys(text))


def holds_key(text: str) -> bool:
    return _KEY.search(text) is not None


class HideSecrets(logging.Filter):
    """Mask tokens in the arguments of log records, such as the paths that Django logs with each error."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            mask = mask_secrets if record.name.startswith("django.") else str
            record.args = tuple(
                mask(_PATH_TOKEN.sub(r"\1…", arg)) if isinstance(arg, str) else arg for arg in record.args
            )
        return True


def mask_log_line(logger: Any, name: str, line: str) -> str:
    """Mask keys and links in a rendered log line. The last processor of structlog."""
    return mask_links(_SECRET_PATH.sub(rf"\1{MASK}", mask_keys(line)))


def _own_link(base_url: str) -> re.Pattern[str]:
    """Return the pattern of any link that begins with our base URL. `re` caches it."""
    return re.compile(rf"({re.escape(base_url)}/p/){_REST}")
