"""Disputes: the disputed amount is not chased, the rest is, and the message says so."""

import datetime as dt
import importlib
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from communications.models import Communication
from inflow.accounts.models import Account
from invoices import disputes, lifecycle
from invoices.debtors import receivables
from invoices.errors import NotFound, Refused
from invoices.models import Dispute, DisputeReason, Invoice
from tests import make
from tests.communications import history
from tests.communications.test_ladder import account_at, at
from tests.communications.test_one_future import MONDAY, agree, next_in_forecast, now_of, owing, planned, until

pytestmark = pytest.mark.django_db


def contested(account: Account, part: int | None = 400, **given: Any) -> Invoice:
    """An invoice of 1,000 that is disputed, wholly or in part, after its reminder was scheduled."""
    invoice = owing(account, amount=1000, currency="AED", **given)
    until(account, "2026-04-06 12:00")
    assert planned(invoice).waits_for == ""
    disputes.open_dispute(now_of(invoice), invoice.pk, make.STAFF, amount=None if part is None else Decimal(part))
    return invoice


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "is disputed and not part of this amount"), ("ar", "محل اعتراض")]
)
def test_the_disputed_amount_is_not_asked_for_and_the_message_says_so(language: str, sentence: str) -> None:
    account = account_at(MONDAY)
    invoice = contested(account, language=language)
    agree(account)
    until(account, "2026-04-07 12:00")
    row = Communication.objects.get(invoice=invoice, status="sent")
    assert (row.amount, row.asked) == (Decimal(1000), Decimal(600))
    assert row.body.index(sentence) < row.body.rindex(account.name)  # above the signature
    assert sentence in row.html
    assert "600" in row.subject + row.body
    assert "1,000" not in row.subject
    history.check(account)


def test_a_dispute_of_the_whole_invoice_stops_everything() -> None:
    account = account_at(MONDAY)
    invoice = contested(account, None)
    assert planned(invoice).waits_for == "dispute"
    until(account, "2026-04-20 12:00")
    assert not Communication.objects.filter(status="sent").exists()


def test_an_amount_equal_to_the_balance_disputes_the_whole_invoice() -> None:
    account = account_at(MONDAY)
    invoice = contested(account, 1000)
    assert Dispute.objects.get().amount is None
    assert planned(invoice).waits_for == "dispute"


def test_payments_cover_the_rest_first_and_then_everything_stops() -> None:
    account = account_at(MONDAY)
    invoice = contested(account)
    lifecycle.record_payment(now_of(invoice), invoice.pk, make.API, amount=Decimal(600))
    assert make.again(invoice).is_wholly_disputed
    assert planned(invoice).waits_for == "dispute"
    assert next_in_forecast(account)["INV-1"][1] == "dispute"


def test_a_disputed_amount_raised_to_the_balance_stops_the_scheduled_message_at_once() -> None:
    account = account_at(MONDAY)
    invoice = contested(account)
    dispute = Dispute.objects.get()
    values = {"reason_id": None, "owner": None, "answer_by": None}
    disputes.revise(now_of(invoice), dispute.pk, make.STAFF, amount=None, **values)
    assert planned(invoice).waits_for == "dispute"
    disputes.revise(now_of(invoice), dispute.pk, make.STAFF, amount=Decimal(10), **values)
    assert planned(invoice).waits_for == ""
    agree(account)


def test_a_partial_dispute_escalates_once_after_thirty_days() -> None:
    account = account_at(MONDAY)
    contested(account)
    until(account, "2026-05-07 12:00")
    cases = list(Invoice.objects.get().escalations.filter(reason="dispute"))
    assert [case.opened_at.date() for case in cases] == [dt.date(2026, 5, 6)]
    until(account, "2026-07-07 12:00")
    assert Invoice.objects.get().escalations.filter(reason="dispute").count() == 1
    history.check(account)


def test_the_parts_add_up_and_the_rest_is_overdue() -> None:
    account = account_at(MONDAY)
    invoice = contested(account)
    found = receivables.positions([make.again(invoice)], {}, dt.date(2026, 4, 6))["AED"]
    assert [found.disputed, found.overdue, found.outstanding] == [Decimal(400), Decimal(600), Decimal(1000)]


@pytest.mark.parametrize("outcome", ["credit_note", "corrected_amount", "rejected", "withdrawn"])
def test_each_outcome_ends_the_dispute_and_plans_the_message_again(outcome: str) -> None:
    account = account_at(MONDAY)
    invoice = contested(account, None)
    dispute, now = Dispute.objects.get(), now_of(invoice)
    if outcome == "credit_note":
        disputes.resolve_by_credit_note(now, dispute.pk, make.STAFF, number="CN-1", amount=Decimal(400))
    elif outcome == "corrected_amount":
        disputes.resolve_by_correction(now, dispute.pk, make.STAFF, amount=Decimal(600))
    elif outcome == "rejected":
        disputes.reject(now, dispute.pk, make.STAFF, answer="It was delivered on 3 March.")
    else:
        disputes.withdraw(now, dispute.pk, make.STAFF)
    dispute.refresh_from_db()
    assert (dispute.status, dispute.outcome) == ("resolved", outcome)
    after = make.again(invoice)
    assert after.status == "overdue"
    assert after.balance == (600 if outcome in ("credit_note", "corrected_amount") else 1000)
    assert planned(invoice).scheduled_for == at("2026-04-07 09:00")
    agree(account)


def test_a_rejection_needs_an_answer_and_a_dispute_ends_once() -> None:
    account = account_at(MONDAY)
    invoice = contested(account)
    dispute, now = Dispute.objects.get(), now_of(invoice)
    with pytest.raises(Refused):
        disputes.reject(now, dispute.pk, make.STAFF, answer=" ")
    disputes.withdraw(now, dispute.pk, make.STAFF)
    with pytest.raises(Refused):
        disputes.withdraw(now, dispute.pk, make.STAFF)


@pytest.mark.parametrize("part", [0, -1, 1001, "0.001"])
def test_an_invalid_disputed_amount_is_refused(part: object) -> None:
    account = account_at(MONDAY)
    invoice = owing(account, amount=1000, currency="AED")
    with pytest.raises(Refused):
        disputes.open_dispute(account, invoice.pk, make.STAFF, amount=Decimal(part))  # type: ignore[arg-type]
    assert make.again(invoice).status != "disputed"


def test_another_accounts_reason_or_dispute_is_not_found() -> None:
    account, other = account_at(MONDAY), make.account()
    invoice = owing(account, amount=1000, currency="AED")
    theirs = DisputeReason.objects.for_account(other).first()
    assert theirs is not None
    with pytest.raises(Refused):
        disputes.open_dispute(account, invoice.pk, make.STAFF, reason_id=theirs.pk)
    dispute = disputes.open_dispute(account, invoice.pk, make.STAFF)
    with pytest.raises(NotFound):
        disputes.withdraw(other, dispute.pk, make.STAFF)


def test_a_new_account_has_reasons_in_both_languages() -> None:
    reasons = DisputeReason.objects.for_account(make.account())
    assert "Wrong price or discount" in [reason.in_language("en") for reason in reasons]
    assert "فاتورة مكررة" in [reason.in_language("ar") for reason in reasons]


def test_closing_the_invoice_closes_its_dispute() -> None:
    account = account_at(MONDAY)
    invoice = contested(account)
    lifecycle.change(now_of(invoice), invoice.pk, make.STAFF, status="cancelled")
    assert Dispute.objects.get().outcome == "closed"


def test_earlier_disputes_become_disputes_of_the_whole_invoice() -> None:
    migration = importlib.import_module("invoices.migrations.0040_disputes")
    account = account_at(MONDAY)
    invoice, paid, other = (owing(account, number) for number in ("INV-1", "INV-2", "INV-3"))
    for each in (invoice, paid):
        lifecycle.change(now_of(each), each.pk, make.API, status="disputed")
    lifecycle.change(now_of(paid), paid.pk, make.API, status="paid")
    Dispute.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(migration.DISPUTES)
    found = {row.invoice_id: (row.amount, row.status, row.opened_at) for row in Dispute.objects.all()}
    assert found == {each.pk: (None, "open", make.again(each).disputed_at) for each in (invoice, paid)}
    assert other.pk not in found
    lifecycle.change(now_of(invoice), invoice.pk, make.API, status="new")
    assert Dispute.objects.get(invoice=invoice).outcome == "withdrawn"
