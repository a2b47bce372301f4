"""A refusal leaves nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from communications.models import Answer, Communication, ConsentEntry, Contact, Reply
from inflow.accounts.models import Account
from invoices.models import Debtor, Invoice, Payment, TimelineEntry
from webhooks.models import Delivery, Event, Subscription


@contextmanager
def nothing_happens(account: Account) -> Iterator[None]:
    """Every row that a verb could write is the same at the end of the block."""
    before = _rows_of(account)
    yield
    assert _rows_of(account) == before


def _rows_of(account: Account) -> dict[str, Any]:
    return {
        model.__name__: list(model._default_manager.filter(account=account).order_by("pk").values())
        for model in (
            *(Debtor, Invoice, Payment, TimelineEntry, Communication, Event, Delivery, Subscription),
            *(Answer, Contact, ConsentEntry, Reply),
        )
    }
