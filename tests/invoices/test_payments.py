"""The ledger: money comes, money goes back, and the statuses follow."""

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest

from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.models import Invoice, Payment, TimelineEntry
from tests import make
from tests.unchanged import nothing_happens
from webhooks.models import Event


def lines(invoice: Invoice) -> list[tuple[Decimal, str]]:
    return list(invoice.payments.order_by("created_at").values_list("amount", "method"))


def test_a_payment_in_part_and_then_the_rest(account: Account) -> None:
    invoice = make.overdue_invoice(account, amount=1_000)
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(400), method="transfer", reference="FT-1")
    part = make.again(invoice)
    assert (part.status, part.payment_status, part.balance) == ("overdue", "partially_paid", Decimal(600))
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(600), method="transfer", reference="FT-2")
    full = make.again(invoice)
    assert (full.status, full.payment_status, full.balance) == ("paid", "paid", Decimal(0))
    assert make.events_of(account)[2:] == ["invoice.status_changed", "payment.recorded"] * 2
    assert TimelineEntry.objects.filter(invoice=invoice, kind="payment_recorded").count() == 2


def test_a_payment_is_told_with_its_invoice(account: Account) -> None:
    invoice = make.invoice(account, amount=1_000)
    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal("0.50"), reference="FT-1")
    data = json.loads(Event.objects.get(type="payment.recorded").body)["data"]
    assert data["id"] == str(payment.pk)
    assert (data["amount"], data["reference"], data["reversal_of"]) == (0.5, "FT-1", None)
    assert (data["invoice"]["balance"], data["invoice"]["payment_status"]) == (999.5, "partially_paid")


def test_saying_that_it_is_paid_settles_what_was_open(account: Account) -> None:
    invoice = make.invoice(account, amount=1_000, amount_paid=300)
    lifecycle.change(account, invoice.pk, make.API, payment_status="paid")
    assert lines(invoice) == [(Decimal(300), "opening"), (Decimal(700), "manual")]
    assert make.again(invoice).status == "paid"


def test_a_second_payment_moves_no_status_and_is_credit(account: Account) -> None:
    invoice = make.invoice(account, amount=1_000)
    for _ in range(2):
        lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(1_000))
    overpaid = make.again(invoice)
    assert (overpaid.status, overpaid.amount_paid, overpaid.balance, overpaid.version) == (
        "paid",
        Decimal(1_000),
        Decimal(0),
        2,
    )
    assert ledger.credit_of([invoice.debtor_id]) == {invoice.debtor_id: {"AED": Decimal(1_000)}}
    assert make.events_of(account).count("invoice.status_changed") == 1
    assert make.events_of(account).count("payment.recorded") == 2


def test_saying_that_it_is_unpaid_takes_every_payment_back(account: Account) -> None:
    invoice = make.overdue_invoice(account, amount=1_000)
    for amount in (400, 700):
        lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(amount), method="cheque")
    lifecycle.change(account, invoice.pk, make.API, payment_status="unpaid")
    assert sorted(lines(invoice)[2:]) == [(Decimal(-700), "cheque"), (Decimal(-400), "cheque")]
    back = make.again(invoice)
    assert (back.status, back.payment_status, back.amount_paid) == ("overdue", "unpaid", Decimal(0))


def test_a_payment_is_reversed_once(account: Account) -> None:
    invoice = make.overdue_invoice(account, amount=1_000)
    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(1_000), method="cheque")
    reversal = lifecycle.reverse_payment(account, invoice.pk, payment.pk, make.STAFF)
    assert (reversal.amount, reversal.reversal_of, reversal.paid_at) == (Decimal(-1_000), payment, account.today())
    assert make.again(invoice).status == "overdue"
    for again in (payment.pk, reversal.pk, uuid.uuid4()):
        with nothing_happens(account), pytest.raises(lifecycle.Refused) as refused:
            lifecycle.reverse_payment(account, invoice.pk, again, make.STAFF)
        assert refused.value.field == "reversal_of"


def test_a_payment_of_another_invoice_is_not_reversed(account: Account) -> None:
    payment = lifecycle.record_payment(account, make.invoice(account).pk, make.API, amount=Decimal(1))
    other = make.invoice(account)
    with nothing_happens(account), pytest.raises(lifecycle.Refused, match="must be the id of a payment"):
        lifecycle.reverse_payment(account, other.pk, payment.pk, make.API)


def test_an_opening_payment_came_before_and_counts(account: Account) -> None:
    part = make.invoice(account, due_in=-30, amount=1_000, amount_paid="250")
    assert (make.again(part).payment_status, make.again(part).balance) == ("partially_paid", Decimal(750))
    payment = Payment.objects.get(invoice=part)
    assert (payment.amount, payment.method, payment.paid_at) == (Decimal(250), "opening", part.issue_date)
    whole = make.invoice(account, due_in=-30, amount=1_000, amount_paid=1_000)
    assert make.again(whole).status == "paid"
    lifecycle.age(account, whole.pk)
    assert make.again(whole).status == "paid"


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"amount": "0"}, "amount", "not_positive"),
        ({"amount": "-1"}, "amount", "not_positive"),
        ({"amount": "1.005"}, "amount", "too_many_decimals"),
        ({"amount": "1", "reference": "FT-taken"}, "reference", "duplicate"),
        ({"amount": "1", "days": 1}, "paid_at", "in_the_future"),
    ],
)
def test_an_impossible_payment_is_refused(account: Account, given: dict[str, Any], field: str, code: str) -> None:
    lifecycle.record_payment(account, make.invoice(account).pk, make.API, amount=Decimal(1), reference="FT-taken")
    invoice = make.invoice(account)
    paid_at = account.today() + dt.timedelta(days=given.get("days", 0))
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refused:
        lifecycle.record_payment(
            account,
            invoice.pk,
            make.API,
            amount=Decimal(given["amount"]),
            paid_at=paid_at,
            reference=given.get("reference", ""),
        )
    assert (refused.value.field, refused.value.code) == (field, code)


def test_another_account_may_use_the_same_reference(account: Account) -> None:
    other = make.account("Oryx")
    for one in (account, other):
        lifecycle.record_payment(one, make.invoice(one).pk, make.API, amount=Decimal(1), reference="FT-1")
    assert Payment.objects.filter(reference="FT-1").count() == 2


@pytest.mark.django_db
def test_a_payment_of_today_is_today_where_the_account_is() -> None:
    account = make.account(time_zone=make.EARLIEST_ZONE)
    invoice = make.invoice(account)
    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(1), paid_at=account.today())
    assert payment.paid_at > make.account(time_zone=make.LATEST_ZONE).today()


def test_a_cancelled_invoice_takes_no_payment(account: Account) -> None:
    invoice = make.invoice_in(account, "cancelled")
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refused:
        lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(1))
    assert refused.value.code == "cancelled"


def test_a_bounced_cheque_of_a_cancelled_invoice_stands_in_the_ledger_and_calls_nobody(account: Account) -> None:
    invoice = make.overdue_invoice(account)
    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(400))
    lifecycle.change(account, invoice.pk, make.STAFF, status="cancelled")
    assert ledger.credit_of([invoice.debtor_id]) == {invoice.debtor_id: {"AED": Decimal(400)}}
    lifecycle.reverse_payment(account, invoice.pk, payment.pk, make.STAFF)
    after = make.again(invoice)
    assert (after.status, after.payment_status, after.amount_paid) == ("cancelled", "unpaid", Decimal(0))
    assert (after.escalation_level, after.next_contact_at) == (0, None)
    assert ledger.credit_of([invoice.debtor_id]) == {}


def test_money_after_a_write_off_makes_it_paid_and_its_reversal_written_off(account: Account) -> None:
    invoice = make.invoice_in(account, "written_off")
    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=invoice.amount)
    assert make.again(invoice).status == "paid"
    lifecycle.reverse_payment(account, invoice.pk, payment.pk, make.STAFF)
    assert make.again(invoice).status == "written_off"
