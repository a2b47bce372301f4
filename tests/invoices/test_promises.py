"""When a promise is kept: by money, less the credit that lowers what is asked of the debtor."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from communications.engine import clock
from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.debtors import parties
from invoices.models import Escalation, Invoice, Promise
from tests import make

pytestmark = pytest.mark.django_db
# A Monday, 10:30 in Dubai.
NOW = dt.datetime(2026, 3, 2, 6, 30, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def account() -> Account:
    """One that stands on its own clock."""
    made = make.account(is_test=True)
    clock.set_clock(made, NOW)
    return made


@pytest.fixture
def credit(account: Account) -> Invoice:
    """The invoice, not due for long, on which the debtor paid 600 too much."""
    paid = make.invoice(account, amount=10, due_in=90)
    lifecycle.record_payment(account, paid.pk, make.STAFF, amount=Decimal(610))
    return paid


def promised(account: Account, amount: int | None = None) -> Promise:
    """A promise for an invoice of 1,000."""
    invoice = make.overdue_invoice(account, amount=1_000)
    whole = None if amount is None else Decimal(amount)
    return lifecycle.promise(account, invoice.pk, make.STAFF, account.today() + 3 * DAY, amount=whole)


def pay(promise: Promise, amount: int) -> None:
    lifecycle.record_payment(promise.account, promise.invoice_id, make.STAFF, amount=Decimal(amount))


def became(promise: Promise) -> str:
    """What the promise is once its grace is over."""
    account = Account.objects.get(pk=promise.account_id)
    clock.set_clock(account, account.now() + 10 * DAY)
    promise.refresh_from_db()
    is_broken = Escalation.objects.filter(invoice=promise.invoice_id, reason="promise_broken").exists()
    assert is_broken == (promise.status == "broken")
    return promise.status


@pytest.mark.parametrize(("paid", "status"), [(400, "kept"), (399, "broken"), (0, "broken")])
def test_whoever_pays_what_is_asked_net_of_credit_keeps_the_promise(
    account: Account, credit: Invoice, paid: int, status: str
) -> None:
    promise = promised(account)
    if paid:
        pay(promise, paid)
    assert became(promise) == status


@pytest.mark.parametrize(("paid", "status"), [(0, "broken"), (300, "kept")])
def test_a_promise_of_less_than_what_is_asked_is_not_kept_by_credit(
    account: Account, credit: Invoice, paid: int, status: str
) -> None:
    promise = promised(account, 300)
    if paid:
        pay(promise, paid)
    assert became(promise) == status


def test_credit_that_was_applied_does_not_count_twice(account: Account, credit: Invoice) -> None:
    promise = promised(account)
    ledger.apply_credit(account, promise.invoice_id, make.STAFF, key=uuid.uuid4())
    assert became(promise) == "broken"


def test_one_credit_keeps_one_promise(account: Account, credit: Invoice) -> None:
    first, second = promised(account), promised(account)
    pay(first, 400)
    pay(second, 400)
    assert became(first) == "kept"
    second.refresh_from_db()
    assert second.status == "broken"


def test_two_promises_are_kept_by_what_is_asked_for_both(account: Account, credit: Invoice) -> None:
    first, second = promised(account), promised(account)
    pay(first, 1_400)
    assert became(first) == "kept"
    second.refresh_from_db()
    assert second.status == "kept"


def test_the_credit_of_several_parties_keeps_no_promise(account: Account, credit: Invoice) -> None:
    promise = promised(account)
    Invoice.objects.filter(pk=credit.pk).update(party=parties.of("Sara", "Beta Foods").key)
    pay(promise, 400)
    assert became(promise) == "broken"
