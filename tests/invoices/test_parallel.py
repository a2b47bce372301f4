"""Two who do the same thing at once: one does it, and it is announced once."""

import uuid
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone

from inflow.notifications.models import Notification
from invoices import ledger, lifecycle, notes, staff_tasks
from invoices.documents import staff_files
from invoices.models import Debtor, Difference, Invoice, Note, Payment, Receipt, Reversal
from invoices.reconciliation import comparing, correcting
from tests import make
from tests.parallel import at_once
from webhooks.models import Event, EventCounter

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_number_makes_one_invoice() -> None:
    account = make.account()
    results = at_once(*[lambda: make.invoice(account, invoice_number="INV-1")] * 6)
    made = [result for result in results if isinstance(result, Invoice)]
    refused = [result for result in results if isinstance(result, lifecycle.Refused)]
    assert (len(made), len(refused)) == (1, 5)
    assert all(str(made[0].pk) in refusal.message for refusal in refused)
    assert Invoice.objects.get() == made[0]
    assert make.events_of(account) == ["invoice.created"]
    assert EventCounter.objects.get().seq == 1


@pytest.mark.parametrize(
    ("email", "phone"), [("one@example.com", ""), ("", "+971501234567"), ("", "")], ids=["email", "phone", "name"]
)
def test_one_debtor_is_made_once(email: str, phone: str) -> None:
    account = make.account()
    results = at_once(*[lambda: make.invoice(account, debtor_email=email, debtor_phone=phone)] * 6)
    assert all(isinstance(result, Invoice) for result in results)
    assert Invoice.objects.filter(debtor=Debtor.objects.get()).count() == 6


def test_one_of_two_changes_of_a_version_wins() -> None:
    account = make.account()
    invoice = make.invoice(account)
    results = at_once(
        lambda: lifecycle.change(account, invoice.pk, make.API, status="disputed", if_version_in=(1,)),
        lambda: lifecycle.change(account, invoice.pk, make.STAFF, status="on_hold", if_version_in=(1,)),
    )
    assert sorted(type(result).__name__ for result in results) == ["Invoice", "VersionMismatch"]
    assert make.again(invoice).version == 2
    events = [event for event in make.events_of(account) if event != "dispute.opened"]  # if the dispute won
    assert events == ["invoice.created", "invoice.status_changed"]


def test_one_settlement_is_posted() -> None:
    account = make.account()
    invoice = make.invoice(account)
    results = at_once(*[lambda: lifecycle.change(account, invoice.pk, make.API, status="paid")] * 5)
    assert [result.version for result in results if isinstance(result, Invoice)] == [2] * 5
    assert Payment.objects.get().amount == invoice.amount
    assert make.events_of(account).count("invoice.status_changed") == 1


def test_a_payment_at_the_same_time_as_its_correction_is_recorded_once() -> None:
    account = make.account()
    invoice = make.invoice(account, amount=1000, currency="AED")
    comparing.record(account, [], make.STAFF, source="upload", as_of=account.now(), complete=["AED"])
    difference = Difference.objects.get()
    results = at_once(
        lambda: correcting.correct(account, difference.pk, make.STAFF),
        lambda: correcting.correct(account, difference.pk, make.STAFF),
        lambda: ledger.record_payment(account, invoice.pk, make.API, amount=Decimal(1000)),
    )
    # Either the correction came first, and the payment is credit, or it was refused because the invoice has changed.
    corrected = [result for result in results[:2] if isinstance(result, Invoice)]
    assert len(corrected) <= 1
    assert Receipt.objects.filter(method="books").count() == len(corrected)
    assert make.again(invoice).balance == 0


def test_payments_at_once_are_all_counted() -> None:
    account = make.account()
    invoice = make.invoice(account, amount=1_000)
    results = at_once(*[lambda: lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(200))] * 6)
    assert all(isinstance(result, Payment) for result in results)
    paid = make.again(invoice)
    assert (paid.amount_paid, paid.status, paid.version) == (Decimal(1_000), "paid", 6)
    assert ledger.credit_of([invoice.debtor_id]) == {invoice.debtor_id: {"AED": Decimal(200)}}
    assert make.events_of(account).count("payment.recorded") == 6


def test_one_payment_of_a_reference_is_recorded() -> None:
    account = make.account()
    invoices = [make.invoice(account) for _ in range(4)]
    pay = partial(lifecycle.record_payment, account, actor=make.API, amount=Decimal(1), reference="FT-1")
    results = at_once(*[partial(pay, invoice.pk) for invoice in invoices])
    assert sum(isinstance(result, Payment) for result in results) == 1
    assert sum(isinstance(result, lifecycle.Refused) for result in results) == 3
    assert Payment.objects.count() == 1
    assert Event.objects.filter(type="payment.recorded").count() == 1


def test_one_form_submitted_at_once_records_one_payment() -> None:
    account = make.account()
    invoice = make.invoice(account, amount=1_000)
    pay = partial(lifecycle.record_payment, account, invoice.pk, make.STAFF, amount=Decimal(400), key=uuid.uuid4())
    results = at_once(*[pay] * 4)
    assert len({result.pk for result in results if isinstance(result, Payment)}) == 1
    assert all(isinstance(result, Payment) for result in results)
    assert (make.again(invoice).amount_paid, Payment.objects.count()) == (Decimal(400), 1)
    assert make.events_of(account).count("payment.recorded") == 1


@pytest.mark.parametrize("how", ["void", "reverse"])
def test_one_payment_undone_at_once_is_undone_once(how: str) -> None:
    account = make.account()
    first, second = (make.invoice(account, amount=1_000) for _ in range(2))
    payment = lifecycle.record_payment(account, first.pk, make.STAFF, amount=Decimal(2_000))
    ledger.apply_credit(account, second.pk, make.STAFF, key=uuid.uuid4())
    key = uuid.uuid4()
    if how == "void":
        results = at_once(*[lambda: ledger.void_payment(account, payment.pk, make.STAFF, key=key)] * 4)
    else:
        results = at_once(*[lambda: ledger.reverse_payment(account, None, payment.pk, make.STAFF, key=key)] * 4)
    assert [getattr(result, "pk", result) for result in results] == [key] * 4
    assert [make.again(invoice).amount_paid for invoice in (first, second)] == [0, 0]
    assert Reversal.objects.count() == 1
    assert make.events_of(account).count("escalation.created") == (how == "reverse")
    assert make.events_of(account).count("payment.recorded") == 2


def test_credit_applied_at_once_is_applied_once_and_never_above_what_there_is() -> None:
    account = make.account()
    paid, *owing = (make.invoice(account, amount=amount) for amount in (100, 500, 500, 500))
    lifecycle.record_payment(account, paid.pk, make.STAFF, amount=Decimal(800))
    key = uuid.uuid4()
    once = at_once(*[lambda: ledger.apply_credit(account, owing[0].pk, make.STAFF, key=key, amount=Decimal(300))] * 4)
    assert once == [300] * 4
    assert make.again(owing[0]).amount_paid == 300
    pay = partial(ledger.apply_credit, account, actor=make.STAFF, amount=Decimal(300))
    at_once(*[partial(pay, invoice.pk, key=uuid.uuid4()) for invoice in owing[1:]])
    assert sorted(make.again(invoice).amount_paid for invoice in owing[1:]) == [0, 300]
    assert ledger.credit_of([paid.debtor_id]) == {paid.debtor_id: {"AED": Decimal(100)}}


def test_a_void_and_an_application_of_the_credit_leave_the_ledger_balanced() -> None:
    account = make.account()
    for _ in range(4):
        paid, owing = (make.invoice(account, amount=amount) for amount in (100, 500))
        payment = lifecycle.record_payment(account, paid.pk, make.STAFF, amount=Decimal(300))
        at_once(
            partial(ledger.void_payment, account, payment.pk, make.STAFF),
            partial(ledger.apply_credit, account, owing.pk, make.STAFF, key=uuid.uuid4()),
            partial(lifecycle.change, account, paid.pk, make.STAFF, payment_status="unpaid"),
        )
    assert ledger.count_unbalanced() == lifecycle.count_underived() == 0


def test_clocks_that_run_at_once_share_the_work() -> None:
    account = make.account()
    for _ in range(8):
        make.invoice(account, due_in=-1)
    results = at_once(*[lambda: lifecycle.age_due(timezone.now())] * 4)
    assert sum(result for result in results if isinstance(result, int)) == 8
    assert make.events_of(account).count("invoice.status_changed") == 8


def test_transfers_over_the_same_invoices_in_opposite_order_pay_them_once() -> None:
    account = make.account()
    debtors = ("Gulf Trading LLC", "Emirates Foods LLC", "Desert Rose FZE")
    invoices = [
        make.invoice(account, amount=100, debtor_company=name, debtor_email=f"pay@company{place}.example")
        for place, name in enumerate(debtors)
    ]

    def transfer(order: int, amount: int) -> Receipt:
        return ledger.record_receipt(
            account,
            make.API,
            debtor_id=invoices[order].debtor_id,
            amount=Decimal(3 * amount),
            currency="AED",
            paid_at=account.today(),
            allocations=[(each.pk, Decimal(amount)) for each in invoices[:: order or 1]],
        )

    for amount in (40, 60):
        results = at_once(*[partial(transfer, order, amount) for order in (0, -1)] * 3)
        done = [result for result in results if isinstance(result, Receipt)]
        assert len(done) == (2 if amount == 40 else 0), results
        assert all(isinstance(result, Receipt | lifecycle.Refused) for result in results), results
    assert [make.again(each).balance for each in invoices] == [Decimal(20)] * 3
    assert ledger.count_unbalanced(account) == lifecycle.count_underived(account) == 0


def test_a_transfer_and_its_taking_back_at_once_leave_the_books_balanced() -> None:
    account = make.account()
    own = make.invoice(account, amount=100)
    other = make.invoice(account, amount=100, debtor_company="Emirates Foods LLC", debtor_email="a@foods.example")
    receipt = ledger.record_receipt(
        account,
        make.API,
        debtor_id=own.debtor_id,
        amount=Decimal(200),
        currency="AED",
        paid_at=account.today(),
        allocations=[(own.pk, Decimal(60)), (other.pk, Decimal(100))],
    )
    results = at_once(
        lambda: ledger.void_payment(account, receipt.pk, make.STAFF),
        lambda: lifecycle.change(account, other.pk, make.API, payment_status="unpaid"),
        lambda: ledger.apply_credit(account, own.pk, make.STAFF, key=uuid.uuid4()),
        lambda: lifecycle.change(account, own.pk, make.API, status="cancelled"),
    )
    assert all(not isinstance(result, Exception) or isinstance(result, lifecycle.Refused) for result in results), (
        results
    )
    assert ledger.count_unbalanced(account) == lifecycle.count_underived(account) == 0


def test_a_form_that_is_submitted_several_times_adds_one_note_task_and_file() -> None:
    account = make.account()
    invoice, key, anna = make.invoice(account), uuid.uuid4(), make.user(account, email="anna@firm.example")
    task: dict[str, Any] = {"text": "Call", "due_on": account.today(), "key": key, "invoice_id": invoice.pk}
    calls = (
        lambda: notes.add(account, invoice.pk, make.STAFF, "@anna look", key=key),
        lambda: staff_tasks.create(account, make.STAFF, **task),
        lambda: staff_files.add(account, make.STAFF, b"signed", "a.txt", invoice_id=invoice.pk, key=key),
    )
    for call in calls:
        assert [result.pk for result in at_once(*[call] * 4) if isinstance(result, Model)] == [key] * 4
    kinds = invoice.timeline.filter(kind__in=("note", "task_created", "file_added")).values_list("kind", flat=True)
    assert sorted(kinds) == ["file_added", "note", "task_created"]
    assert Notification.objects.get().user == anna
    for of, text in ((invoice, "Other"), (make.invoice(account, invoice_number="INV-2"), "@anna look")):
        notes.add(account, of.pk, make.STAFF, text, key=key)  # the browser's Back, and another's key
    assert Note.objects.count() == 3
