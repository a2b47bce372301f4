from celery import shared_task

from communications import sender


@shared_task  # type: ignore[untyped-decorator]
def send_due() -> int:
    """Several times a minute: what is due goes through the gate and out."""
    return sender.send_due()
