"""The account's events by their numbers, so that a consumer can prove that it missed none."""

from inflow.accounts.models import Account
from webhooks.models import Event, EventCounter


def last_forgotten(account: Account) -> int:
    """The highest number that is no longer kept; 0 while all are. What is kept has no gap (retention)."""
    oldest = Event.objects.for_account(account).order_by("seq").values_list("seq", flat=True).first()
    if oldest is not None:
        return int(oldest) - 1
    counter = EventCounter.objects.filter(account=account).first()
    return counter.seq if counter else 0
