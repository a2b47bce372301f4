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
