"""The minimum balance: a message that would ask for less is not sent, until it would ask for enough."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from communications.delivery import reasons
from communications.models import CollectionSettings, Communication, MinimumBalance
from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.models import Invoice
from tests import make
from tests.api.client import caller
from tests.communications.test_ladder import account_at, at, sent
from tests.communications.test_one_future import MONDAY, agree, next_in_forecast, now_of, owing, planned, until

pytestmark = pytest.mark.django_db


def minimum(account: Account, amount: int, currency: str = "AED") -> MinimumBalance:
    settings, _ = CollectionSettings.objects.get_or_create(account=account)
    return MinimumBalance.objects.create(settings=settings, currency=currency, amount=amount)


def small(account: Account, number: str = "INV-1", amount: int = 40, **given: Any) -> Invoice:
    return owing(account, number, amount=amount, currency="AED", **given)


def test_a_small_balance_is_not_chased_and_every_reader_says_why() -> None:
    account = account_at(MONDAY)
    minimum(account, 50)
    invoice = small(account)
    until(account, "2026-04-06 12:00")
    assert planned(invoice).waits_for == "below_minimum"
    assert make.again(invoice).next_contact_at is None
    assert next_in_forecast(account)["INV-1"][1] == "below_minimum"
    assert "minimum" in reasons.describe("below_minimum")
    answer = caller(account).get(f"/api/zapier/invoices/{invoice.pk}/timeline")
    assert any("below" in entry["text"] for entry in answer.json)
    until(account, "2026-07-06 12:00")
    assert sent(account) == []


def test_the_exact_minimum_is_chased_and_other_currencies_have_their_own() -> None:
    account = account_at(MONDAY)
    minimum(account, 40)
    minimum(account, 500, "USD")
    small(account)
    until(account, "2026-04-07 12:00")
    assert [row.status for row in Communication.objects.all()] == ["sent"]


def test_several_small_invoices_are_chased_together_once_they_are_overdue() -> None:
    account = account_at(MONDAY)
    minimum(account, 60)
    first = small(account)
    second = small(account, "INV-2", due_date=dt.date(2026, 4, 8))
    until(account, "2026-04-06 12:00")
    assert planned(first).waits_for == "below_minimum"
    assert make.again(first).next_contact_at == at("2026-04-09 09:00")
    agree(account)
    until(account, "2026-04-09 12:00")
    assert set(Communication.objects.filter(status="sent").values_list("invoice", flat=True)) == {first.pk, second.pk}


def test_a_payment_below_the_minimum_holds_and_a_larger_amount_releases() -> None:
    account = account_at(MONDAY)
    minimum(account, 50)
    invoice = small(account, amount=100)
    until(account, "2026-04-06 08:30")
    assert planned(invoice).waits_for == ""
    lifecycle.record_payment(now_of(invoice), invoice.pk, make.API, amount=Decimal(60))
    assert planned(invoice).waits_for == "below_minimum"
    assert make.again(invoice).next_contact_at is None
    lifecycle.amend(now_of(invoice), invoice.pk, make.STAFF, {"amount": Decimal(200)})
    assert planned(invoice).waits_for != "below_minimum"
    assert make.again(invoice).next_contact_at is not None
    agree(account)


def test_credit_counts_and_so_does_a_dispute_of_another_invoice() -> None:
    account = account_at(MONDAY)
    minimum(account, 60)
    first, second = small(account), small(account, "INV-2")
    until(account, "2026-04-06 08:30")
    assert planned(first).waits_for == ""
    lifecycle.change(now_of(second), second.pk, make.STAFF, status="disputed")
    assert planned(first).waits_for == "below_minimum"
    lifecycle.change(now_of(second), second.pk, make.STAFF, status="overdue")
    assert planned(first).waits_for == ""
    ledger.record_receipt(
        now_of(first),
        make.STAFF,
        debtor_id=first.debtor_id,
        amount=Decimal(30),
        currency="AED",
        paid_at=dt.date(2026, 4, 5),
    )
    assert planned(first).waits_for == "below_minimum"
    agree(account)


def test_changing_the_minimum_reschedules() -> None:
    account = account_at(MONDAY)
    row = minimum(account, 50)
    invoice = small(account)
    until(account, "2026-04-06 08:30")
    assert planned(invoice).waits_for == "below_minimum"
    row.delete()
    until(account, "2026-04-07 12:00")
    assert sent(account) == [("reminder", "04-07 09:00")]
