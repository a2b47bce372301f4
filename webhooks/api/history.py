"""Events of an account by number, so that a consumer can verify that it has missed none."""

from typing import Any

from django.db.models import QuerySet, Subquery
from django.db.models.functions import Coalesce

from inflow.accounts.models import Account
from webhooks.models import Event, EventCounter


def retained(account: Account) -> QuerySet[Any]:
    """Return the stored events since the last gap."""
    kept_from = EventCounter.objects.filter(account=account).values("kept_from")
    return Event.objects.for_account(account).filter(seq__gte=Coalesce(Subquery(kept_from), 0))


def last_deleted(account: Account) -> int:
    """Return the highest number that is no longer stored, or 0 if all events are."""
    oldest = retained(account).order_by("seq").values_list("seq", flat=True).first()
    if oldest is not None:
        return int(oldest) - 1
    counter = EventCounter.objects.filter(account=account).first()
    return counter.seq if counter else 0
