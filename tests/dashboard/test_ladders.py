"""The ladders: read by everybody, edited, made and switched on by managers."""

import datetime as dt
from typing import Any

import pytest

from communications.models import Communication, ReminderPolicy
from communications.schedule import policies
from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from invoices.models import Invoice
from tests import make
from tests.dashboard.world import World, nothing_changes, page, verb

pytestmark = pytest.mark.django_db
LIST = "communications_reminderpolicy"
SHORT = [(1, "reminder", "friendly", ""), (30, "final_notice", "firm", "1")]


def steps_of(policy: ReminderPolicy) -> list[tuple[int, str, str, str]]:
    rows = policy.steps.order_by("offset_days")
    return [(row.offset_days, row.kind, row.tone, str(row.escalates_to or "")) for row in rows]


def typed(policy: ReminderPolicy, steps: list[tuple[int, str, str, str]], name: str = "Standard") -> dict[str, Any]:
    """The form as a person leaves it: the old steps ticked to be deleted, the new ones below."""
    old = list(policy.steps.order_by("offset_days"))
    said: dict[str, Any] = {
        "name": name,
        "steps-TOTAL_FORMS": len(old) + len(steps),
        "steps-INITIAL_FORMS": len(old),
    }
    for number, row in enumerate(old):
        values = {"id": row.pk, "DELETE": "on", "offset_days": row.offset_days, "kind": row.kind, "tone": row.tone}
        said |= {f"steps-{number}-{field}": value for field, value in values.items()}
        said[f"steps-{number}-channels"] = "sms,email"
    for number, (offset, kind, tone, level) in enumerate(steps, start=len(old)):
        values = {"offset_days": offset, "kind": kind, "tone": tone, "escalates_to": level}
        said |= {f"steps-{number}-{field}": value for field, value in values.items()}
        said[f"steps-{number}-channels"] = "sms,email"
    return said


def test_an_account_has_the_standard_ladder_from_the_first(own: World) -> None:
    policy = ReminderPolicy.objects.get(account=make.account("Oryx"))
    assert (policy.name, policy.is_default) == ("Standard", True)
    assert [offset for offset, *_ in steps_of(policy)] == [-3, 1, 7, 14, 21, 35]


def test_a_ladder_reads_as_what_happens_on_which_day(own: World) -> None:
    html = own.logged_in(Role.VIEWER).get(page(LIST, "changelist")).content.decode()
    for line in (
        "3 days before: reminder, friendly",
        "1 day after: reminder, friendly",
        "21 days after: final notice, firm, escalation level 1",
        "35 days after: no message, escalation level 2",
        "1 open invoice",
    ):
        assert line in html


def test_a_manager_edits_the_steps_and_nothing_is_sent_again(own: World) -> None:
    policy = policies.default_for(own.account)
    address = page(LIST, "change", policy.pk)
    assert own.logged_in(Role.MANAGER).post(address, typed(policy, SHORT)).status_code == 302
    assert steps_of(policy) == SHORT
    assert {tuple(step.channels) for step in policy.steps.all()} == {("sms", "email")}
    assert Communication.objects.get(invoice=own.invoice).status == "scheduled"
    entry = AuditEntry.objects.get(account=own.account, action="reminderpolicy.edited")
    assert "30 days after: final notice, firm, escalation level 1" in entry.detail["changes"]["steps"][1]


def test_a_form_that_is_sent_back_as_it_came_changes_nothing(own: World) -> None:
    policy = policies.default_for(own.account)
    address = page(LIST, "change", policy.pk)
    said = typed(policy, [])
    for number, row in enumerate(policy.steps.order_by("offset_days")):
        said |= {
            f"steps-{number}-channels": ",".join(row.channels),
            f"steps-{number}-escalates_to": row.escalates_to or "",
        }
        del said[f"steps-{number}-DELETE"]
    client = own.logged_in(Role.MANAGER)
    assert "Email, else WhatsApp, else SMS" in client.get(address).content.decode()
    assert client.post(address, said).status_code == 302
    assert not AuditEntry.objects.filter(action="reminderpolicy.edited").exists()
    assert list(policy.steps.values_list("channels", flat=True)) == [["email", "whatsapp", "sms"]] * 6


def test_two_steps_on_one_day_are_refused_and_an_agent_changes_none(own: World) -> None:
    policy = policies.default_for(own.account)
    address = page(LIST, "change", policy.pk)
    with nothing_changes(own):
        answer = own.logged_in(Role.MANAGER).post(address, typed(policy, [*SHORT, SHORT[0]]))
        assert "Please correct the duplicate" in answer.content.decode()
        assert own.logged_in(Role.AGENT).post(address, typed(policy, SHORT)).status_code == 403
    assert len(steps_of(policy)) == len(policies.DEFAULT)


def test_a_new_ladder_chases_nobody_until_it_is_switched_on_and_says_before_what_will_enter(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    assert client.post(page(LIST, "add"), {"name": "Gentle"}).status_code == 302
    gentle = ReminderPolicy.objects.get(name="Gentle")
    assert (gentle.account, gentle.is_default) == (own.account, False)
    assert not policies.chased_by(gentle).exists()
    make.invoice(own.account)
    address = verb(f"{LIST}_switch_on", own).replace(str(own.rows[LIST]), str(gentle.pk))
    shown = client.post(address, {"whom": "all", "overdue_enter": "on"}).context["entering"]
    assert (shown.overdue, shown.upcoming) == (1, 1)
    assert not policies.chased_by(gentle).exists()
    client.post(address, {"whom": "all", "overdue_enter": "on", "confirm": "yes"})
    assert policies.chased_by(gentle).count() == 2
    planned = Communication.objects.get(invoice=own.invoice, status="scheduled")
    assert planned.scheduled_for.astimezone(own.account.zone).date() > own.account.today()
    assert client.post(page(LIST, "add"), {"name": "Gentle"}).context["form"].errors["name"]


def test_those_past_due_may_stay_out(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    client.post(verb(f"{LIST}_switch_on", own), {"whom": "all", "confirm": "yes"})
    assert make.again(own.invoice).is_chased is False
    assert not Communication.objects.filter(invoice=own.invoice, status="scheduled").exists()


def test_an_invoice_is_given_another_ladder_or_none(own: World, foreign: World) -> None:
    client = own.logged_in(Role.MANAGER)
    gentle, theirs = policies.create(own.account, "Gentle"), policies.create(foreign.account, "Theirs")
    policies.edit(gentle, [policies.Step(9, "reminder")])
    address = verb("invoices_invoice_choose_policy", own)
    with nothing_changes(own):
        assert "policy" in client.post(address, {"ladder": str(theirs.pk)}).context["form"].errors
    client.post(address, {"policy": str(gentle.pk)})
    assert make.again(own.invoice).policy_id == gentle.pk
    assert Communication.objects.get(invoice=own.invoice, status="scheduled").step == 9
    client.post(address, {"policy": "none"})
    left: Invoice = make.again(own.invoice)
    assert (left.is_chased, left.next_contact_at) == (False, None)
    assert not Communication.objects.filter(invoice=own.invoice, status="scheduled").exists()
    client.post(address, {"policy": "own"})
    back = make.again(own.invoice)
    assert (back.is_chased, back.policy_id) == (True, None)
    assert back.entered_on is not None
    assert own.account.today() - back.entered_on < dt.timedelta(days=1)
