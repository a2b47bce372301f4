"""A refusal leaves nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from communications.models import Address, Answer, Communication, ConsentEntry, Reply
from inflow.accounts.models import Account
from invoices.models import Allocation, CreditNote, Debtor, Invoice, Receipt, Reversal, TimelineEntry
from webhooks.models import Delivery, Event, Subscription

_OWNED = [
    model._meta.db_table
    for model in (
        *(Debtor, Invoice, Receipt, Reversal, Allocation, TimelineEntry, Communication, Event, Delivery, Subscription),
        *(Answer, Address, ConsentEntry, Reply, CreditNote),
    )
]
# One statement for all of them: the tests ask a thousand times.
_ROWS = " UNION ALL ".join(
    f"SELECT '{table}', row_to_json(owned)::text FROM {table} owned WHERE account_id = %(account)s" for table in _OWNED
)


@contextmanager
def nothing_happens(account: Account) -> Iterator[None]:
    """Every row that a verb could write is the same at the end of the block."""
    before = _rows_of(account)
    yield
    assert _rows_of(account) == before


def _rows_of(account: Account) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_ROWS} ORDER BY 1, 2", {"account": account.pk})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
