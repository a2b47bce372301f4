"""What is remembered of query strings is bounded in bytes, not only in number."""

import pytest

from inflow.accounts.models import Account
from inflow.api import fields, pagination
from tests import make
from tests.api.client import PLENTY, caller


@pytest.fixture
def account(db: None) -> Account:
    return make.account(requests_per_minute=PLENTY, requests_per_day=PLENTY)


def test_a_long_query_or_cursor_is_not_remembered(account: Account) -> None:
    api = caller(account)
    for number in range(3):
        make.invoice(account, invoice_number=f"C-{number}", debtor_email=f"c{number}@example.com")
    first = api.get("invoices?limit=1")
    assert first.next
    fields._read_once.cache_clear()
    pagination._read_once.cache_clear()
    assert api.get("invoices?limit=1&q=" + "a" * 5_000).status in (200, 422)
    assert api.get("invoices?limit=1&cursor=" + "a" * 1_900).status == 400
    caches = (fields._read_once, pagination._read_once)
    assert [cache.cache_info().currsize for cache in caches] == [0, 0]
    assert api.get(first.next).json[0]["invoice_number"] == "C-1"
    assert api.get(first.next).json[0]["invoice_number"] == "C-1"
    assert all(cache.cache_info().hits for cache in caches)
