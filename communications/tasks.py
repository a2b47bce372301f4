from celery import shared_task
from django.utils import timezone

from communications.delivery import notices, sender
from communications.engine import clock
from communications.schedule import monthly, replanning


@shared_task  # type: ignore[untyped-decorator]
def reschedule() -> int:
    """Reschedule the messages of accounts whose hours, limits or calendar have changed. Runs every minute."""
    return replanning.run_requested()


@shared_task  # type: ignore[untyped-decorator]
def take_steps() -> int:
    """Plan or take the due steps of all invoices, and plan the due monthly statements. Runs every minute."""
    now = timezone.now()
    return clock.take_steps(now) + monthly.plan_due(now)


@shared_task  # type: ignore[untyped-decorator]
def send_due() -> int:
    """Send the due messages. Runs several times a minute."""
    return sender.send_due()


@shared_task  # type: ignore[untyped-decorator]
def notify_missing_channels() -> int:
    """Notify admins about channels that are not set up, at most once a day. Runs every hour."""
    return notices.notify_missing_channels()


@shared_task  # type: ignore[untyped-decorator]
def notify_refusals() -> int:
    """Notify admins and platform staff about refused messages, at most once a day. Runs every ten minutes."""
    return notices.notify_refusals()


@shared_task  # type: ignore[untyped-decorator]
def notify_failed_fetches() -> int:
    """Notify admins about scheduled fetches that fail, once until one succeeds. Runs every ten minutes."""
    return notices.notify_failed_fetches()
