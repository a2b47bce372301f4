from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from inflow.accounts.models import Account
from invoices.models import Invoice, Payment, TimelineEntry
from tests import make
from webhooks.models import Event


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


def everything(account: Account) -> dict[str, Any]:
    """All that a change of an invoice could leave behind."""
    return {
        kind.__name__: list(kind._default_manager.filter(account=account).order_by("pk").values())
        for kind in (Invoice, Payment, TimelineEntry, Event)
    }


@contextmanager
def nothing_happens(account: Account) -> Iterator[None]:
    before = everything(account)
    yield
    assert everything(account) == before
