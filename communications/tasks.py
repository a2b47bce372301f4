from celery import shared_task
from django.utils import timezone

from communications import clock, sender


@shared_task  # type: ignore[untyped-decorator]
def take_steps() -> int:
    """Every minute: invoices whose next step has come get it planned, or are handed to a person."""
    return clock.take_steps(timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def send_due() -> int:
    """Several times a minute: what is due goes through the gate and out."""
    return sender.send_due()
