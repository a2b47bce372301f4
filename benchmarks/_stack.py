"""PostgreSQL, Valkey and Django for one benchmark, in a temporary folder."""

import base64
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from inflow.tryout.processes import owned
from inflow.tryout.servers import start_postgres, start_valkey


@contextlib.contextmanager
def stack() -> Iterator[Path]:
    """Start the servers and set the environment variables. As in production, PostgreSQL syncs to the disk."""
    data = Path(tempfile.mkdtemp(prefix="inflow-bench-"))
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "inflow.settings",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "TRY_OUT": "1",
        "BASE_URL": "http://127.0.0.1",
        "ALLOWED_HOSTS": "127.0.0.1",
        "EMAIL_URL": "memory://",
        "DEFAULT_FROM_EMAIL": "InFlow <no-reply@inflow.example>",
    }
    try:
        with owned(data), contextlib.ExitStack() as servers:
            valkey = start_valkey(data)
            servers.callback(valkey.stop)
            postgres = start_postgres(data)
            servers.callback(postgres.stop)
            os.environ |= {"REDIS_URL": valkey.url, "DATABASE_URL": postgres.url}

            import django
            from django.core.management import call_command
            from django.db import connection

            django.setup()
            call_command("migrate", verbosity=0, interactive=False)
            servers.callback(connection.close)
            yield data
    finally:
        shutil.rmtree(data, ignore_errors=True)
