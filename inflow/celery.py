"""The Celery application: `celery -A inflow worker -Q webhooks`, `celery -A inflow beat`."""

import os
from typing import Any

import structlog
from celery import Celery
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


def wake(task: str, *args: Any) -> None:
    """Have a worker run the task of this name now. If the broker is unavailable, log it: a sweep will find the row.

    Tasks are woken by name, so that code never imports the module of a task that imports it.
    """
    try:
        app.send_task(task, args, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("broker_away", task=task, error=type(error).__name__)
