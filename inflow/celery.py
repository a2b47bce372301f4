"""The Celery application: `celery -A inflow worker -Q webhooks`, `celery -A inflow beat`."""

import os
from typing import Any

import structlog
from celery import Celery, Task
from celery.signals import task_prerun
from django.db import close_old_connections
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inflow.settings")

app = Celery("inflow")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# CELERY_DB_REUSE_MAX would keep a connection that broke with the database for a thousand tasks more.
task_prerun.connect(close_old_connections)

log = structlog.get_logger(__name__)


def wake(task: Task, *args: Any) -> None:
    """Ask a worker to run `task` now. A broker that is away is logged, never raised: the sweep finds the row."""
    try:
        task.apply_async(args, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("broker_away", task=task.name, error=type(error).__name__)
