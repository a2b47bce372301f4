import gc

# Few objects are part of reference cycles. The default threshold of 700 took a fifth of each process's start-up time.
gc.set_threshold(50_000)

from inflow.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
