from celery import shared_task
from django.utils import timezone

from invoices import lifecycle


@shared_task  # type: ignore[untyped-decorator]
def age_invoices() -> int:
    """Every minute: what fell due becomes overdue, holds that ended end."""
    return lifecycle.age_due(timezone.now())


@shared_task  # type: ignore[untyped-decorator]
def check_derivation() -> int:
    """Every night: what is stored is what is derived, or it is logged as an error."""
    return lifecycle.count_underived()
