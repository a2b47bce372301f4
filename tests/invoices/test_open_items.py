"""Differences from the books are corrected one by one, each by one change that names its reason."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from django.utils import timezone

from communications.delivery import safeguards
from communications.models import CollectionSettings
from inflow.accounts.models import Account
from invoices import credit_notes, ledger, lifecycle
from invoices.errors import NotFound, Refused
from invoices.imports.errors import UnreadableFile
from invoices.models import Difference, Invoice, Receipt, TimelineEntry
from invoices.reconciliation import comparing, correcting, reading
from invoices.reconciliation.comparing import Item
from tests import make

pytestmark = pytest.mark.django_db
A_DAY = dt.timedelta(days=1)


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.invoice(account, amount=1000, currency="AED")


def compare(account: Account, *items: Item) -> Difference:
    """Return the only difference from a list that is complete in AED."""
    stored, _found = comparing.record(
        account, items, make.STAFF, source="upload", as_of=account.now(), complete=["AED"], file_name="open.csv"
    )
    return Difference.objects.get(list=stored)


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


def test_a_test_account_compares_by_its_own_clock() -> None:
    account = make.account(is_test=True)
    account.clock = dt.datetime(2026, 2, 1, 6, tzinfo=dt.UTC)
    account.save(update_fields=["clock"])
    before = make.invoice(account, amount=1000, currency="AED")
    account.clock = dt.datetime(2026, 2, 2, 6, tzinfo=dt.UTC)
    account.save(update_fields=["clock"])
    make.invoice(account, amount=1000, currency="AED")
    as_of = dt.datetime(2026, 2, 1, 12, tzinfo=dt.UTC)
    _, found = comparing.record(account, [], make.STAFF, source="api", as_of=as_of, complete=["AED"])
    assert [(each.kind, each.invoice_number, each.changed_since) for each in found] == [
        ("closed_there", before.invoice_number, False)
    ]


def at(account: Account, moment: dt.datetime) -> dt.datetime:
    """Set the clock of a test account."""
    account.clock = moment
    account.save(update_fields=["clock"])
    return moment


@pytest.mark.parametrize("year", [2026, 2030])
@pytest.mark.parametrize("zone", ["Asia/Dubai", "America/Los_Angeles", "Pacific/Auckland"])
def test_a_list_of_a_day_closes_only_what_was_registered_before_that_day_in_the_accounts_zone(
    year: int, zone: str
) -> None:
    account = make.account(is_test=True, time_zone=zone)
    first = dt.datetime(year, 3, 2, tzinfo=account.zone)
    at(account, first - dt.timedelta(minutes=1))
    before = make.invoice(account, amount=1000, currency="AED")
    at(account, first + dt.timedelta(hours=9))
    same_day = make.invoice(account, amount=1000, currency="AED")
    listed = make.invoice(account, amount=1000, currency="AED")
    last = at(account, first + dt.timedelta(hours=15))
    found = comparing.compare(account, [item(listed, 400)], as_of=last, earliest=first, complete=["AED"])
    assert [(each.kind, each.invoice_number) for each in found] == [
        ("other_balance", listed.invoice_number),
        ("closed_there", before.invoice_number),
    ]
    exact = comparing.compare(account, [], as_of=last, complete=["AED"])
    assert {each.invoice_number for each in exact} == {
        before.invoice_number,
        same_day.invoice_number,
        listed.invoice_number,
    }


def test_an_invoice_reopened_after_the_list_is_not_closed_there(account: Account) -> None:
    returned, open_before = (make.invoice(account, amount=1000, currency="AED") for _ in range(2))
    payment = ledger.record_payment(account, returned.pk, make.STAFF, amount=Decimal(1000))
    made = account.now()
    ledger.reverse_payment(account, None, payment.pk, make.STAFF)
    lifecycle.change(account, open_before.pk, make.STAFF, status="disputed")
    found = comparing.compare(account, [], as_of=made, complete=["AED"])
    assert [(each.kind, each.invoice_number, each.changed_since) for each in found] == [
        ("closed_there", open_before.invoice_number, True)
    ]
    later = comparing.compare(account, [], as_of=account.now(), complete=["AED"])
    assert len(later) == 2


def test_an_invoice_cancelled_after_the_list_is_not_missing_here(account: Account, invoice: Invoice) -> None:
    made = account.now()
    lifecycle.change(account, invoice.pk, make.STAFF, status="cancelled")
    assert comparing.compare(account, [item(invoice)], as_of=made) == []
    assert [each.kind for each in comparing.compare(account, [item(invoice)], as_of=account.now())] == ["missing_here"]


def test_an_old_list_confirms_only_the_payments_up_to_its_day(account: Account, invoice: Invoice) -> None:
    CollectionSettings.objects.update_or_create(account=account, defaults={"stale_after_hours": 24})
    made = account.now() - dt.timedelta(days=30)
    Invoice.objects.update(created_at=made - A_DAY, entered_at=made - A_DAY)
    comparing.record(account, [item(invoice)], make.STAFF, source="upload", as_of=made, complete=["AED"])
    rules = CollectionSettings.objects.get(account=account)
    assert rules.payments_synced_at == made
    assert safeguards.is_stale(rules, account.now())


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


def test_a_payment_that_explains_a_higher_balance_can_be_voided(account: Account, invoice: Invoice) -> None:
    ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(100))
    mistake = ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(300))
    difference = compare(account, item(invoice, 900))
    assert [receipt.pk for receipt in correcting.voidable(difference)] == [mistake.pk]
    assert [share for _source, share in correcting.covered_by(difference)] == [100, 300]
    with pytest.raises(Refused, match="has changed since"):
        correcting.void(account, difference.pk, uuid.uuid4(), make.STAFF)
    assert correcting.void(account, difference.pk, mistake.pk, make.STAFF).balance == 900
    assert Receipt.objects.get(pk=mistake.pk).status == "voided"
    entry = TimelineEntry.objects.get(invoice=invoice, kind="payment_voided")
    assert entry.reason == f"As in the books on {account.today()}."
    difference.refresh_from_db()
    assert difference.status == "mended"


def test_a_payment_of_another_amount_is_only_named(account: Account, invoice: Invoice) -> None:
    ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(300))
    credit_notes.issue(
        account,
        make.STAFF,
        number="CN-1",
        date=account.today(),
        amount=Decimal(50),
        currency="AED",
        invoice_id=invoice.pk,
    )
    difference = compare(account, item(invoice))
    assert correcting.voidable(difference) == []
    assert sorted(share for _source, share in correcting.covered_by(difference)) == [50, 300]
    lower = compare(account, item(invoice, 1))
    assert correcting.covered_by(lower) == []


@pytest.mark.parametrize(("there", "balance"), [(1200, 900), (800, 500)])
def test_an_amount_in_the_books_that_explains_the_balance_is_taken_over(
    account: Account, invoice: Invoice, there: int, balance: int
) -> None:
    ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(300))
    difference = compare(account, item(invoice, balance)._replace(amount=Decimal(there)))
    assert correcting.correctable(Difference.objects.all()).get() == difference
    after = correcting.correct(account, difference.pk, make.STAFF)
    assert (after.amount, after.balance) == (Decimal(there), Decimal(balance))
    assert Receipt.objects.count() == 1
    entry = TimelineEntry.objects.filter(invoice=invoice, kind="changed").latest("id")
    assert entry.reason.startswith("As in the books on ")


def test_an_amount_that_explains_nothing_is_left_alone(account: Account, invoice: Invoice) -> None:
    difference = compare(account, item(invoice, 600)._replace(amount=Decimal(1000)))
    assert difference.amount_there is None
    assert correcting.correct(account, difference.pk, make.STAFF).amount == 1000


def test_a_file_may_state_the_amount_beside_the_balance(account: Account, invoice: Invoice) -> None:
    rows = "Invoice Number,Amount,Balance\nINV-1,1200,900\nINV-2,n/a,5\n"
    items = reading.read(rows.encode(), account)
    assert [(each.balance, each.amount) for each in items] == [(Decimal(900), Decimal(1200)), (Decimal(5), None)]
    with pytest.raises(UnreadableFile, match="more than 64"):
        reading.read(f"Invoice Number,Balance\n{'9' * 65},900\n".encode(), account)


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


def test_a_list_of_another_company_confirms_no_payments(account: Account, invoice: Invoice) -> None:
    comparing.record(account, [], make.STAFF, source="api", as_of=account.now(), complete=["AED"])
    elsewhere = [Item("ELSEWHERE-1", "AED", Decimal(5))]
    comparing.record(account, elsewhere, make.STAFF, source="api", as_of=account.now(), complete=["AED"])
    assert not CollectionSettings.objects.filter(account=account, payments_synced_at__isnull=False).exists()
    comparing.record(account, [item(invoice)], make.STAFF, source="api", as_of=account.now(), complete=["AED"])
    assert CollectionSettings.objects.filter(account=account, payments_synced_at__isnull=False).exists()


def test_single_corrections_add_up_within_a_day_over_all_lists(account: Account) -> None:
    for _ in range(3):
        make.invoice(account, amount=10, currency="AED")
    rest = [item(each, 10) for each in Invoice.objects.all()]
    for number in range(2):
        difference = compare(account, *rest[number + 1 :])
        if number:
            with pytest.raises(Refused, match="Many of the open invoices"):
                correcting.correct(account, difference.pk, make.STAFF)
        correcting.correct(account, difference.pk, make.STAFF, is_sure=bool(number))
    Difference.objects.update(handled_at=timezone.now() - dt.timedelta(days=2))
    correcting.correct(account, compare(account).pk, make.STAFF)


def test_more_than_a_twentieth_of_the_open_invoices_are_many(account: Account) -> None:
    for _ in range(40):
        make.invoice(account)
    assert not correcting.are_many(account, 2)
    assert correcting.are_many(account, 3)
    lifecycle.change(account, Invoice.objects.first().pk, make.STAFF, status="cancelled")  # type: ignore[union-attr]
    assert correcting.are_many(account, 2)
