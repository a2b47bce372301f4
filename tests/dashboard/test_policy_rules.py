"""The rules that choose a policy, the minimum balances and the calls to make, as people use them."""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from communications.models import (
    CallLog,
    CallStatus,
    CallTask,
    CollectionSettings,
    MinimumBalance,
    PolicyRule,
    ReminderPolicy,
    Rescheduling,
)
from communications.schedule import policies
from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from invoices.models import Debtor
from tests.dashboard.world import World, nothing_changes, page, platform, verb

pytestmark = pytest.mark.django_db
LIST = "communications_policyrule"


def order_of(world: World) -> list[str]:
    return list(
        PolicyRule.objects.filter(account=world.account).order_by("position", "id").values_list("tag", flat=True)
    )


def added(world: World, **values: Any) -> Any:
    policy = policies.default_for(world.account)
    given = {"policy": policy.pk, "tag": "", "country": "", "currency": "", "min_amount": "", "max_amount": ""}
    return world.logged_in(Role.MANAGER).post(page(LIST, "add"), given | values)


def test_a_manager_adds_a_rule_at_the_end_and_sees_what_it_matches(own: World, foreign: World) -> None:
    with nothing_changes(foreign):
        assert added(own, currency="aed", min_amount="1").status_code == 302
    rule = PolicyRule.objects.filter(account=own.account).latest("position")
    assert (rule.position, rule.currency, rule.min_amount) == (4, "AED", 1)
    html = own.logged_in(Role.VIEWER).get(page(LIST, "changelist")).content.decode()
    assert "from AED 1.00" in html
    assert "1 open invoice" in html
    assert AuditEntry.objects.filter(account=own.account, action="policyrule.created").exists()
    assert Rescheduling.objects.filter(account=own.account).exists()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"min_amount": "5"},
        {"currency": "AED", "min_amount": "6", "max_amount": "5"},
        {"currency": "ABC"},
        {"country": "A1"},
    ],
    ids=str,
)
def test_a_rule_without_meaning_is_refused_with_a_sentence(own: World, values: dict[str, str]) -> None:
    before = order_of(own)
    response = added(own, **values)
    assert response.status_code == 200
    assert "error" in response.content.decode()
    assert order_of(own) == before


def test_a_policy_of_another_account_is_refused(own: World, foreign: World) -> None:
    theirs = policies.default_for(foreign.account)
    assert added(own, tag="vip", policy=theirs.pk).status_code == 200
    assert "vip" not in order_of(own)


def test_rules_are_moved_changed_and_deleted(own: World) -> None:
    client, (first, second, third) = own.logged_in(Role.MANAGER), order_of(own)
    client.post(verb("communications_policyrule_move_up", own))
    assert order_of(own) == [second, first, third]
    client.post(verb("communications_policyrule_move_down", own))
    assert order_of(own) == [first, second, third]
    rule = PolicyRule.objects.get(account=own.account, tag=second)
    values = {"position": 2, "policy": rule.policy_id, "tag": "vip", "country": "ae", "currency": ""}
    client.post(page(LIST, "change", rule.pk), values)
    rule.refresh_from_db()
    assert (rule.tag, rule.country) == ("vip", "AE")
    client.post(verb("communications_policyrule_remove", own))
    assert order_of(own) == [first, third]
    actions = AuditEntry.objects.filter(account=own.account, action__startswith="policyrule.")
    assert set(actions.values_list("action", flat=True)) == {"policyrule.changed", "policyrule.deleted"}


def test_a_policy_that_a_rule_uses_is_not_deleted(own: World) -> None:
    gentle = policies.create(own.account, "Gentle")
    PolicyRule.objects.filter(pk=own.rows[LIST]).update(policy=gentle)
    client = own.logged_in(Role.MANAGER)
    url = reverse("admin:communications_reminderpolicy_delete_policy", args=[gentle.pk])
    assert "A rule uses this policy" in client.post(url).content.decode()
    PolicyRule.objects.filter(pk=own.rows[LIST]).delete()
    client.post(url)
    assert not ReminderPolicy.objects.filter(pk=gentle.pk).exists()


def test_the_rules_page_offers_platform_staff_the_policies_of_the_rules_account(own: World, foreign: World) -> None:
    policies.create(foreign.account, "Theirs alone")
    html = platform().get(page(LIST, "change", own.rows[LIST])).content.decode()
    assert "Theirs alone" not in html


def test_minimum_balances_and_the_day_of_statements_are_set_by_admins(own: World) -> None:
    rules = CollectionSettings.objects.get(account=own.account)
    values = {
        **{"opens_at": "09:00", "closes_at": "18:00", "hours_between": 72, "most_in_7_days": 2, "cool_off_hours": 24},
        **{"statement_day": 5, "approval_limits-TOTAL_FORMS": 0, "approval_limits-INITIAL_FORMS": 0},
        **{"minimum_balances-TOTAL_FORMS": 1, "minimum_balances-INITIAL_FORMS": 0},
        **{"minimum_balances-0-currency": "aed", "minimum_balances-0-amount": "50"},
    }
    url = page("communications_collectionsettings", "change", rules.pk)
    assert own.logged_in(Role.ADMIN).post(url, values).status_code == 302
    minimum = MinimumBalance.objects.get(settings=rules)
    assert (minimum.currency, minimum.amount) == ("AED", Decimal(50))
    rules.refresh_from_db()
    assert rules.next_statements_at is not None
    assert rules.next_statements_at.astimezone(own.account.zone).day == 5
    actions = AuditEntry.objects.filter(account=own.account).values_list("action", flat=True)
    assert "collectionsettings.minimums_changed" in actions


def test_calls_are_on_the_owners_list_until_one_is_logged(own: World) -> None:
    agent, listed = own.people[Role.AGENT], page("communications_calltask", "changelist")
    client = own.logged_in(Role.AGENT)
    assert own.invoice.invoice_number in client.get(listed).content.decode()
    assert own.invoice.invoice_number not in client.get(f"{listed}?whose=mine").content.decode()
    Debtor.objects.filter(pk=own.invoice.debtor_id).update(owner=agent)
    assert own.invoice.invoice_number in client.get(f"{listed}?whose=mine").content.decode()
    client.post(verb("communications_calltask_log_call", own), {"outcome": "reached", "note": "They pay on Friday."})
    call = CallLog.objects.get(account=own.account)
    assert (call.author, call.note, call.invoice_id) == (agent.email, "They pay on Friday.", own.invoice.pk)
    assert CallTask.objects.get(account=own.account).status == CallStatus.DONE
    assert own.invoice.invoice_number not in client.get(listed).content.decode()


def test_the_debtors_page_leads_to_a_preview_of_the_statement(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    html = client.get(page("invoices_debtor", "change", own.invoice.debtor_id)).content.decode()
    url = f"/admin/invoices/debtor/{own.invoice.debtor_id}/send_statement"
    assert url in html
    response = client.get(verb("invoices_debtor_send_statement", own), follow=True)
    assert "statement of account" in response.content.decode().lower()
