from celery import shared_task

from webhooks import sending


@shared_task  # type: ignore[untyped-decorator]
def deliver_due() -> int:
    """Woken after each commit that wrote deliveries, and every few seconds for retries and lost wake-ups."""
    return sending.deliver_due()
