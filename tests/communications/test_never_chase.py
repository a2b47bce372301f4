"""Debtors who are never chased, and debtors with a reminder policy of their own."""

import datetime as dt
from decimal import Decimal

import pytest

from communications.delivery import manual, sender
from communications.delivery.manual import MessageRequest
from communications.models import CollectionSettings, Communication, PolicyStep, ReminderPolicy
from communications.schedule import policies
from inflow.accounts.models import Account
from invoices import amending, lifecycle
from invoices.debtors import editing, finding
from invoices.models import Debtor, Escalation, Invoice, TimelineEntry
from tests import make
from tests.communications.test_ladder import account_at, at
from tests.communications.test_one_future import MONDAY, agree, next_in_forecast, now_of, owing, planned, until

pytestmark = pytest.mark.django_db
WHY = "A sister company of ours."


def leave_alone(invoice: Invoice) -> Debtor:
    return editing.never_chase(now_of(invoice), invoice.debtor_id, make.STAFF, WHY)


def chase_again(invoice: Invoice) -> Debtor:
    return editing.chase_again(now_of(invoice), invoice.debtor_id, make.STAFF)


def kinds_on(invoice: Invoice) -> list[str]:
    return list(TimelineEntry.objects.filter(invoice=invoice).values_list("kind", flat=True))


def test_no_message_about_any_invoice_is_planned_foreseen_or_sent() -> None:
    account = account_at(MONDAY)
    planned_one, later = owing(account, "INV-1"), owing(account, "INV-2", due_date=dt.date(2026, 4, 20))
    until(account, "2026-04-06 12:00")
    leave_alone(planned_one)
    for invoice in (planned_one, later):
        assert make.again(invoice).next_contact_at is None
    assert planned(planned_one).waits_for == "never_chase"
    foreseen = next_in_forecast(account)
    assert {number: reason for number, (_at, reason) in foreseen.items()} == dict.fromkeys(
        ("INV-1", "INV-2"), "never_chase"
    )
    arrived = owing(account, "INV-3", due_date=dt.date(2026, 4, 1))
    until(account, "2026-07-30 12:00")
    assert not Communication.objects.filter(account=account, status="sent").exists()
    assert not Escalation.objects.exists()
    for invoice in (planned_one, later, arrived):
        assert make.again(invoice).next_contact_at is None


def test_an_amended_invoice_follows_the_facts_of_its_new_debtor() -> None:
    account = account_at(MONDAY)
    left_alone, moving = owing(account, "INV-1"), owing(account, "INV-2", debtor_company="Oryx Foods FZE")
    leave_alone(left_alone)
    until(account, "2026-04-06 12:00")
    assert planned(moving).waits_for == ""
    for company, waits_for in ((left_alone.debtor_company, "never_chase"), ("Oryx Foods FZE", "")):
        amending.amend(now_of(moving), moving.pk, make.API, {"debtor_company": company})
        assert planned(moving).waits_for == waits_for
        assert (make.again(moving).next_contact_at is None) == bool(waits_for)
    assert kinds_on(moving).count("moved") == 2
    assert {"others_arrived", "others_left"} <= set(kinds_on(left_alone))


def test_the_timeline_says_why() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, "INV-1")
    until(account, "2026-04-06 12:00")
    leave_alone(invoice)
    entries = TimelineEntry.objects.filter(invoice=invoice, kind__in=("never_chase", "postponed"))
    assert list(entries.values_list("reason", flat=True)) == [WHY, WHY]
    chase_again(invoice)
    assert kinds_on(invoice)[-1] == "chased_again"


def test_clearing_the_mark_lets_the_messages_go_at_once_and_all_places_agree() -> None:
    account = account_at(MONDAY)
    invoice, later = owing(account, "INV-1"), owing(account, "INV-2", due_date=dt.date(2026, 4, 20))
    until(account, "2026-04-06 12:00")
    before = [make.again(each).next_contact_at for each in (invoice, later)]
    leave_alone(invoice)
    chase_again(invoice)
    assert [make.again(each).next_contact_at for each in (invoice, later)] == before
    assert planned(invoice).waits_for == ""
    agree(account)
    debtor = Debtor.objects.get(pk=invoice.debtor_id)
    assert (debtor.never_chase, debtor.never_chase_reason) == (False, "")


def test_a_message_that_is_due_does_not_pass_the_gate() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, "INV-1")
    until(account, "2026-04-06 12:00")
    row = planned(invoice)
    Communication.objects.filter(pk=row.pk).update(scheduled_for=at("2026-04-06 12:00"))
    # As if a reminder had been planned in a transaction that did not see the mark.
    Debtor.objects.filter(pk=invoice.debtor_id).update(never_chase=True, never_chase_reason=WHY)
    sender.send_due(now_of(invoice).now(), account=now_of(invoice))
    assert (planned(invoice).status, planned(invoice).waits_for) == ("scheduled", "never_chase")


@pytest.mark.parametrize("status", ["disputed", "on_hold"])
def test_a_dispute_or_a_hold_does_not_hide_the_mark(status: str) -> None:
    account = account_at(MONDAY)
    invoice = owing(account, "INV-1")
    lifecycle.change(now_of(invoice), invoice.pk, make.API, status=status)
    leave_alone(invoice)
    assert make.again(invoice).next_contact_at is None
    until(account, "2026-06-30 12:00")
    assert not Communication.objects.filter(account=account, status="sent").exists()
    assert make.again(invoice).next_contact_at is None


def test_a_manual_message_is_refused_with_the_reason_until_the_mark_is_cleared() -> None:
    account = account_at("2026-04-06 10:00")
    invoice = owing(account, "INV-1")
    leave_alone(invoice)
    request = MessageRequest("manual", "email", "en", "Hello", "Hello")
    shown = manual.preview(now_of(invoice), invoice.pk, make.STAFF, request)
    assert not shown.may_be_sent
    assert shown.refusal == f"the debtor is marked never chase: {WHY}"
    chase_again(invoice)
    assert manual.preview(now_of(invoice), invoice.pk, make.STAFF, request).may_be_sent


def test_optional_messages_are_not_sent_either() -> None:
    account = account_at("2026-04-06 10:00")
    CollectionSettings.objects.create(account=account, says_thanks=True, recalls_promises=True)
    invoice = owing(account, "INV-1")
    lifecycle.promise(now_of(invoice), invoice.pk, make.STAFF, dt.date(2026, 4, 10))
    leave_alone(invoice)
    until(account, "2026-04-12 12:00")
    lifecycle.record_payment(now_of(invoice), invoice.pk, make.API, amount=Decimal(25_000))
    until(account, "2026-04-20 12:00")
    assert not Communication.objects.filter(account=account, status="sent").exists()


# --- Policies ----------------------------------------------------------------------------------------------------


def gentle(account: Account, *days: int) -> ReminderPolicy:
    policy = policies.create(account, f"Gentle {days}")
    PolicyStep.objects.filter(policy=policy).delete()
    policies.edit(policy, [policies.Step(day, "reminder") for day in days])
    return policy


def give(invoice: Invoice, policy: ReminderPolicy | None) -> None:
    editing.change(now_of(invoice), invoice.debtor_id, make.STAFF, {"policy": policy})


def test_the_invoices_own_policy_precedes_the_debtors_and_that_the_accounts() -> None:
    account = account_at(MONDAY)
    invoice, other = owing(account, "INV-1"), owing(account, "INV-2")
    ten, twenty = gentle(account, 10), gentle(account, 20)
    assert [step.offset_days for step in policies.steps_of(make.again(invoice))][:3] == [-3, 1, 7]
    give(invoice, ten)
    assert [step.offset_days for step in policies.steps_of(make.again(invoice))] == [10]
    lifecycle.set_policy(now_of(invoice), invoice.pk, make.STAFF, policy_id=twenty.pk, is_chased=True, restarts=False)
    assert [step.offset_days for step in policies.steps_of(make.again(invoice))] == [20]
    assert make.again(other).next_contact_at == at("2026-04-15 09:00")
    default = policies.default_for(account)
    counts = {each: policies.chased_by(each).count() for each in (ten, twenty, default)}
    assert counts == {ten: 1, twenty: 1, default: 0}
    agree(account)


def test_a_changed_policy_reschedules_the_debtors_invoices_at_once() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, "INV-1")
    until(account, "2026-04-06 12:00")
    assert planned(invoice).scheduled_for == at("2026-04-07 09:00")
    give(invoice, gentle(account, 10))
    assert planned(invoice).scheduled_for == make.again(invoice).next_contact_at == at("2026-04-15 09:00")
    agree(account)
    give(invoice, None)
    assert make.again(invoice).next_contact_at == at("2026-04-07 09:00")
    assert [kind for kind in kinds_on(invoice) if kind == "debtor_policy"] == ["debtor_policy"] * 2
    agree(account)


def test_an_edited_policy_reaches_the_invoices_of_its_debtors() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, "INV-1")
    policy = gentle(account, 10)
    give(invoice, policy)
    policies.edit(policy, [policies.Step(3, "reminder")])
    until(account, "2026-04-06 12:00")
    assert make.again(invoice).next_contact_at == at("2026-04-08 09:00")


def test_new_invoices_of_the_debtor_follow_its_policy() -> None:
    account = account_at(MONDAY)
    give(owing(account, "INV-1"), gentle(account, 10))
    assert make.again(owing(account, "INV-2")).next_contact_at == at("2026-04-15 09:00")


def test_switching_on_the_default_policy_prevails_over_the_debtors() -> None:
    account = account_at(MONDAY)
    invoice, other = owing(account, "INV-1"), owing(account, "INV-2", debtor_company="Another LLC")
    give(invoice, gentle(account, 10))
    default = policies.default_for(account)
    chosen = Invoice.objects.filter(pk__in=[invoice.pk, other.pk])
    policies.switch_on(account, chosen, None, make.STAFF, overdue_enter=True)
    assert {make.again(each).policy_id for each in (invoice, other)} == {default.pk, None}
    assert policies.chased_by(default).count() == 2


def test_a_debtor_with_an_unchanged_policy_is_left_as_it_is() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, "INV-1")
    before = Debtor.objects.get(pk=invoice.debtor_id).updated_at
    give(invoice, None)
    assert Debtor.objects.get(pk=invoice.debtor_id).updated_at == before
    assert finding.with_external_id(account, "C-1") is None
