"""Real senders on the test's own database: the Celery worker, or bare processes that drain."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.cache import cache
from django.db import connection

from tests import make
from tests.receiver import Receiver
from webhooks import outbox, subscriptions

_DRAIN = """
import django
django.setup()
from webhooks.delivery.sending import deliver_due
print(flush=True)
input()
print(deliver_due())
"""
_CELERY = "celery --app inflow --quiet worker --loglevel ERROR --queues webhooks --concurrency 2"


def _environ() -> dict[str, str]:
    """The same database and the same keys as this process has."""
    database = str(connection.settings_dict["NAME"])
    url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}"))
    return os.environ | {"DATABASE_URL": url, "TRY_OUT": "1", "FIELD_KEYS": ",".join(settings.FIELD_KEYS)}


@contextlib.contextmanager
def celery() -> Iterator["subprocess.Popen[bytes]"]:
    """One worker of two processes, which has shown that it delivers."""
    process = subprocess.Popen(
        [sys.executable, "-m", *_CELERY.split(), "--without-gossip", "--without-mingle", "--without-heartbeat"],
        env=_environ(),
        start_new_session=True,
    )
    try:
        with Receiver() as receiver:
            subscription, _ = make.subscription(make.account("Warm Up"), receiver.url)
            cache.delete(outbox.WOKEN)
            subscriptions.send_test(subscription)
            receiver.wait_for(1, within_s=20)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


@contextlib.contextmanager
def drains(count: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes that have started and drain once a line is written to them; they print how many tries they made."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _DRAIN],
            env=_environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
