"""The Celery application: `celery -A inflow worker -Q webhooks`, `celery -A inflow beat`."""

import os
import time
from typing import Any

import structlog
from celery import Celery, Task
from celery.signals import task_prerun, task_revoked
from django.db import close_old_connections, connection
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inflow.settings")

LOGGED_EVERY_S = 60.0


class ClockedTask(Task):  # type: ignore[misc]
    """A task that does nothing while the worker's clock is wrong (docs/decisions/0037). A sweep repeats it later."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from inflow.restores import walltime  # imports models

        return super().__call__(*args, **kwargs) if walltime.is_right() else None


app = Celery("inflow", task_cls=ClockedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect  # type: ignore[untyped-decorator]
def _check_connection(**_: Any) -> None:
    """Replace a connection that PostgreSQL closed. CELERY_DB_REUSE_MAX would keep it for up to a thousand tasks."""
    from inflow.sql import close_dead_connection  # needs Django's settings

    close_old_connections()
    if not connection.in_atomic_block:
        close_dead_connection()


log = structlog.get_logger(__name__)
_logged_at = -LOGGED_EVERY_S


@task_revoked.connect  # type: ignore[untyped-decorator]
def _log_expired(sender: Task, expired: bool, **_: Any) -> None:
    """Log tasks that Celery drops silently because they waited too long, or because a clock differs."""
    global _logged_at
    if expired and time.monotonic() - _logged_at >= LOGGED_EVERY_S:
        _logged_at = time.monotonic()
        log.warning("task_expired", task=sender.name)


def wake(task: str, *args: Any) -> None:
    """Have a worker run the task with this name. If the broker is unavailable, log that: a sweep will find the work.

    Tasks are named instead of imported to avoid import cycles.
    """
    try:
        app.send_task(task, args, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("broker_unavailable", task=task, error=type(error).__name__)
