"""Contract §2 and §9: escalations, the timeline, and a test account's clock."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from communications.models import Communication
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.models import Escalation, Invoice
from tests import make
from tests.api.client import PLENTY, Caller, caller, is_problem
from tests.unchanged import nothing_happens
from webhooks.models import Event

SHAPE = {"id", "invoice_id", "invoice_number", "level", "reason", "status", "assignee", "resolution", "notes"}
SHAPE |= {"opened_at", "created_at", "resolved_at"}


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.overdue_invoice(account)


@pytest.fixture
def case(invoice: Invoice) -> Escalation:
    return make.escalation(invoice)


def test_a_case_is_announced_once_with_its_invoice(case: Escalation, api: Caller) -> None:
    (event,) = Event.objects.filter(type="escalation.created")
    data = json.loads(event.body)["data"]
    told = data.pop("invoice")
    assert data == api.get(f"escalations/{case.pk}").json
    assert data.keys() == SHAPE
    shown = api.get(f"invoices/{case.invoice_id}").json
    assert (told["id"], told["escalation_level"]) == (shown["id"], 1)


def test_the_list_is_narrowed_by_status_level_and_invoice(account: Account, case: Escalation, api: Caller) -> None:
    other = make.escalation(make.overdue_invoice(account))
    make.escalation(make.overdue_invoice(make.account()))

    def ids(query: str) -> list[str]:
        return [row["id"] for row in api.get(f"escalations{query}").json]

    assert ids("") == [str(other.pk), str(case.pk)]
    assert ids(f"?invoice_id={case.invoice_id}") == [str(case.pk)]
    assert ids("?level=2") == []
    assert ids("?status=open,acknowledged&limit=1") == [str(other.pk)]
    is_problem(api.get("escalations?status=closed"), 422)


def test_acknowledging_holds_the_invoice_seven_days_and_names_who_is_on_it(
    account: Account, case: Escalation, api: Caller
) -> None:
    member = make.user(account)
    answer = api.patch(f"escalations/{case.pk}", {"status": "acknowledged", "assignee": member.email, "notes": "Mine."})
    assert answer.status == 200
    assert (answer.json["status"], answer.json["assignee"], answer.json["notes"]) == (
        "acknowledged",
        member.email,
        "Mine.",
    )
    held = make.again(case.invoice)
    assert (held.status, held.hold_until) == ("on_hold", account.today() + dt.timedelta(days=7))
    with nothing_happens(account):
        assert api.patch(f"escalations/{case.pk}", {"status": "acknowledged"}).json == answer.json


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"resolution": "hold"}, "on_hold"),
        ({"resolution": "hold", "hold_until": make.FAR_AHEAD}, "on_hold"),
        ({"resolution": "promise", "promised_on": make.FAR_AHEAD}, "on_hold"),
        ({"resolution": "ladder"}, "overdue"),
    ],
)
def test_resolving_says_what_becomes_of_the_invoice(
    case: Escalation, api: Caller, said: dict[str, str], status: str
) -> None:
    answer = api.patch(f"escalations/{case.pk}", {"status": "resolved", **said})
    assert answer.status == 200
    assert (answer.json["status"], answer.json["resolution"]) == ("resolved", said["resolution"])
    assert answer.json["resolved_at"]
    after = make.again(case.invoice)
    assert (after.status, after.escalation_level) == (status, 0)


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"status": "resolved"}, 422, "required"),
        ({"status": "resolved", "resolution": "closed"}, 422, "required"),
        ({"status": "resolved", "resolution": "promise"}, 422, "required"),
        ({"status": "resolved", "resolution": "write_off"}, 403, "staff_only"),
        ({"status": "resolved", "resolution": "hold", "hold_until": "2020-01-01"}, 422, "in_the_past"),
        ({"status": "resolved", "resolution": "hold", "hold_until": "2998-01-01"}, 422, "too_far_ahead"),
        ({"status": "resolved", "resolution": "promise", "promised_on": "2998-01-01"}, 422, "too_far_ahead"),
        ({"status": "resolved", "resolution": "ladder", "hold_until": "2998-01-01"}, 422, "without_hold"),
        ({"resolution": "ladder"}, 422, "without_resolving"),
        ({"status": "acknowledged", "assignee": "stranger@example.com"}, 422, "unknown_member"),
        ({"level": 2}, 422, "read_only"),
        ({"colour": "red"}, 422, "unknown_field"),
    ],
)
def test_a_refusal_changes_nothing(
    account: Account, case: Escalation, api: Caller, said: dict[str, Any], status: int, code: str
) -> None:
    with nothing_happens(account):
        is_problem(api.patch(f"escalations/{case.pk}", said), status, code)
    assert Escalation.objects.get(pk=case.pk).status == "open"


def test_a_resolved_case_stays_so_and_a_ladder_without_steps_is_no_way_out(account: Account, api: Caller) -> None:
    done = make.overdue_invoice(account)
    Invoice.objects.filter(pk=done.pk).update(last_step=35)
    Communication.objects.all().delete()
    case = make.escalation(done)
    with nothing_happens(account):
        answer = api.patch(f"escalations/{case.pk}", {"status": "resolved", "resolution": "ladder"})
        is_problem(answer, 422, "ladder_ended")
    assert api.patch(f"escalations/{case.pk}", {"status": "resolved", "resolution": "hold"}).status == 200
    with nothing_happens(account):
        is_problem(api.patch(f"escalations/{case.pk}", {"status": "open"}), 422, "illegal_transition")


def test_the_close_of_an_invoice_resolves_its_cases(account: Account, case: Escalation, api: Caller) -> None:
    api.patch(f"invoices/{case.invoice_id}", {"status": "paid"})
    shown = api.get(f"escalations/{case.pk}").json
    assert (shown["status"], shown["resolution"]) == ("resolved", "closed")
    assert api.get(f"invoices/{case.invoice_id}").json["escalation_level"] == 0


def test_a_reversed_payment_calls_a_person_in(account: Account, invoice: Invoice, api: Caller) -> None:
    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=invoice.amount)
    api.post(f"invoices/{invoice.pk}/payments", {"reversal_of": str(payment.pk)})
    (case,) = api.get("escalations").json
    assert (case["level"], case["reason"], case["status"]) == (1, "reversal", "open")


def test_amounts_before_and_after_are_numbers(account: Account, api: Caller) -> None:
    invoice = make.invoice(account, amount=Decimal("1000.5"), currency="KWD")
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal("1000.505"))
    other = make.invoice(account, amount=100)
    api.patch(f"invoices/{other.pk}", {"amount": 120.5})
    entries = {each["kind"]: each for each in api.get(f"invoices/{invoice.pk}/timeline").json}
    assert entries["payment_recorded"]["after"] == {"balance": 0, "credit": 0.005}
    (changed,) = (each for each in api.get(f"invoices/{other.pk}/timeline").json if each["kind"] == "changed")
    assert (changed["before"], changed["after"]) == ({"amount": 100}, {"amount": 120.5})


def test_the_timeline_is_oldest_first_in_pages_and_says_why(account: Account, invoice: Invoice, api: Caller) -> None:
    lifecycle.change(account, invoice.pk, make.STAFF, status="disputed", reason="Two pallets arrived damaged.")
    entries = api.get(f"invoices/{invoice.pk}/timeline").json
    kinds = ["created", "status_changed", "planned", "status_changed", "postponed"]
    assert [entry["kind"] for entry in entries] == kinds
    assert entries[0].keys() == {"at", "kind", "actor", "channel", "text", "before", "after", "reason"}
    assert entries[3]["reason"] == "Two pallets arrived damaged."
    assert (entries[3]["before"], entries[3]["after"]) == ({"status": "overdue"}, {"status": "disputed"})
    paged, following = [], f"/api/zapier/invoices/{invoice.pk}/timeline?limit=3"
    while following:
        answer = api.get(following)
        paged += answer.json
        following = answer.next or ""
    assert paged == entries


@pytest.fixture
def clock_account(db: None) -> Account:
    return make.account(is_test=True, requests_per_minute=PLENTY, requests_per_day=PLENTY)


def test_a_test_accounts_clock_moves_on_and_what_falls_due_happens(clock_account: Account) -> None:
    api = caller(clock_account)
    assert api.post("test/clock", {"now": "2026-01-15T10:00:00+04:00"}).json == {
        "now": "2026-01-15T06:00:00Z",
        "sent": 0,
        "escalated": 0,
    }
    make.invoice(Account.objects.get(), issue_date=dt.date(2026, 1, 15), due_date=dt.date(2026, 2, 14))
    answer = api.post("test/clock", {"now": "2026-03-22T00:00:00Z"})
    assert answer.json == {"now": "2026-03-22T00:00:00Z", "sent": 5, "escalated": 2}
    sent = api.get("communications").json
    assert [row["sent_at"][:10] for row in reversed(sent)] == [
        "2026-02-11",
        "2026-02-16",
        "2026-02-23",
        "2026-03-02",
        "2026-03-09",
    ]
    event = Event.objects.filter(type="communication.sent").first()
    assert event
    body = json.loads(event.body)
    assert body["data"]["sent_at"] < "2026-04"  # the account's time
    assert event.created_at.year >= 2026
    assert body["timestamp"][:10] == f"{event.created_at:%Y-%m-%d}"  # the wall's


def test_the_clock_does_not_go_back(clock_account: Account) -> None:
    api = caller(clock_account)
    api.post("test/clock", {"now": "2026-03-01T00:00:00Z"})
    is_problem(api.post("test/clock", {"now": "2026-02-28T23:59:59Z"}), 422, "not_forward", "now")
    assert Account.objects.get().clock == dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def test_it_is_first_set_while_there_are_no_invoices(clock_account: Account) -> None:
    make.invoice(clock_account)
    with nothing_happens(clock_account):
        is_problem(caller(clock_account).post("test/clock", {"now": "2998-01-01T00:00:00Z"}), 422, "not_forward")
    assert Account.objects.get().clock is None


@pytest.mark.parametrize("said", [{}, {"now": "tomorrow"}, {"now": "2026-03-01"}, {"now": "1960-01-01T00:00:00Z"}])
def test_it_takes_a_moment_with_its_offset(clock_account: Account, said: dict[str, str]) -> None:
    is_problem(caller(clock_account).post("test/clock", said), 422)
    assert Account.objects.get().clock is None


def test_a_live_account_follows_the_wall(account: Account, api: Caller) -> None:
    is_problem(api.post("test/clock", {"now": "2026-03-01T00:00:00Z"}), 403, "live_account")
    assert Account.objects.get(pk=account.pk).clock is None
