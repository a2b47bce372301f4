"""django-rest-hooks 1.5 as a peer: `python -m benchmarks._rest_hooks URL COUNT` with it on PYTHONPATH.

It is not in our lock files: run `pip install --no-deps --target DIR django-rest-hooks` and set BENCH_PEERS=DIR. Events
are sent with its raw_hook_event: one query for the user's hooks, then three threads; no signature, retry or record.
"""

import sys
import time
from importlib import import_module
from typing import Any


def main(url: str, count: int, body: str) -> None:
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.dispatch import Signal

    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_hooks"],
        HOOK_EVENTS={"invoice.created": None},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    # Its signals are created with an argument that Django 4 removed.
    made: Any = Signal.__init__
    Signal.__init__ = lambda self, providing_args=None, **named: made(self, **named)  # type: ignore[method-assign]
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)

    from django.contrib.auth.models import User

    Hook: Any = import_module("rest_hooks.models").Hook
    raw_hook_event: Any = import_module("rest_hooks.signals").raw_hook_event
    user = User.objects.create_user("peer")
    Hook.objects.create(user=user, event="invoice.created", target=url)
    payload = {"notes": body}
    began = time.monotonic()
    for _ in range(count):
        raw_hook_event.send(sender=None, event_name="invoice.created", payload=payload, user=user)
    sys.stdout.write(f"{began}\n")
    sys.stdout.flush()
    # Its threads are not daemons: the process ends after they have sent everything.


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), "x" * 520)
