"""Celery tasks of the notifications. `inflow.settings` has their schedule."""

from celery import shared_task

from inflow.notifications import digest, mailing


@shared_task  # type: ignore[untyped-decorator]
def send_due() -> int:
    """Send due notifications."""
    return mailing.send_due()


@shared_task  # type: ignore[untyped-decorator]
def queue_digests() -> int:
    """Queue due digests."""
    return digest.queue_due()
