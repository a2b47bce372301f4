import dataclasses

import pytest

from inflow.accounts.models import Account
from tests import make
from tests.api.client import PLENTY, Caller, caller


@pytest.fixture
def account(db: None) -> Account:
    return make.account(requests_per_minute=PLENTY, requests_per_day=PLENTY)


@pytest.fixture
def api(account: Account) -> Caller:
    return caller(account)


def pytest_itemcollected(item: pytest.Item) -> None:
    """schemathesis makes a test of each operation, and pytest 9.1 gives them all one id: of tests with the same id,
    processes that share them would run one."""
    if operation := getattr(item, "operation_label", None):
        item._id = dataclasses.replace(item.id, params=operation)
