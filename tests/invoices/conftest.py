import pytest

from inflow.accounts.models import Account
from tests import make


@pytest.fixture
def account(db: None) -> Account:
    return make.account()
