import gc

# Little of what we make is a cycle: looking for some every 700 objects took a fifth of each process's start.
gc.set_threshold(50_000)

from inflow.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
