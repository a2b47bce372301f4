"""Differences from the books are corrected one by one, each by one change that names its reason."""

import datetime as dt
from decimal import Decimal

import pytest

from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.errors import NotFound, Refused
from invoices.models import Difference, Invoice, Receipt, TimelineEntry
from invoices.reconciliation import comparing, correcting
from invoices.reconciliation.comparing import Item
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.invoice(account, amount=1000, currency="AED")


def compare(account: Account, *items: Item) -> Difference:
    """Return the only difference from a list that is complete in AED."""
    _, (difference,) = comparing.record(
        account, items, make.STAFF, source="upload", as_of=account.now(), complete=["AED"], file_name="open.csv"
    )
    return difference


def item(invoice: Invoice, balance: int = 1000, due_date: dt.date | None = None) -> Item:
    return Item(invoice.invoice_number, "AED", Decimal(balance), due_date)


def test_what_is_closed_in_the_books_is_paid_here(account: Account, invoice: Invoice) -> None:
    difference = compare(account)
    assert correcting.correct(account, difference.pk, make.STAFF).status == "paid"
    receipt = Receipt.objects.get()
    assert (receipt.amount, receipt.method, receipt.paid_at) == (Decimal(1000), "books", account.today())
    entry = TimelineEntry.objects.get(invoice=invoice, kind="payment_recorded")
    assert entry.reason == f"As in the books on {account.today()}."
    difference.refresh_from_db()
    assert (difference.status, difference.handled_by) == ("mended", make.STAFF.name)


def test_a_lower_balance_in_the_books_is_a_payment_of_the_rest(account: Account, invoice: Invoice) -> None:
    difference = compare(account, item(invoice, 400))
    assert correcting.correct(account, difference.pk, make.STAFF).balance == 400
    assert Receipt.objects.get().amount == 600


def test_a_higher_balance_in_the_books_is_for_a_person(account: Account, invoice: Invoice) -> None:
    ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(300))
    difference = compare(account, item(invoice))
    with pytest.raises(Refused, match=r"AED 1,000\.00 is owed in the books and AED 700\.00 here"):
        correcting.correct(account, difference.pk, make.STAFF)
    difference.refresh_from_db()
    assert difference.status == "open"


def test_another_due_date_is_taken_over(account: Account, invoice: Invoice) -> None:
    due = invoice.due_date + dt.timedelta(days=3)
    difference = compare(account, item(invoice, due_date=due))
    assert correcting.correct(account, difference.pk, make.STAFF).due_date == due
    assert TimelineEntry.objects.get(invoice=invoice, kind="changed").reason.startswith("As in the books on ")


def test_an_invoice_that_changed_since_is_left_alone(account: Account, invoice: Invoice) -> None:
    difference = compare(account)
    ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(1))
    with pytest.raises(Refused, match="has changed since"):
        correcting.correct(account, difference.pk, make.STAFF)
    assert Receipt.objects.count() == 1


def test_a_difference_is_handled_once(account: Account, invoice: Invoice) -> None:
    difference = compare(account)
    correcting.dismiss(account, difference.pk, make.STAFF)
    for act in (correcting.correct, correcting.dismiss):
        with pytest.raises(Refused, match="already been handled"):
            act(account, difference.pk, make.STAFF)
    assert make.again(invoice).status == "new"


def test_a_missing_invoice_is_registered_by_a_person(account: Account) -> None:
    difference = compare(account, Item("ELSEWHERE-1", "AED", Decimal(5)))
    with pytest.raises(Refused, match="Only a person"):
        correcting.correct(account, difference.pk, make.STAFF)
    assert not Invoice.objects.exists()


def test_another_accounts_difference_does_not_exist(account: Account, invoice: Invoice) -> None:
    difference = compare(account)
    with pytest.raises(NotFound):
        correcting.correct(make.account(), difference.pk, make.STAFF)


def test_more_than_a_twentieth_of_the_open_invoices_are_many(account: Account) -> None:
    for _ in range(40):
        make.invoice(account)
    assert not correcting.are_many(account, 2)
    assert correcting.are_many(account, 3)
    lifecycle.change(account, Invoice.objects.first().pk, make.STAFF, status="cancelled")  # type: ignore[union-attr]
    assert correcting.are_many(account, 2)
