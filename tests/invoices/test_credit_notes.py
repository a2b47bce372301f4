"""Credit notes lower an invoice, or are credit that pays invoices like money."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest

from communications.engine import clock
from inflow.accounts.models import Account
from invoices import credit_notes, ledger, lifecycle
from invoices.debtors import debtor_parties, receivables
from invoices.models import CreditNote, Debtor, Escalation, Invoice, PaymentSettings, Promise, TimelineEntry
from tests import make
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 2, 6, 30, tzinfo=dt.UTC)  # a Monday, 10:30 in Dubai


def issue(account: Account, amount: Any, number: str = "CN-1", **given: Any) -> CreditNote:
    values = {"date": account.today(), "currency": "AED", **given}
    return credit_notes.issue(account, make.STAFF, number=number, amount=Decimal(amount), **values)


def credit(invoice: Invoice) -> Decimal:
    return ledger.credit_of([invoice.debtor_id]).get(invoice.debtor_id, {}).get("AED", Decimal(0))


def figures(invoice: Invoice) -> tuple[str, str, Decimal, Decimal]:
    invoice = make.again(invoice)
    return invoice.status, invoice.payment_status, invoice.amount_paid, invoice.amount_credited


def test_it_lowers_its_invoice_and_stands_beside_payments(account: Account) -> None:
    invoice = make.invoice(account, amount=100)
    issue(account, 30, invoice_id=invoice.pk)
    assert figures(invoice) == ("new", "partially_paid", Decimal(0), Decimal(30))
    assert make.again(invoice).balance == Decimal(70)
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(80))
    assert figures(invoice) == ("paid", "paid", Decimal(70), Decimal(30))
    assert credit(invoice) == Decimal(10)
    entry = TimelineEntry.objects.get(kind="credit_note_issued")
    assert (entry.params["number"], entry.params["amount"]["amount"]) == ("CN-1", "30")


def test_an_invoice_that_it_covers_alone_is_paid_and_its_promise_kept(account: Account) -> None:
    invoice = make.overdue_invoice(account, amount=100)
    lifecycle.promise(account, invoice.pk, make.STAFF, account.today())
    make.escalation(invoice)
    note = issue(account, 100, invoice_id=invoice.pk)
    assert figures(invoice) == ("paid", "paid", Decimal(0), Decimal(100))
    assert Promise.objects.get().status == "kept"
    assert Escalation.objects.get().status == "resolved"
    credit_notes.void(account, note.pk, make.STAFF, "By mistake.")
    assert figures(invoice) == ("on_hold", "unpaid", Decimal(0), Decimal(0))
    assert Promise.objects.get().status == "open"
    assert Escalation.objects.get().status == "open"
    assert make.again(invoice).not_before


def test_a_promise_is_less_by_what_was_credited_since(account: Account) -> None:
    invoice = make.invoice(account, amount=100)
    issue(account, 10, invoice_id=invoice.pk)
    promise = lifecycle.promise(account, invoice.pk, make.STAFF, account.today(), amount=Decimal(50))
    issue(account, 20, "CN-2", invoice_id=invoice.pk)
    promise = Promise.objects.select_related("invoice").get(pk=promise.pk)
    assert receivables.promised(promise) == Decimal(30)
    assert Promise.objects.annotate(left=receivables.PROMISED).values_list("left", flat=True).get() == Decimal(30)


def test_above_the_balance_it_is_refused_unless_the_rest_is_left_open(account: Account) -> None:
    invoice = make.invoice(account, amount=100)
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(40))
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refusal:
        issue(account, 70, invoice_id=invoice.pk)
    assert refusal.value.code == "above_balance"
    assert "AED 70.00 is above the balance of AED 60.00" in refusal.value.message
    note = issue(account, 70, invoice_id=invoice.pk, open_remainder=True)
    assert (make.again(invoice).status, note.unallocated, credit(invoice)) == ("paid", Decimal(10), Decimal(10))
    whole = issue(account, 5, "CN-2", invoice_id=invoice.pk, open_remainder=True)
    assert (whole.unallocated, credit(invoice)) == (Decimal(5), Decimal(15))


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"amount": 0}, "amount", "not_positive"),
        ({"amount": "1.001"}, "amount", "too_many_decimals"),
        ({"date": dt.date(2900, 1, 1)}, "date", "in_the_future"),
        ({"number": " \u200b"}, "number", "blank"),
        ({"number": "n" * 65}, "number", "max_length"),
        ({"invoice_id": None}, "debtor_id", "required"),
        ({"invoice_id": make.NOWHERE}, "invoice_id", "unknown_invoice"),
        ({"debtor_id": make.NOWHERE}, "debtor_id", "unknown_debtor"),
        ({"currency": "USD"}, "currency", "other_currency"),
        ({"number": "CN-0"}, "number", "duplicate"),
        ({"amount": "12345678901234567"}, "amount", "too_long"),
    ],
)
def test_an_impossible_one_is_refused(account: Account, given: dict[str, Any], field: str, code: str) -> None:
    invoice = make.invoice(account, amount=100)
    issue(account, 1, "CN-0", debtor_id=invoice.debtor_id)
    values = {"amount": 1, "invoice_id": invoice.pk, **given}
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refusal:
        issue(account, **values)
    assert (refusal.value.field, refusal.value.code) == (field, code)


def test_a_cancelled_invoice_or_another_debtors_takes_none(account: Account) -> None:
    invoice = make.invoice_in(account, "cancelled")
    with pytest.raises(lifecycle.Refused) as refusal:
        issue(account, 1, invoice_id=invoice.pk)
    assert refusal.value.code == "cancelled"
    other = make.invoice(account, debtor_company="Emirates Foods LLC", debtor_email="a@foods.example")
    with pytest.raises(lifecycle.Refused) as refusal:
        issue(account, 1, invoice_id=other.pk, debtor_id=invoice.debtor_id)
    assert refusal.value.code == "contradiction"
    foreign = make.invoice(make.account())
    for name, foreign_id in (("invoice_id", foreign.pk), ("debtor_id", foreign.debtor_id)):
        given: dict[str, Any] = {name: foreign_id}
        with pytest.raises(lifecycle.Refused):
            issue(account, 1, **given)


def test_a_form_submitted_twice_issues_one(account: Account) -> None:
    invoice, key = make.invoice(account, amount=100), uuid.uuid4()
    first = issue(account, 30, invoice_id=invoice.pk, key=key)
    with nothing_happens(account):
        assert issue(account, 30, invoice_id=invoice.pk, key=key).pk == first.pk
        with pytest.raises(lifecycle.Refused) as refusal:
            issue(account, 31, invoice_id=invoice.pk, key=key)
    assert refusal.value.code == "used"
    assert figures(invoice)[3] == Decimal(30)


def test_the_number_of_a_voided_one_is_free_and_it_is_voided_once(account: Account) -> None:
    invoice, key = make.invoice(account, amount=100), uuid.uuid4()
    note = issue(account, 30, invoice_id=invoice.pk)
    credit_notes.void(account, note.pk, make.STAFF, key=key)
    with nothing_happens(account):
        credit_notes.void(account, note.pk, make.STAFF, key=key)
        with pytest.raises(lifecycle.Refused) as refusal:
            credit_notes.void(account, note.pk, make.STAFF)
    assert refusal.value.code == "already_voided"
    issue(account, 30, invoice_id=invoice.pk)
    with pytest.raises(lifecycle.NotFound):
        credit_notes.void(make.account(), note.pk, make.STAFF)


def test_credit_is_applied_from_the_oldest_receipt_or_credit_note(account: Account) -> None:
    paid, open_one = make.invoice(account, amount=10), make.invoice(account, amount=100)
    today = account.today()
    ledger.record_receipt(
        account, make.STAFF, debtor_id=paid.debtor_id, amount=Decimal(30), currency="AED", paid_at=today
    )
    note = issue(account, 50, debtor_id=paid.debtor_id, date=today - dt.timedelta(days=1))
    assert credit(paid) == Decimal(80)
    ledger.apply_credit(account, open_one.pk, make.STAFF, key=uuid.uuid4(), amount=Decimal(60))
    assert figures(open_one) == ("new", "partially_paid", Decimal(10), Decimal(50))
    note.refresh_from_db()
    assert (note.unallocated, credit(paid)) == (Decimal(0), Decimal(20))
    assert credit_notes.reopened_by(note) == [(open_one, Decimal(50))]
    credit_notes.void(account, note.pk, make.STAFF)
    assert figures(open_one) == ("new", "partially_paid", Decimal(10), Decimal(0))


@pytest.mark.parametrize("change", [{"status": "cancelled"}, {"payment_status": "unpaid"}])
def test_cancelling_and_unpaying_return_it_to_credit(account: Account, change: dict[str, str]) -> None:
    invoice = make.invoice(account, amount=100)
    issue(account, 30, invoice_id=invoice.pk)
    lifecycle.change(account, invoice.pk, make.STAFF, **change)  # type: ignore[arg-type]
    assert figures(invoice)[2:] == (Decimal(0), Decimal(0))
    assert credit(invoice) == Decimal(30)


def test_its_credit_covers_what_is_due_and_holds_reminders() -> None:
    account = make.account(is_test=True)
    clock.set_clock(account, NOW)
    invoice = make.overdue_invoice(account, amount=100)
    before = make.again(invoice).next_contact_at
    issue(account, 100, debtor_id=invoice.debtor_id)
    after = make.again(invoice).next_contact_at
    assert before
    assert after is None or after > before + dt.timedelta(days=6)


def two_parties(account: Account) -> tuple[Invoice, Invoice]:
    """Return invoices of two companies that one debtor stands for, the first of which it is called after."""
    own = make.invoice(account, amount=100)
    other = make.invoice(account, amount=100, debtor_company="Emirates Foods LLC", debtor_email="a@foods.example")
    Invoice.objects.filter(pk=other.pk).update(debtor=own.debtor)
    return own, make.again(other)


def test_a_partys_credit_is_its_own(account: Account) -> None:
    own, other = two_parties(account)
    debtor = Debtor.objects.select_related("account").get(pk=own.debtor_id)
    issue(account, 30, invoice_id=other.pk)
    lifecycle.change(account, other.pk, make.STAFF, status="cancelled")
    issue(account, 7, "CN-2", debtor_id=debtor.pk)
    assert [ledger.credit_for(make.again(each)) for each in (own, other)] == [
        {"AED": Decimal(7)},
        {"AED": Decimal(30)},
    ]
    with pytest.raises(lifecycle.Refused) as refusal:
        ledger.apply_credit(account, own.pk, make.STAFF, key=uuid.uuid4(), amount=Decimal(30))
    assert "AED 7.00" in refusal.value.message
    for party in debtor_parties.of(debtor):
        proposed = ledger.propose(party, Decimal(1_000), "AED")
        assert {invoice.party for invoice, _ in proposed} <= party.keys


# --- Automatic credit ----------------------------------------------------------------------------------------------


@pytest.fixture
def automatic(account: Account) -> Account:
    PaymentSettings.objects.create(account=account, applies_credit=True)
    return account


def test_credit_stays_credit_by_default(account: Account) -> None:
    invoice = make.invoice(account, amount=100)
    issue(account, 30, debtor_id=invoice.debtor_id)
    assert make.again(invoice).balance == Decimal(100)


def test_new_credit_pays_open_undisputed_invoices_the_oldest_first(automatic: Account) -> None:
    invoices = [make.invoice(automatic, amount=100, due_in=days) for days in (30, 10, 20)]
    lifecycle.change(automatic, invoices[2].pk, make.STAFF, status="disputed")
    paying = make.invoice(automatic, amount=10, due_in=60)
    payment = lifecycle.record_payment(automatic, paying.pk, make.STAFF, amount=Decimal(130))
    assert payment.unallocated == Decimal(0)
    assert [make.again(each).balance for each in invoices] == [Decimal(80), Decimal(0), Decimal(100)]
    assert credit(paying) == Decimal(0)
    issue(automatic, 90, debtor_id=paying.debtor_id)
    assert [make.again(each).balance for each in invoices] == [Decimal(0), Decimal(0), Decimal(100)]
    assert credit(paying) == Decimal(10)
    assert TimelineEntry.objects.filter(kind="credit_applied_automatically").count() == 3


def test_a_new_invoice_is_paid_from_credit(automatic: Account) -> None:
    first = make.invoice(automatic, amount=100)
    lifecycle.record_payment(automatic, first.pk, make.STAFF, amount=Decimal(150))
    second = make.invoice(automatic, amount=50)
    assert (second.status, make.again(second).status) == ("paid", "paid")
    assert make.events_of(automatic)[-2:] == ["invoice.created", "invoice.status_changed"]


def test_what_was_released_does_not_pay_the_same_invoice_again(automatic: Account) -> None:
    invoices = [make.invoice(automatic, amount=10 * days, due_in=days) for days in (10, 20)]
    receipt = ledger.record_receipt(
        automatic,
        make.STAFF,
        debtor_id=None,
        amount=Decimal(100),
        currency="AED",
        paid_at=automatic.today(),
        allocations=[(invoices[0].pk, Decimal(60)), (invoices[1].pk, Decimal(40))],
    )
    lifecycle.change(automatic, invoices[0].pk, make.STAFF, payment_status="unpaid")
    assert [make.again(each).balance for each in invoices] == [Decimal(100), Decimal(100)]
    lifecycle.change(automatic, invoices[1].pk, make.STAFF, status="cancelled")
    assert make.again(invoices[0]).balance == Decimal(0)
    ledger.void_payment(automatic, receipt.pk, make.STAFF)
    assert make.again(invoices[0]).balance == Decimal(100)
    assert ledger.count_unbalanced(automatic) == lifecycle.count_underived(automatic) == 0


def test_a_partys_credit_never_pays_another_party(automatic: Account) -> None:
    own, other = two_parties(automatic)
    issue(automatic, 150, invoice_id=other.pk, open_remainder=True)
    assert make.again(other).status == "paid"
    assert make.again(own).balance == Decimal(100)
