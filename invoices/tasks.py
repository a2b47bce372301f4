from celery import shared_task
from django.utils import timezone

from invoices import lifecycle


@shared_task  # type: ignore[untyped-decorator]
def age_invoices() -> int:
    """Every minute: what fell due becomes overdue, holds that ended end."""
    return lifecycle.age_due(timezone.now())
