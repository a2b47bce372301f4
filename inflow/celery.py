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
    """A task that does nothing while the worker's clock is wrong (docs/decisions/0037). A sweep offers its work again.

    A worker that is ahead would, among others, mail links that are good for days too long.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from inflow.restores import walltime  # has models

        return super().__call__(*args, **kwargs) if walltime.is_right() else None


app = Celery("inflow", task_cls=ClockedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect  # type: ignore[untyped-decorator]
def _check_connection(**_: Any) -> None:
    """Replace a connection that PostgreSQL ended: CELERY_DB_REUSE_MAX would keep it for a thousand tasks more."""
    from inflow.sql import close_dead_connection  # needs Django's settings

    close_old_connections()
    if not connection.in_atomic_block:
        close_dead_connection()


log = structlog.get_logger(__name__)
_logged_at = -LOGGED_EVERY_S


@task_revoked.connect  # type: ignore[untyped-decorator]
def _log_expired(sender: Task, expired: bool, **_: Any) -> None:
    """Log what Celery drops silently: tasks that waited too long, and those that a clock which is behind has sent."""
    global _logged_at
    if expired and time.monotonic() - _logged_at >= LOGGED_EVERY_S:
        _logged_at = time.monotonic()
        log.warning("task_expired", task=sender.name)


def wake(task: str, *args: Any) -> None:
    """Have a worker run the task of this name now. If the broker is unavailable, log it: a sweep will find the row.

    Tasks are woken by name, so that code never imports the module of a task that imports it.
    """
    try:
        app.send_task(task, args, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("broker_away", task=task, error=type(error).__name__)
