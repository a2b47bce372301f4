"""Contract §1 to §3: amendments, PUT by number, many rows in one request, and what is taken at the edge."""

import datetime as dt
import urllib.parse
from typing import Any

import pytest

from inflow.accounts.models import Account
from invoices.models import Invoice, TimelineEntry
from tests import make
from tests.api.client import Caller, caller, is_problem
from tests.unchanged import nothing_happens

LEAST = {
    "invoice_number": "INV-1",
    "debtor_name": "Ahmed Al Rashid",
    "amount": 25000,
    "currency": "AED",
    "due_date": "2026-02-14",
}
OPTIONAL = (
    *("external_id", "debtor_company", "debtor_email", "debtor_phone", "debtor_external_id", "contacts", "issue_date"),
    *("language", "notes", "purchase_order", "payment_url", "tags", "metadata", "source_updated_at", "amount_paid"),
)


def put(api: Caller, number: str, body: Any, **headers: str) -> Any:
    return api.send("PUT", f"invoices/by-number/{urllib.parse.quote(number, safe='')}", body, headers=headers)


# --- At the edge -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("absent", ["", None])
def test_an_empty_text_and_null_mean_not_given(api: Caller, absent: str | None) -> None:
    made = api.post("invoices", LEAST | dict.fromkeys(OPTIONAL, absent))
    assert made.status == 201
    other = api.post("invoices", LEAST | {"invoice_number": "INV-2"}).json
    own = {"id", "invoice_number", "url", "created_at", "updated_at"}
    assert {k: v for k, v in made.json.items() if k not in own} == {k: v for k, v in other.items() if k not in own}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"invoice_number": 1001}, {"invoice_number": "1001"}),
        ({"external_id": 77, "purchase_order": 12}, {"external_id": "77", "purchase_order": "12"}),
        ({"currency": "aed"}, {"currency": "AED"}),
        ({"due_date": "2026-02-14T00:00:00+04:00"}, {"due_date": "2026-02-14"}),
        ({"due_date": "2026-02-14T00:00:00.000Z"}, {"due_date": "2026-02-14"}),
        ({"issue_date": "2026-01-01T00:00:00"}, {"issue_date": "2026-01-01"}),
        ({"tags": ["b", "a", "b"]}, {"tags": ["b", "a"]}),
        ({"source_updated_at": "2026-01-01T04:00:00+04:00"}, {"source_updated_at": "2026-01-01T00:00:00Z"}),
    ],
    ids=str,
)
def test_what_programs_send_is_taken(api: Caller, given: dict[str, Any], kept: dict[str, Any]) -> None:
    assert api.post("invoices", LEAST | given).json.items() >= kept.items()


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"due_date": "2026-02-14T00:00:01Z"}, "invalid", "due_date"),
        ({"due_date": "2026-02-14T04:00:00+04:00"}, "invalid", "due_date"),
        ({"invoice_number": True}, "invalid", "invoice_number"),
        ({"invoice_number": 1.5}, "invalid", "invoice_number"),
        ({"payment_url": "http://pay.example/1"}, "pattern", "payment_url"),
        ({"payment_url": "https://user@pay.example/1"}, "pattern", "payment_url"),
        ({"payment_url": "https://pay.example/1 2"}, "pattern", "payment_url"),
        ({"payment_url": "javascript:alert(1)"}, "pattern", "payment_url"),
        ({"tags": "vip"}, "not_a_list", "tags"),
        ({"tags": ["x" * 41]}, "max_length", "tags.0"),
        ({"tags": [str(n) for n in range(21)]}, "max_length", "tags"),
        ({"tags": ["\u200b"]}, "pattern", "tags.0"),
        ({"metadata": {"a": 1}}, "invalid", "metadata"),
        ({"metadata": {"a": "\0"}}, "invalid", "metadata"),
        ({"metadata": {"": "x"}}, "bad_name", "metadata"),
        ({"metadata": {str(n): "" for n in range(21)}}, "too_many", "metadata"),
        ({"metadata": []}, "invalid", "metadata"),
        ({"source_updated_at": "2026-01-01T00:00:00"}, "invalid", "source_updated_at"),
        ({"contacts": [{"email": "a@b.example"}] * 21}, "max_length", "contacts"),
        ({"contacts": [{"email": "a@b.example"}, {"name": "No address"}]}, "no_address", "contacts"),
        ({"contacts": [{"email": "a@b.example", "receives": ["all"]}]}, "invalid_choice", "contacts.0.receives.0"),
        ({"contacts": [{"email": "a@b.example", "colour": 1}]}, "unknown_field", "contacts.0.colour"),
        ({"contacts": [{"phone": "x"}]}, "bad_phone", "contacts"),
        ({"debtor_email": "c@b.example", "contacts": [{"email": "a@b.example"}]}, "contradiction", "debtor_email"),
        ({"reopen": True}, "unknown_field", "reopen"),
    ],
    ids=str,
)
def test_what_is_ambiguous_is_refused(account: Account, api: Caller, given: Any, code: str, field: str) -> None:
    with nothing_happens(account):
        is_problem(api.post("invoices", LEAST | given), 422, code, field)


def test_the_first_contact_is_the_invoice_s_own(api: Caller) -> None:
    first = {"name": "Sara", "email": "SARA@b.example", "phone": "050 123 4567"}
    second = {"email": "boss@b.example", "receives": ["final_notice"]}
    made = api.post("invoices", LEAST | {"contacts": [first, second]}).json
    assert (made["debtor_email"], made["debtor_phone"]) == ("sara@b.example", "+971501234567")
    empty: dict[str, Any] = {"name": None, "role": None, "phone": None, "language": None, "receives": []}
    assert made["contacts"] == [
        empty | {"name": "Sara", "email": "sara@b.example", "phone": "+971501234567"},
        empty | second,
    ]
    changed = api.patch(f"invoices/{made['id']}", {"debtor_email": "new@b.example"}).json
    assert changed["contacts"][0]["email"] == "new@b.example"


def test_null_clears_what_is_optional_and_an_empty_text_only_the_notes(account: Account, api: Caller) -> None:
    invoice = api.post(
        "invoices",
        LEAST
        | {"debtor_company": "Oryx LLC", "debtor_email": "a@b.example", "external_id": "7", "notes": "n", "tags": ["a"]}
        | {"payment_url": "https://pay.example/", "metadata": {"a": "b"}, "language": "ar"},
    ).json
    path = f"invoices/{invoice['id']}"
    cleared = ("debtor_company", "debtor_email", "external_id", "payment_url", "notes", "tags", "metadata", "language")
    for name in cleared:
        if name != "notes":
            with nothing_happens(account):
                assert api.patch(path, {name: ""}).status == 422
    assert api.patch(path, {"notes": ""}).json["notes"] is None
    shown = api.patch(path, dict.fromkeys(cleared)).json
    assert [shown[name] for name in cleared] == [None, None, None, None, None, [], {}, "en"]
    for name in ("amount", "due_date", "debtor_name"):
        with nothing_happens(account):
            assert api.patch(path, {name: None}).status == 422


# --- Amendments --------------------------------------------------------------------------------------------------


def test_an_amount_below_what_is_paid_shows_the_credit(account: Account, api: Caller) -> None:
    made = api.post("invoices", LEAST | {"amount": 100, "amount_paid": 80}).json
    shown = api.patch(f"invoices/{made['id']}", {"amount": 50}).json
    assert (shown["status"], shown["amount_paid"], shown["balance"], shown["credit_available"]) == ("paid", 50, 0, 30)
    assert api.get("invoices").json == [shown] == [api.get(f"invoices/{made['id']}").json]


def test_credit_is_that_of_the_invoice_s_party_and_currency(account: Account, api: Caller) -> None:
    paid = make.invoice(account, amount=10, amount_paid=15)
    make.invoice(account, currency="USD")
    other = make.invoice(account, debtor_company="Oryx LLC")
    Invoice.objects.filter(pk=other.pk).update(debtor=paid.debtor_id)  # one debtor with two parties
    shown = {row["invoice_number"]: row["credit_available"] for row in api.get("invoices").json}
    assert list(shown.values()) == [0, 0, 5]


def test_patch_amends_under_if_match(account: Account, api: Caller) -> None:
    invoice = make.invoice(account)
    with nothing_happens(account):
        answer = api.patch(f"invoices/{invoice.pk}", {"debtor_name": "Another"}, If_Match='"7"')
    is_problem(answer, 412, "version_mismatch")
    assert api.patch(f"invoices/{invoice.pk}", {"debtor_name": "Another"}, If_Match='"1"').json["version"] == 2


def test_amending_and_paying_in_one_request_pays_the_new_amount(account: Account, api: Caller) -> None:
    invoice = make.invoice(account, amount=100)
    shown = api.patch(f"invoices/{invoice.pk}", {"amount": 70, "payment_status": "paid"}).json
    assert (shown["status"], shown["amount"], shown["amount_paid"], shown["version"]) == ("paid", 70, 70, 2)
    assert make.events_of(account).count("invoice.amended") == 1


def test_a_debtor_s_id_moves_the_invoice_or_is_refused(account: Account, api: Caller) -> None:
    one = api.post("invoices", LEAST | {"debtor_company": "Oryx LLC", "debtor_external_id": "C-1"}).json
    two = api.post("invoices", LEAST | {"invoice_number": "2", "debtor_company": "Falcon LLC"}).json
    with nothing_happens(account):
        problem = is_problem(
            api.patch(f"invoices/{two['id']}", {"debtor_external_id": "C-1"}),
            422,
            "debtor_mismatch",
            "debtor_external_id",
        )
    assert "Oryx LLC" in problem["detail"]
    assert "Falcon LLC" in problem["detail"]
    body = {"debtor_company": "Oryx L.L.C.", "debtor_external_id": "C-1"}
    assert api.patch(f"invoices/{two['id']}", body).json["debtor_id"] == one["debtor_id"]


# --- PUT ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["INV-1", "A/B", "ق-١", "A B", "100%", "a?b#c", "x" * 64])
def test_put_creates_then_amends_then_changes_nothing(account: Account, api: Caller, number: str) -> None:
    body = {name: value for name, value in LEAST.items() if name != "invoice_number"}
    made = put(api, number, body | {"tags": ["a"]})
    assert (made.status, made.json["invoice_number"]) == (201, number)
    assert api.get(made.headers["Location"].removeprefix("http://testserver")).json == made.json
    amended = put(api, number, {"amount": 1})
    assert (amended.status, amended.json["amount"], amended.json["tags"]) == (200, 1, ["a"])
    with nothing_happens(account):
        again = put(api, number, body | {"amount": 1})
    assert (again.status, again.json, again.headers["ETag"]) == (200, amended.json, '"2"')


@pytest.mark.parametrize("number", [".", "..", "A/", "/A", "../invoices", "A."])
def test_numbers_with_dots_or_slashes_at_an_end_go_into_the_query(account: Account, api: Caller, number: str) -> None:
    body = {name: value for name, value in LEAST.items() if name != "invoice_number"}
    path = f"invoices?{urllib.parse.urlencode({'number': number})}"
    assert api.send("PUT", path, body).json["invoice_number"] == number
    assert api.send("PUT", path, {"amount": 1}).status == 200
    assert Invoice.objects.get().amount == 1


def test_the_number_in_the_body_is_absent_or_the_same(account: Account, api: Caller) -> None:
    assert put(api, "1001", LEAST | {"invoice_number": 1001}).status == 201
    with nothing_happens(account):
        is_problem(put(api, "1001", LEAST), 422, "contradiction", "invoice_number")
        is_problem(put(api, "\u200b", LEAST | {"invoice_number": ""}), 422, field="invoice_number")
        is_problem(api.send("PUT", "invoices", LEAST), 422, "required", "number")
        is_problem(api.send("PUT", "invoices?number=1&x=2", LEAST), 422, "unknown_field", "x")


def test_a_new_number_needs_what_a_post_needs(account: Account, api: Caller) -> None:
    with nothing_happens(account):
        problem = is_problem(put(api, "INV-1", {"amount": 1}), 422, "required")
    assert {error["field"] for error in problem["errors"]} == {"debtor_name", "currency", "due_date"}


def test_put_refuses_what_is_stale_cancelled_or_in_another_currency(account: Account, api: Caller) -> None:
    put(api, "INV-1", LEAST | {"source_updated_at": "2026-01-02T00:00:00Z"})
    with nothing_happens(account):
        is_problem(put(api, "INV-1", LEAST | {"source_updated_at": "2026-01-01T00:00:00Z"}), 409, "stale")
        is_problem(put(api, "INV-1", LEAST | {"currency": "USD"}), 422, "read_only", "currency")
    invoice = Invoice.objects.get()
    api.patch(f"invoices/{invoice.pk}", {"status": "cancelled"})
    with nothing_happens(account):
        is_problem(put(api, "INV-1", LEAST), 409, "cancelled")
    reopened = put(api, "INV-1", {"reopen": True})
    assert (reopened.status, reopened.json["id"], reopened.json["status"]) == (200, str(invoice.pk), "overdue")


def test_less_paid_than_recorded_is_named_and_nothing_is_removed(account: Account, api: Caller) -> None:
    put(api, "INV-1", LEAST | {"amount_paid": 100})
    with nothing_happens(account):
        shown = put(api, "INV-1", {"amount_paid": 40}).json
    assert shown["differences"] == {"amount_paid": {"given": 40, "recorded": 100}}
    assert "differences" not in put(api, "INV-1", {"amount_paid": 100}).json


def test_a_cancelled_number_may_be_registered_again_and_the_new_one_is_found(account: Account, api: Caller) -> None:
    first = api.post("invoices", LEAST).json
    api.patch(f"invoices/{first['id']}", {"status": "cancelled"})
    second = api.post("invoices", LEAST).json
    assert [row["id"] for row in api.get("invoices?invoice_number=INV-1").json] == [second["id"]]
    assert [row["id"] for row in api.get("invoices?invoice_number=INV-1&status=cancelled").json] == [first["id"]]
    problem = is_problem(api.post("invoices", LEAST), 422, "duplicate", "invoice_number")
    assert second["id"] in problem["detail"]


# --- Many rows ---------------------------------------------------------------------------------------------------


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    return [LEAST | {"invoice_number": f"B-{number}"} | more for number in range(count)]


def test_each_row_is_answered_in_its_order_and_a_bad_one_harms_no_other(account: Account, api: Caller) -> None:
    bodies: list[Any] = [*rows(60), LEAST | {"amount": -1}, 7, {}, LEAST | {"invoice_number": "B-3"}, LEAST]
    answer = api.post("invoices/bulk", {"invoices": bodies})
    assert answer.status == 200
    assert [row["index"] for row in answer.json] == list(range(65))
    assert [row["status"] for row in answer.json] == [201] * 60 + [422] * 4 + [201]
    assert answer.json[60]["problem"]["errors"][0]["field"] == "amount"
    assert answer.json[63]["problem"]["code"] == "duplicate"
    assert answer.json[3]["id"] in answer.json[63]["problem"]["detail"]
    assert Invoice.objects.count() == 61
    assert make.events_of(account) == ["invoice.created"] * 61
    assert TimelineEntry.objects.filter(kind="created").count() == 61
    created = [event["data"]["invoice_number"] for event in api.get("events?limit=100").json]
    assert created == [f"B-{number}" for number in range(60)] + ["INV-1"]


def test_rows_have_amounts_with_decimals_and_null_is_a_bad_row(api: Caller) -> None:
    bodies = [LEAST | {"amount": 1000.55}, None, LEAST | {"invoice_number": 1.5}]
    answer = api.post("invoices/bulk", {"invoices": bodies, "upsert": None})
    assert [row["status"] for row in answer.json] == [201, 422, 422]
    assert api.get(f"invoices/{answer.json[0]['id']}").json["amount"] == 1000.55
    assert answer.json[2]["problem"]["errors"][0]["field"] == "invoice_number"


def test_rows_of_an_upsert_do_what_put_does(account: Account, api: Caller) -> None:
    first = api.post("invoices/bulk", {"invoices": rows(3), "upsert": True}).json
    bodies = [{"invoice_number": "B-1", "amount": 5}, rows(1)[0], *rows(4)[3:], {"invoice_number": "B-3", "amount": 9}]
    second = api.post("invoices/bulk", {"invoices": bodies, "upsert": True}).json
    assert [row["status"] for row in second] == [200, 200, 201, 200]
    assert second[0]["id"] == first[1]["id"]
    assert second[2]["id"] == second[3]["id"]
    assert make.events_of(account) == ["invoice.created"] * 3 + [
        "invoice.amended",
        "invoice.created",
        "invoice.amended",
    ]
    assert api.post("invoices/bulk", {"invoices": [{"amount": 1}], "upsert": True}).json[0]["status"] == 422


def test_a_row_is_shown_as_if_it_was_sent_alone(account: Account, api: Caller) -> None:
    body = LEAST | {"debtor_email": "a@b.example", "amount_paid": 5, "due_date": "2030-01-01"}
    (row,) = api.post("invoices/bulk", {"invoices": [body]}).json
    alone = api.post("invoices", body | {"invoice_number": "INV-2"}).json
    shown = api.get(f"invoices/{row['id']}").json
    own = {"id", "invoice_number", "url", "created_at", "updated_at"}
    assert {k: v for k, v in shown.items() if k not in own} == {k: v for k, v in alone.items() if k not in own}
    assert shown["debtor_id"] == alone["debtor_id"]


@pytest.mark.parametrize("given", [[], [LEAST] * 101, "x", None, {}], ids=["none", "101", "text", "null", "object"])
def test_1_to_100_rows_are_taken(account: Account, api: Caller, given: Any) -> None:
    with nothing_happens(account):
        is_problem(api.post("invoices/bulk", {"invoices": given}), 422)


def test_the_key_covers_the_whole_answer(account: Account, api: Caller) -> None:
    body = {"invoices": [*rows(2), {}]}
    first = api.post("invoices/bulk", body, Idempotency_Key="k")
    with nothing_happens(account):
        again = api.post("invoices/bulk", body, Idempotency_Key="k")
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    is_problem(api.post("invoices/bulk", {"invoices": rows(1)}, Idempotency_Key="k"), 422, "idempotency_key_reused")


def test_ten_rows_count_as_one_request(db: None) -> None:
    account = make.account(requests_per_minute=5, requests_per_day=100)
    api = caller(account)
    assert api.post("invoices/bulk", {"invoices": rows(11)}).headers["X-RateLimit-Remaining"] == "3"
    assert api.post("invoices/bulk", {"invoices": rows(1)}).headers["X-RateLimit-Remaining"] == "2"
    is_problem(api.post("invoices/bulk", {"invoices": rows(21)}), 429, "rate_limited")
    assert api.get("me").headers["X-RateLimit-Remaining"] == "1"
    assert api.post("invoices/bulk", b"{").headers["X-RateLimit-Remaining"] == "0"


def test_2_mib_are_taken_and_not_more(account: Account, api: Caller) -> None:
    long = rows(100, notes="x" * 9_000)
    assert api.post("invoices/bulk", {"invoices": long}).json[99]["status"] == 201
    is_problem(api.post("invoices", LEAST | {"notes": "x" * 300_000}), 413)
    is_problem(api.post("invoices/bulk", {"invoices": rows(100, notes="x" * 22_000)}), 413)


def test_days_are_the_account_s(account: Account, api: Caller) -> None:
    tomorrow = (account.today() + dt.timedelta(days=1)).isoformat()
    assert put(api, "INV-1", LEAST | {"due_date": tomorrow}).json["issue_date"] == account.today().isoformat()
