"""The pages of an account's rules: forecast, policies, brakes, calendars; each of the person's own account only."""

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse

from communications.engine import clock
from communications.models import ApprovalLimit, CollectionSettings, Communication, ReminderPolicy, State
from communications.schedule import policies
from inflow.accounts.models import Account, AuditEntry
from inflow.accounts.roles import Role
from invoices import lifecycle
from invoices.models import CalendarRule
from tests import make
from tests.communications.test_ladder import account_at, at
from tests.dashboard.world import World, logged_in, nothing_changes, page, platform, verb

pytestmark = pytest.mark.django_db
FORECAST = "/admin/communications/collectionsettings/forecast/"


def test_the_forecast_shows_the_own_account_and_no_other(own: World, foreign: World) -> None:
    assert reverse("admin:communications_forecast") == FORECAST
    client = own.logged_in(Role.VIEWER)
    with nothing_changes(own, foreign):
        html = client.get(FORECAST).content.decode()
        assert "Falcon-1" in html
        assert "Sandfox" not in html
        assert client.get(FORECAST, {"account": str(foreign.account.pk)}).status_code == 404
        assert client.get(FORECAST, {"account": "x"}).status_code == 404


def test_platform_staff_choose_whose_forecast(own: World, foreign: World) -> None:
    client = platform()
    assert "Falcon-1" not in client.get(FORECAST).content.decode()
    html = client.get(FORECAST, {"account": str(foreign.account.pk)}).content.decode()
    assert "Sandfox-1" in html
    assert "Falcon-1" not in html


def test_the_forecast_says_who_when_which_step_and_why_not() -> None:
    account = account_at("2026-04-06 08:00")
    make.invoice(account, invoice_number="INV-1", issue_date=dt.date(2026, 2, 1), due_date=dt.date(2026, 4, 6))
    stuck = make.invoice(
        account, invoice_number="INV-2", issue_date=dt.date(2026, 2, 1), due_date=dt.date(2026, 4, 6), debtor_email=""
    )
    html = logged_in(make.user(account, Role.VIEWER)).get(FORECAST, {"days": "7"}).content.decode()
    for words in ("Tuesday, 7 April", "09:00", "Ahmed Al Rashid", "INV-1", "Reminder", "day <bdi>+1</bdi>", "Not sent"):
        assert words in html
    assert "the debtor has no contact details" in html
    assert str(stuck.pk) in html


def test_stopping_and_resuming_is_recorded_and_of_one_account(own: World, foreign: World) -> None:
    client = own.logged_in(Role.MANAGER)
    with nothing_changes(foreign):
        client.post(verb("communications_collectionsettings_stop", own), {"channels": ["sms"]})
        rules = CollectionSettings.objects.get(account=own.account)
        assert (rules.is_stopped, rules.stopped_channels) == (False, ["sms"])
        client.post(verb("communications_collectionsettings_stop", own), {})
        rules.refresh_from_db()
        assert (rules.is_stopped, rules.stopped_channels) == (True, [])
        held = Communication.objects.get(account=own.account)
        Communication.objects.filter(pk=held.pk).update(waits_for="stopped")
        address = page("communications_communication", "changelist") + "?waits=stopped"
        shown = client.get(page("communications_collectionsettings", "change", own.account.pk)).content.decode()
        assert '?waits=stopped">1</a>' in shown
        assert str(held.pk) in client.get(address).content.decode()
        client.post(verb("communications_collectionsettings_resume", own))
    rules.refresh_from_db()
    assert not rules.is_stopped
    assert Communication.objects.get(pk=held.pk).waits_for == "answer"  # which nobody has handled
    actions = AuditEntry.objects.filter(account=own.account, action__startswith="messages.")
    assert sorted(actions.values_list("action", flat=True)) == [
        *("messages.resumed", "messages.stopped", "messages.stopped")
    ]


def test_a_member_s_rules_are_made_at_their_first_use_and_only_an_admin_changes_them() -> None:
    account = make.account()
    address = page("communications_collectionsettings", "change", account.pk)
    said = {
        "opens_at": "10:00",
        "closes_at": "17:00",
        "hours_between": "96",
        "most_in_7_days": "1",
        "stale_after_hours": "48",
        "cool_off_hours": "12",
        **{"minimum_balances-TOTAL_FORMS": "0", "minimum_balances-INITIAL_FORMS": "0"},
        "approval_limits-TOTAL_FORMS": "1",
        "approval_limits-INITIAL_FORMS": "0",
        "approval_limits-0-currency": "aed",
        "approval_limits-0-amount": "50000",
        "approval_limits-0-settings": str(account.pk),
    }
    manager = logged_in(make.user(account, Role.MANAGER))
    assert manager.get(address).status_code == 200
    assert manager.post(address, said).status_code == 403
    assert logged_in(make.user(account, Role.ADMIN)).post(address, said).status_code == 302
    rules = CollectionSettings.objects.get(account=account)
    assert (rules.hours_between, rules.stale_after_hours, rules.cool_off_hours) == (96, 48, 12)
    limit = ApprovalLimit.objects.get(settings=rules)
    assert (limit.currency, limit.amount) == ("AED", Decimal(50_000))
    entry = AuditEntry.objects.get(account=account, action="collectionsettings.limits_changed")
    assert list(entry.detail["limits"]) == ["AED"]
    said["approval_limits-0-currency"] = "XYZ"
    assert b"ISO 4217" in logged_in(make.user(account, Role.ADMIN)).post(address, said).content


def held_notice() -> tuple[Account, Communication]:
    account = account_at("2026-03-30 08:00")
    rules = CollectionSettings.objects.create(account=account)
    ApprovalLimit.objects.create(settings=rules, currency="AED", amount=100)
    policies.edit(policies.default_for(account), [policies.Step(1, "final_notice", escalates_to=1)])
    make.invoice(account, issue_date=dt.date(2026, 2, 1), due_date=dt.date(2026, 4, 6))
    clock.set_clock(account, at("2026-04-07 10:00"))
    return account, Communication.objects.get(status=State.HELD)


def test_a_held_final_notice_is_listed_and_released_by_a_person() -> None:
    account, row = held_notice()
    agent = make.user(account, Role.AGENT)
    client = logged_in(agent)
    listed = client.get(page("communications_communication", "changelist") + "?waits=held").content.decode()
    assert str(row.pk) in listed
    html = client.get(page("communications_communication", "change", row.pk)).content.decode()
    address = reverse("admin:communications_communication_release", args=[row.pk])
    assert address in html
    client.get(address)
    row.refresh_from_db()
    assert row.status == State.HELD  # a GET only asks
    client.post(address)
    row.refresh_from_db()
    assert (row.status, row.approved_by) == (State.SCHEDULED, agent.email)
    client.post(reverse("admin:communications_communication_call_back", args=[row.pk]))
    client.post(reverse("admin:communications_communication_cancel", args=[row.pk]), {"reason": "Old customer."})
    row.refresh_from_db()
    assert row.status == State.CANCELLED


def test_switching_a_policy_on_shows_before_what_enters_and_when() -> None:
    account = account_at("2026-04-06 08:00")
    invoice = make.invoice(
        account, invoice_number="INV-1", issue_date=dt.date(2026, 2, 1), due_date=dt.date(2026, 4, 1)
    )
    lifecycle.set_policy(account, invoice.pk, make.STAFF, policy_id=None, is_chased=False)
    policy = ReminderPolicy.objects.get(account=account)
    address = reverse("admin:communications_reminderpolicy_switch_on", args=[policy.pk])
    client = logged_in(make.user(account, Role.MANAGER))
    html = client.post(address, {"whom": "idle", "overdue_enter": "on"}).content.decode()
    assert "Overdue invoices (included): 1. Not yet due: 0." in " ".join(html.split())
    assert "Tuesday, 7 April" in html
    assert not make.again(invoice).is_chased
    html = client.post(address, {"whom": "idle"}).content.decode()
    assert "No messages are planned" in html
    assert client.post(address, {"whom": "idle", "overdue_enter": "on", "confirm": ""}).status_code == 302
    assert make.again(invoice).is_chased
    assert AuditEntry.objects.filter(action="reminderpolicy.switched_on").exists()


def test_everybody_s_calendar_is_read_by_members_and_replaced_by_a_row_of_their_own(own: World) -> None:
    rule = CalendarRule.objects.get(account=None, country="AE", name="National Day")
    client = own.logged_in(Role.MANAGER)
    address = page("invoices_calendarrule", "change", rule.pk)
    assert client.get(address).status_code == 200
    assert client.post(address, {"is_on": ""}).status_code == 403
    client.post(reverse("admin:invoices_calendarrule_make_own", args=[rule.pk]))
    mine = CalendarRule.objects.get(account=own.account, name="National Day")
    assert CalendarRule.objects.filter(pk=rule.pk, account=None).exists()
    assert (mine.starts_on, mine.is_yearly) == (rule.starts_on, True)
    said = {"starts_on": "2026-12-02", "ends_on": "2026-12-02", "is_yearly": "on", "weekdays": "", "source": "Ours"}
    assert client.post(page("invoices_calendarrule", "change", mine.pk), said).status_code == 302
    mine.refresh_from_db()
    assert (mine.ends_on, mine.is_on, mine.account) == (dt.date(2026, 12, 2), False, own.account)


def test_a_new_calendar_row_is_the_member_s_account_s(own: World, foreign: World) -> None:
    said = {
        "country": "AE",
        "subdivision": "",
        "kind": "holiday",
        "name": "Stocktaking",
        "starts_on": "2026-06-30",
        "weekdays": "",
        "is_on": "on",
        "account": str(foreign.account.pk),
    }
    own.logged_in(Role.MANAGER).post(page("invoices_calendarrule", "add"), said)
    assert CalendarRule.objects.get(name="Stocktaking").account == own.account
    broken = said | {"name": "For ever", "ends_on": "2027-06-30"}
    assert b"at most 31 days" in own.logged_in(Role.MANAGER).post(page("invoices_calendarrule", "add"), broken).content
