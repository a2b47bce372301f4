"""The user's own page of the API, row by row."""

import shlex
from collections.abc import Iterator

import pytest

from inflow.accounts import keys
from inflow.accounts.models import Account
from inflow.accounts.plans import Plan
from invoices.models import Invoice
from tests import make
from tests.api.client import Caller, is_problem
from tests.unchanged import nothing_happens
from webhooks.models import Subscription

LIST_EXAMPLE = """
curl -H "X-InFlow-Key: inflow_your_api_key_here" \\
     https://inflowai.ai/api/zapier/invoices
"""
CREATE_EXAMPLE = """
curl -X POST https://inflowai.ai/api/zapier/invoices \\
  -H "X-InFlow-Key: inflow_your_key" \\
  -H "Content-Type: application/json" \\
  -d '{
    "invoice_number": "INV-2026-001",
    "debtor_name": "Ahmed Al Rashid",
    "debtor_company": "Gulf Trading LLC",
    "debtor_email": "ahmed@gulftrading.ae",
    "debtor_phone": "+971501234567",
    "amount": 25000,
    "currency": "AED",
    "issue_date": "2026-01-15",
    "due_date": "2026-02-14",
    "language": "en"
  }'
"""
RESPONSE = {
    "invoice_number": "INV-2026-001",
    "debtor_name": "Ahmed Al Rashid",
    "debtor_company": "Gulf Trading LLC",
    "amount": 25000,
    "currency": "AED",
    "status": "new",
    "payment_status": "unpaid",
    "due_date": "2026-02-14",
}


def run(curl: str, key: str) -> tuple[Caller, dict[str, object]]:
    """The words of a curl command, its key replaced by a real one."""
    words: Iterator[str] = iter(shlex.split(curl.replace("\\\n", ""))[1:])
    call: dict[str, object] = {"method": "GET", "headers": {}}
    headers: dict[str, str] = {}
    for word in words:
        match word:
            case "-X":
                call["method"] = next(words)
            case "-H":
                name, value = next(words).split(": ")
                headers[name] = value
            case "-d":
                call["body"] = next(words).encode()
            case _:
                assert word.startswith("https://inflowai.ai/api/")
                call["path"] = word.removeprefix("https://inflowai.ai")
    assert headers.pop("X-InFlow-Key").startswith("inflow_your")
    if content_type := headers.pop("Content-Type", None):
        call["content_type"] = content_type
    assert not headers
    return Caller(key), call


def test_all_api_requests_require_a_key_in_the_header(account: Account) -> None:
    make.invoice(account)
    caller, call = run(LIST_EXAMPLE, make.key(account)[1])
    answer = caller.send(**call)  # type: ignore[arg-type]
    assert answer.status == 200
    assert [row["invoice_number"] for row in answer.json] == list(
        Invoice.objects.values_list("invoice_number", flat=True)
    )
    is_problem(Caller(None).send(**call), 401)  # type: ignore[arg-type]


def test_the_example_creates_an_invoice_and_answers_in_the_documented_format(account: Account) -> None:
    caller, call = run(CREATE_EXAMPLE, make.key(account)[1])
    answer = caller.send(**call)  # type: ignore[arg-type]
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json.items() >= RESPONSE.items()
    assert b'"amount":25000,' in answer.body
    invoice = Invoice.objects.get()
    assert answer.json["id"] == str(invoice.pk)
    assert answer.json["created_at"] == invoice.created_at.isoformat().replace("+00:00", "Z")
    assert (invoice.debtor_email, invoice.debtor_phone) == ("ahmed@gulftrading.ae", "+971501234567")


def test_get_invoices_lists_and_supports_status_and_limit(account: Account, api: Caller) -> None:
    late = make.overdue_invoice(account)
    make.invoice(account)
    answer = api.get("invoices?status=overdue&limit=100")
    assert answer.status == 200
    assert [row["id"] for row in answer.json] == [str(late.pk)]
    assert len(api.get("invoices?limit=1").json) == 1


def test_get_invoice_by_id(account: Account, api: Caller) -> None:
    invoice = make.invoice(account)
    answer = api.get(f"invoices/{invoice.pk}")
    assert answer.status == 200
    assert answer.json["invoice_number"] == invoice.invoice_number


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"status": "disputed"}, {"status": "disputed"}),
        ({"notes": "Call back"}, {"notes": "Call back"}),
        ({"payment_status": "paid"}, {"payment_status": "paid", "status": "paid", "balance": 0}),
    ],
    ids=["status", "notes", "payment_status"],
)
def test_patch_updates_status_notes_and_payment_status(
    account: Account, api: Caller, change: dict[str, str], after: dict[str, object]
) -> None:
    invoice = make.invoice(account)
    answer = api.patch(f"invoices/{invoice.pk}", change)
    assert answer.status == 200
    assert answer.json.items() >= after.items()
    assert api.get(f"invoices/{invoice.pk}").json == answer.json


@pytest.mark.parametrize("event", ["invoice.created", "invoice.status_changed", "escalation.created"])
def test_subscribe_to_events(account: Account, api: Caller, event: str) -> None:
    answer = api.post("webhooks/subscribe", {"target_url": "https://example.com/hook", "event": event})
    assert answer.status == 201
    assert answer.json["event"] == event
    assert Subscription.objects.for_account(account).get().events == [event]


def test_delete_unsubscribes_from_a_webhook(account: Account, api: Caller) -> None:
    subscription, _ = make.subscription(account, "https://example.com/hook")
    answer = api.delete(f"webhooks/{subscription.pk}")
    assert (answer.status, answer.body) == (204, b"")
    make.invoice(account)
    assert not subscription.deliveries.exists()


def test_get_communications_lists_sent_ones_and_those_of_one_invoice(account: Account, api: Caller) -> None:
    sent, other = make.sent_reminder(account), make.sent_reminder(account)
    make.overdue_invoice(account)  # its reminder is planned, not sent
    assert {row["id"] for row in api.get("communications").json} == {str(sent.pk), str(other.pk)}
    of_one = api.get(f"communications/{sent.invoice_id}")
    assert of_one.status == 200
    assert [row["id"] for row in of_one.json] == [str(sent.pk)]


@pytest.mark.parametrize(
    ("plan", "minute", "day"),
    [
        (Plan.FREE, 30, 1_000),
        (Plan.STARTER, 60, 10_000),
        (Plan.PRO, 120, 50_000),
        (Plan.ENTERPRISE, 300, None),
    ],
)
def test_rate_limits_of_each_plan(db: None, plan: Plan, minute: int, day: int | None) -> None:
    caller = Caller(make.key(make.account(plan=plan))[1])
    headers = caller.get("me").headers
    policy = f'"minute";q={minute};w=60' + (f', "day";q={day};w=86400' if day else "")
    assert headers["RateLimit-Policy"] == policy
    assert headers["X-RateLimit-Limit"] == str(minute)
    assert headers["X-RateLimit-Remaining"] == str(minute - 1)


def test_401_invalid_or_missing_api_key(db: None) -> None:
    is_problem(Caller(None).get("invoices"), 401, "invalid_key")
    is_problem(Caller("inflow_your_key").get("invoices"), 401, "invalid_key")


def test_403_the_key_has_no_permission_for_this_resource(account: Account) -> None:
    _, reading = keys.issue(account, name="reader", scopes=["communications:read"])
    with nothing_happens(account):
        problem = is_problem(Caller(reading).get("invoices"), 403, "scope_missing")
    assert "invoices:read" in problem["detail"]


def test_404_invoice_or_resource_not_found(api: Caller) -> None:
    is_problem(api.get("invoices/7e3aa919-b432-4c2b-9a6e-0123456789ab"), 404, "not_found")
    is_problem(api.get("nothing"), 404, "not_found")


def test_422_validation_error_names_the_required_fields(account: Account, api: Caller) -> None:
    with nothing_happens(account):
        problem = is_problem(api.post("invoices", {}), 422)
    required = {"invoice_number", "debtor_name", "amount", "currency", "due_date"}
    assert {(error["field"], error["code"]) for error in problem["errors"]} == {
        (field, "required") for field in required
    }


def test_429_rate_limit_exceeded_says_when_to_retry(db: None) -> None:
    account = make.account(requests_per_minute=1)
    caller = Caller(make.key(account)[1])
    assert caller.get("me").status == 200
    answer = caller.get("me")
    is_problem(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
