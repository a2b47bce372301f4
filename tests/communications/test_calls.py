"""Steps that ask for a call: done when it is logged, or after three working days."""

import datetime as dt

import pytest

from communications.engine import forecast
from communications.models import CallLog, CallStatus, CallTask, Communication
from communications.schedule import calls, limits, policies
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.errors import NotFound
from invoices.models import Invoice, TimelineEntry
from tests import make
from tests.communications.test_ladder import account_at, at, cases, sent
from tests.communications.test_one_future import agree, now_of, until

pytestmark = pytest.mark.django_db
STEPS = [
    policies.Step(1, "reminder"),
    policies.Step(3, "call", escalates_to=1),
    policies.Step(10, "follow_up"),
]


def owing(account: Account, number: str = "INV-1") -> Invoice:
    """Due on Saturday 14 February."""
    policies.edit(policies.default_for(account), STEPS)
    return make.invoice(account, invoice_number=number, issue_date=dt.date(2026, 1, 15), due_date=dt.date(2026, 2, 14))


def test_a_call_that_nobody_makes_is_done_after_three_working_days() -> None:
    account = account_at("2026-01-15 10:00")
    invoice = owing(account)
    until(account, "2026-02-17 12:00")
    task = CallTask.objects.get()
    assert (task.invoice_id, task.step, task.status) == (invoice.pk, 3, CallStatus.OPEN)
    assert task.opened_at == at("2026-02-17 00:00")
    assert task.expires_at == at("2026-02-21 00:00")
    assert cases(account) == []
    agree(account)
    until(account, "2026-02-23 12:00")
    task.refresh_from_db()
    assert task.status == CallStatus.EXPIRED
    assert cases(account) == [(1, "policy_step", "02-21 00:00")]
    # It added nothing to the slip.
    assert make.again(invoice).slip_days == 0
    until(account, "2026-02-25 12:00")
    assert sent(account) == [("reminder", "02-16 09:00"), ("follow_up", "02-24 09:00")]
    kinds = TimelineEntry.objects.filter(invoice=invoice, kind__startswith="call").values_list("kind", flat=True)
    assert list(kinds) == ["call_due", "call_expired"]


def test_a_logged_call_does_the_step_and_escalates_then() -> None:
    account = account_at("2026-01-15 10:00")
    invoice = owing(account)
    until(account, "2026-02-17 12:00")
    call = calls.log(now_of(invoice), make.STAFF, invoice_id=invoice.pk, outcome="no_answer", note="Rang twice.")
    task = CallTask.objects.get()
    assert (task.status, task.call_id) == (CallStatus.DONE, call.pk)
    assert make.again(invoice).last_step == 3
    assert cases(account) == [(1, "policy_step", "02-17 12:00")]
    assert (call.author, call.note, call.at) == (make.STAFF.name, "Rang twice.", at("2026-02-17 12:00"))
    agree(account)


def test_only_a_call_that_reached_somebody_counts_as_a_contact() -> None:
    account = account_at("2026-01-15 10:00")
    invoice = owing(account)
    until(account, "2026-02-23 12:00")
    known = len(limits.contacts(invoice.debtor_id, now_of(invoice).now()))
    calls.log(now_of(invoice), make.STAFF, debtor_id=invoice.debtor_id, outcome="no_answer")
    assert len(limits.contacts(invoice.debtor_id, now_of(invoice).now())) == known
    calls.log(now_of(invoice), make.STAFF, debtor_id=invoice.debtor_id, outcome="reached")
    assert len(limits.contacts(invoice.debtor_id, now_of(invoice).now())) == known + 1
    assert make.again(invoice).next_contact_at == at("2026-02-26 12:00")
    agree(account)


def test_a_call_to_the_debtor_does_the_steps_of_all_its_invoices() -> None:
    account = account_at("2026-01-15 10:00")
    first, second = owing(account), owing(account, "INV-2")
    until(account, "2026-02-17 12:00")
    calls.log(now_of(first), make.STAFF, debtor_id=first.debtor_id, outcome="reached")
    assert {make.again(each).last_step for each in (first, second)} == {3}
    assert CallLog.objects.count() == 1


def test_the_forecast_shows_a_call_without_a_message() -> None:
    account = account_at("2026-01-15 10:00")
    owing(account)
    entries = forecast.forecast(account, 60).entries
    found = [(entry.kind, entry.channel, entry.step, entry.scheduled_for) for entry in entries]
    assert ("call", "", 3, at("2026-02-17 00:00")) in found
    assert not CallTask.objects.exists()
    until(account, "2026-03-15 10:00")
    moments = set(Communication.objects.values_list("sent_at", flat=True))
    assert {entry.scheduled_for for entry in entries if entry.kind != "call"} == moments


def test_held_closed_and_postponed_invoices_ask_for_no_call() -> None:
    account = account_at("2026-01-15 10:00")
    held, paid, moved = owing(account), owing(account, "INV-2"), owing(account, "INV-3")
    until(account, "2026-02-16 12:00")
    lifecycle.change(now_of(held), held.pk, make.STAFF, status="on_hold", hold_until=dt.date(2026, 3, 1))
    lifecycle.record_payment(now_of(paid), paid.pk, make.API, amount=paid.amount)
    until(account, "2026-02-17 12:00")
    assert [task.invoice_id for task in CallTask.objects.all()] == [moved.pk]
    lifecycle.move_due_date(now_of(moved), moved.pk, make.STAFF, dt.date(2026, 3, 14))
    assert CallTask.objects.get().status == CallStatus.CANCELLED


def test_another_accounts_invoice_is_not_found() -> None:
    account, other = make.account(), make.account()
    invoice = make.invoice(account)
    with pytest.raises(NotFound):
        calls.log(other, make.STAFF, outcome="reached", invoice_id=invoice.pk)
    with pytest.raises(NotFound):
        calls.log(other, make.STAFF, outcome="reached", debtor_id=invoice.debtor_id)
