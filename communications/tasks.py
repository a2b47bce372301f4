from celery import shared_task
from django.utils import timezone

from communications.delivery import notices, sender
from communications.engine import clock
from communications.schedule import replanning


@shared_task  # type: ignore[untyped-decorator]
def reschedule() -> int:
    """Every minute: accounts whose hours, limits or calendar have changed get their messages rescheduled."""
    return replanning.run_requested()


@shared_task  # type: ignore[untyped-decorator]
def take_steps() -> int:
    """Every minute: invoices whose next step has come get it planned, or are handed to a person."""
    return clock.take_steps(timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def send_due() -> int:
    """Several times a minute: what is due goes through the gate and out."""
    return sender.send_due()


@shared_task  # type: ignore[untyped-decorator]
def notify_missing_channels() -> int:
    """Every hour; each account's admins hear of it once a day."""
    return notices.notify_missing_channels()


@shared_task  # type: ignore[untyped-decorator]
def notify_refusals() -> int:
    """Every ten minutes; each account's admins, and platform staff, hear of it once a day."""
    return notices.notify_refusals()
