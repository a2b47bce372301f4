"""The variables that settings.py reads, for the tests and for tools.

`python -m tests.environment mypy .` runs a tool under production's settings: those of .env.example, with fresh secrets.
"""

import base64
import os
import re
import secrets
import sys
from pathlib import Path

import dotenv

EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"
NAMES = re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)


def production() -> dict[str, str]:
    example = dotenv.dotenv_values(EXAMPLE, interpolate=False)
    return {name: value or "" for name, value in example.items()} | _secrets()


def testing() -> dict[str, str]:
    """Without DATABASE_URL and REDIS_URL: conftest starts those servers."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "BASE_URL": "http://testserver",
        "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
        "HTTPS": "0",
        "STAFF_TWO_STEPS": "0",
        "EMAIL_URL": "memory://",
        "DEFAULT_FROM_EMAIL": "InFlow <no-reply@inflow.example>",
    } | _secrets()


def _secrets() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
    }


if __name__ == "__main__":
    os.execvpe(sys.argv[1], sys.argv[1:], os.environ | production())  # noqa: S606
