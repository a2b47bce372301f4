"""Rules that choose the policy of an invoice: every reader follows the first one that matches."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from communications.models import Communication, PolicyRule, ReminderPolicy, Rescheduling
from communications.schedule import policies, policy_rules
from inflow.accounts.models import Account, AuditEntry
from invoices import lifecycle
from invoices.debtors import editing
from invoices.errors import Refused
from invoices.models import Invoice
from tests import make
from tests.communications.test_ladder import account_at, at, sent
from tests.communications.test_one_future import MONDAY, agree, now_of, owing, planned, until

pytestmark = pytest.mark.django_db


def gentle(account: Account, *days: int) -> ReminderPolicy:
    policy = policies.create(account, f"On days {days}")
    policies.edit(policy, [policies.Step(day, "reminder") for day in days])
    return policy


def rule(account: Account, policy: ReminderPolicy, position: int = 1, **conditions: Any) -> PolicyRule:
    row = PolicyRule(account=account, policy=policy, position=position, **conditions)
    row.save()
    return row


def days_of(invoice: Invoice) -> list[int]:
    return [step.offset_days for step in policies.steps_of(make.again(invoice))]


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({"tag": "vip"}, True),
        ({"tag": "vi"}, False),
        ({"country": "AE"}, True),
        ({"country": "SA"}, False),
        ({"currency": "AED"}, True),
        ({"currency": "USD"}, False),
        ({"currency": "AED", "min_amount": 25000}, True),
        ({"currency": "AED", "min_amount": 25001}, False),
        ({"currency": "AED", "max_amount": 25000}, True),
        ({"currency": "AED", "max_amount": 24999}, False),
        ({"tag": "vip", "country": "SA"}, False),
    ],
)
def test_a_rule_matches_an_invoice_that_meets_all_of_its_conditions(conditions: dict[str, Any], matches: bool) -> None:
    account = account_at(MONDAY)
    invoice = owing(account, amount=25000, currency="AED", tags=["vip"], debtor_phone="+971501234567")
    rule(account, gentle(account, 12), **conditions)
    assert (days_of(invoice) == [12]) == matches
    counted = policy_rules.matches(account, policies.unassigned(account), policy_rules.of(account))
    assert counted == [(invoice.pk, 0 if matches else None)]


def test_the_invoices_policy_comes_first_then_the_debtors_then_the_first_rule_then_the_default() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, tags=["vip"])
    first, second, third, fourth = (gentle(account, day) for day in (11, 12, 13, 14))
    assert days_of(invoice)[:2] == [-3, 1]
    rule(account, fourth, 2, currency=invoice.currency)
    assert days_of(invoice) == [14]
    rule(account, third, 1, tag="vip")
    assert days_of(invoice) == [13]
    editing.change(now_of(invoice), invoice.debtor_id, make.STAFF, {"policy": second})
    assert days_of(invoice) == [12]
    lifecycle.set_policy(now_of(invoice), invoice.pk, make.STAFF, policy_id=first.pk, is_chased=True)
    assert days_of(invoice) == [11]
    counts = [policies.chased_by(each).count() for each in (first, second, third, fourth)]
    assert counts == [1, 0, 0, 0]


def test_the_engine_and_the_forecast_follow_the_rule() -> None:
    account = account_at(MONDAY)
    vip, other = (
        owing(account, "INV-1", tags=["vip"]),
        owing(account, "INV-2", debtor_name="Other", debtor_email="o@x.example"),
    )
    rule(account, gentle(account, 3), tag="vip")
    until(account, "2026-04-06 08:01")
    agree(account)
    until(account, "2026-04-20 12:00")
    moments = {row.invoice_id: row.sent_at for row in Communication.objects.filter(status="sent").order_by("-sent_at")}
    assert moments[vip.pk] == at("2026-04-08 09:00")
    assert moments[other.pk] == at("2026-04-07 09:00")
    steps = set(Communication.objects.filter(invoice=vip).values_list("step", flat=True))
    assert steps == {3}
    agree(account)


def test_a_change_of_the_rules_reschedules_in_the_background() -> None:
    account = account_at(MONDAY)
    invoice = owing(account)
    until(account, "2026-04-06 08:30")
    assert planned(invoice).step == 1
    made = rule(account, gentle(account, 5), currency=invoice.currency)
    assert Rescheduling.objects.filter(account=account).exists()
    until(account, "2026-04-06 08:31")
    assert planned(invoice).step == 5
    assert make.again(invoice).next_contact_at == at("2026-04-10 09:00")
    agree(account)
    made.delete()
    until(account, "2026-04-06 08:32")
    assert planned(invoice).step == 1
    agree(account)


def test_an_amended_amount_or_tag_and_a_debtors_tag_choose_again() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, amount=500)
    rule(account, gentle(account, 6), 1, tag="late-payer")
    rule(account, gentle(account, 5), 2, currency=invoice.currency, min_amount=1000)
    until(account, "2026-04-06 08:30")
    assert planned(invoice).step == 1
    lifecycle.amend(now_of(invoice), invoice.pk, make.STAFF, {"amount": Decimal(2000)})
    assert make.again(invoice).next_contact_at == at("2026-04-10 09:00")
    lifecycle.amend(now_of(invoice), invoice.pk, make.STAFF, {"tags": ["late-payer"]})
    assert days_of(invoice) == [6]
    assert make.again(invoice).next_contact_at == at("2026-04-13 09:00")
    lifecycle.amend(now_of(invoice), invoice.pk, make.STAFF, {"tags": [], "amount": Decimal(500)})
    assert planned(invoice).step == 1
    editing.change(now_of(invoice), invoice.debtor_id, make.STAFF, {"tags": ["late-payer"]})
    assert make.again(invoice).next_contact_at == at("2026-04-13 09:00")
    agree(account)


def test_edited_steps_of_a_rules_policy_reach_its_invoices() -> None:
    account = account_at(MONDAY)
    invoice = owing(account)
    policy = gentle(account, 5)
    rule(account, policy, currency=invoice.currency)
    until(account, "2026-04-06 08:30")
    policies.edit(policy, [policies.Step(1, "final_notice")])
    until(account, "2026-04-06 08:31")
    assert planned(invoice).kind == "final_notice"
    assert policies.chased_by(policy).count() == 1
    assert policies.chased_by(policies.default_for(account)).count() == 0


def test_a_policy_in_use_is_not_deleted() -> None:
    account = account_at(MONDAY)
    invoice, policy = owing(account), gentle(account, 5)
    made = rule(account, policy, tag="vip")
    with pytest.raises(Refused, match="A rule uses this policy"):
        policies.delete(policy, make.STAFF)
    made.delete()
    lifecycle.set_policy(now_of(invoice), invoice.pk, make.STAFF, policy_id=policy.pk, is_chased=True)
    with pytest.raises(Refused, match="An invoice has this policy"):
        policies.delete(policy, make.STAFF)
    lifecycle.set_policy(now_of(invoice), invoice.pk, make.STAFF, policy_id=None, is_chased=True)
    policies.delete(policy, make.STAFF)
    assert not ReminderPolicy.objects.filter(pk=policy.pk).exists()
    assert AuditEntry.objects.filter(action="reminderpolicy.deleted", account=account).exists()
    with pytest.raises(Refused, match="default policy"):
        policies.delete(policies.default_for(account), make.STAFF)


@pytest.mark.parametrize(
    "conditions", [{}, {"min_amount": 5}, {"currency": "AED", "min_amount": 6, "max_amount": 5}], ids=str
)
def test_the_database_refuses_a_rule_without_meaning(conditions: dict[str, Any]) -> None:
    account = make.account()
    with pytest.raises(IntegrityError), transaction.atomic():
        rule(account, policies.default_for(account), **conditions)


def test_rules_of_another_account_choose_nothing() -> None:
    account, other = account_at(MONDAY), make.account()
    invoice = owing(account)
    rule(other, gentle(other, 9), currency=invoice.currency)
    until(account, "2026-04-07 12:00")
    assert sent(account) == [("reminder", "04-07 09:00")]
