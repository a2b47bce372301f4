"""Contract §2: promises and notes of an invoice, and messages that are sent on request."""

import datetime as dt
import json
from typing import Any

import pytest

from communications.models import Communication
from inflow.accounts.models import Account, Scope
from invoices import lifecycle
from invoices.debtors import debtors
from invoices.models import Invoice, Note, Promise, TimelineEntry
from tests import make
from tests.api.client import Caller, is_problem
from tests.unchanged import nothing_happens
from webhooks.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.overdue_invoice(account, amount=1000)


def in_days(account: Account, days: int) -> str:
    return (account.today() + dt.timedelta(days=days)).isoformat()


def test_a_promise_is_recorded_and_holds_the_invoice(account: Account, api: Caller, invoice: Invoice) -> None:
    answer = api.post(f"invoices/{invoice.pk}/promises", {"promised_on": in_days(account, 3), "amount": 400})
    assert answer.status == 201, answer.body
    made = answer.json
    assert (made["promised_on"], made["amount"], made["status"]) == (in_days(account, 3), 400, "open")
    assert api.get(f"invoices/{invoice.pk}").json["status"] == "on_hold"
    assert api.get(f"invoices/{invoice.pk}/promises").json == [made]


def test_a_promise_without_an_amount_is_about_the_balance(account: Account, api: Caller, invoice: Invoice) -> None:
    made = api.post(f"invoices/{invoice.pk}/promises", {"promised_on": in_days(account, 0), "amount": None})
    assert made.json["amount"] == 1000


@pytest.mark.parametrize(
    ("days", "amount", "field", "code"),
    [
        (-1, None, "promised_on", "in_the_past"),
        (181, None, "promised_on", "too_far_ahead"),
        (1, 1001, "amount", "above_balance"),
        (1, 0, "amount", "not_positive"),
    ],
)
def test_a_promise_that_makes_no_sense_is_refused(
    account: Account, api: Caller, invoice: Invoice, days: int, amount: Any, field: str, code: str
) -> None:
    with nothing_happens(account):
        answer = api.post(f"invoices/{invoice.pk}/promises", {"promised_on": in_days(account, days), "amount": amount})
    assert is_problem(answer, 422)["errors"][0] | {"message": ""} == {"field": field, "code": code, "message": ""}


def test_a_promise_is_recorded_once_for_a_key(account: Account, api: Caller, invoice: Invoice) -> None:
    body = {"promised_on": in_days(account, 3)}
    first, again = (api.post(f"invoices/{invoice.pk}/promises", body, Idempotency_Key="p-1") for _ in range(2))
    assert first.json == again.json
    assert Promise.objects.count() == 1


def test_a_note_is_added_and_stands_in_the_timeline(account: Account, api: Caller, invoice: Invoice) -> None:
    answer = api.post(f"invoices/{invoice.pk}/notes", {"text": "They moved to the new office."})
    assert answer.status == 201, answer.body
    assert answer.json.keys() == {"id", "text", "author", "created_at"}
    assert api.get(f"invoices/{invoice.pk}/notes").json == [answer.json]
    entry = TimelineEntry.objects.get(invoice=invoice, kind="note")
    assert entry.reason == "They moved to the new office."
    assert make.again(invoice).version == invoice.version


def test_a_closed_invoice_may_have_notes(account: Account, api: Caller, invoice: Invoice) -> None:
    lifecycle.change(account, invoice.pk, make.STAFF, status="cancelled")
    assert api.post(f"invoices/{invoice.pk}/notes", {"text": "Issued twice."}).status == 201


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "x" * 10_001, 5, None])
def test_a_note_needs_a_text(api: Caller, invoice: Invoice, text: Any) -> None:
    is_problem(api.post(f"invoices/{invoice.pk}/notes", {"text": text}), 422)
    assert not Note.objects.exists()


@pytest.mark.parametrize("path", ["promises", "disputes", "notes"])
def test_another_accounts_invoice_is_not_found(api: Caller, path: str) -> None:
    other = make.invoice(make.account())
    is_problem(api.get(f"invoices/{other.pk}/{path}"), 404)
    body = {"promised_on": "2999-01-01"} if path == "promises" else {"text": "x"}
    is_problem(api.post(f"invoices/{other.pk}/{path}", body), 404)


# --- Sending -----------------------------------------------------------------------------------------------------


@pytest.fixture
def at_noon() -> Account:
    """A test account whose clock stands in its contact hours."""
    account = make.account(is_test=True, requests_per_minute=10_000, requests_per_day=10_000)
    account.clock = dt.datetime(2026, 3, 3, 8, tzinfo=dt.UTC)
    account.save()
    return account


@pytest.fixture
def owed(at_noon: Account) -> Invoice:
    return make.invoice(at_noon, amount=1000, issue_date=dt.date(2026, 2, 1), due_date=dt.date(2026, 2, 14))


def caller_of(account: Account) -> Caller:
    return Caller(make.key(account)[1])


@pytest.mark.django_db(transaction=True)
def test_a_message_is_sent_on_request(at_noon: Account, owed: Invoice) -> None:
    body = {"subject": "Your invoice", "text": "Hello, please look at your invoice.", "channel": "email"}
    answer = caller_of(at_noon).post(f"invoices/{owed.pk}/send", body)
    assert answer.status == 202, answer.body
    row = Communication.objects.get(pk=answer.json["id"])
    assert (row.status, row.kind, row.subject) == ("sent", "manual", "Your invoice")
    assert row.body.startswith("Hello, please look at your invoice.")
    assert Event.objects.filter(type="communication.sent").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_message_is_sent_once_for_a_key(at_noon: Account, owed: Invoice) -> None:
    api = caller_of(at_noon)
    first, again = (api.post(f"invoices/{owed.pk}/send", {}, Idempotency_Key="s-1") for _ in range(2))
    assert first.json["id"] == again.json["id"]
    assert Communication.objects.filter(kind="manual").count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_the_gate_holds_back_is_refused_or_scheduled(at_noon: Account, owed: Invoice) -> None:
    Account.objects.filter(pk=at_noon.pk).update(clock=dt.datetime(2026, 3, 3, 20, tzinfo=dt.UTC))
    api = caller_of(at_noon)
    problem = is_problem(api.post(f"invoices/{owed.pk}/send", {}), 422)
    assert problem["errors"][0]["code"] == "not_now"
    assert not Communication.objects.filter(kind="manual").exists()
    answer = api.post(f"invoices/{owed.pk}/send", {"may_wait": True})
    assert (answer.status, answer.json["status"]) == (202, "scheduled")
    assert answer.json["scheduled_for"] == "2026-03-04T05:00:00Z"


def test_a_program_does_not_write_over_an_unhandled_reply(at_noon: Account, owed: Invoice) -> None:
    debtors.record_reply(at_noon, owed.debtor_id, make.STAFF, text="We will look into it.")
    problem = is_problem(caller_of(at_noon).post(f"invoices/{owed.pk}/send", {}), 422)
    assert "repl" in problem["detail"]
    assert not Communication.objects.filter(kind="manual").exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "Without a subject", "channel": "email"}, "subject"),
        ({"subject": "Without a text", "channel": "email"}, "text"),
        ({"subject": "x", "text": "{{ secret }}", "channel": "email"}, "text"),
        ({"kind": "thank_you", "text": "Thanks"}, "text"),
        ({"kind": "final_notice"}, "kind"),
        ({"channel": "fax"}, "channel"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused(
    at_noon: Account, owed: Invoice, body: dict[str, Any], field: str
) -> None:
    problem = is_problem(caller_of(at_noon).post(f"invoices/{owed.pk}/send", body), 422)
    assert problem["errors"][0]["field"] == field


def test_a_paid_invoice_gets_no_reminder(at_noon: Account, owed: Invoice) -> None:
    lifecycle.change(at_noon, owed.pk, make.STAFF, payment_status="paid")
    is_problem(caller_of(at_noon).post(f"invoices/{owed.pk}/send", {"kind": "manual"}), 422)


def test_sending_needs_its_scope(account: Account, invoice: Invoice) -> None:
    api = Caller(make.key(account, scopes=[Scope.INVOICES_WRITE])[1])
    assert "communications:write" in json.dumps(is_problem(api.post(f"invoices/{invoice.pk}/send", {}), 403))


def test_a_part_is_disputed_announced_and_withdrawn_by_patch(account: Account, api: Caller, invoice: Invoice) -> None:
    body = {"reason": "wrong quantity", "amount": 400, "text": "Two are missing."}
    answer = api.post(f"invoices/{invoice.pk}/disputes", body)
    assert answer.status == 201, answer.body
    made = answer.json
    assert (made["reason"], made["amount"], made["status"], made["outcome"]) == ("Wrong quantity", 400, "open", None)
    assert made["answer_by"] == in_days(account, 7)
    assert api.get(f"invoices/{invoice.pk}/disputes").json == [made]
    assert api.get(f"invoices/{invoice.pk}").json["status"] == "disputed"
    opened = json.loads(Event.objects.get(type="dispute.opened").body)["data"]
    assert opened["invoice"]["status"] == "disputed"
    assert {name: opened[name] for name in made} == made
    assert is_problem(api.post(f"invoices/{invoice.pk}/disputes", body), 422)
    api.patch(f"invoices/{invoice.pk}", {"status": "overdue"})
    resolved = json.loads(Event.objects.get(type="dispute.resolved").body)["data"]
    assert (resolved["outcome"], resolved["invoice"]["status"]) == ("withdrawn", "overdue")


def test_patch_disputes_the_whole_invoice(api: Caller, invoice: Invoice) -> None:
    api.patch(f"invoices/{invoice.pk}", {"status": "disputed"})
    [made] = api.get(f"invoices/{invoice.pk}/disputes").json
    assert (made["amount"], made["reason"], made["status"]) == (None, None, "open")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"amount": 1001}, "amount", "above_balance"),
        ({"amount": 0}, "amount", "not_positive"),
        ({"reason": "Because"}, "reason", "unknown_reason"),
        ({"status": "open"}, "status", "read_only"),
    ],
)
def test_an_impossible_dispute_is_refused(
    account: Account, api: Caller, invoice: Invoice, body: dict[str, Any], field: str, code: str
) -> None:
    with nothing_happens(account):
        answer = api.post(f"invoices/{invoice.pk}/disputes", body)
    assert is_problem(answer, 422)["errors"][0] | {"message": ""} == {"field": field, "code": code, "message": ""}
