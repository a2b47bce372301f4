"""Contract §3: what an invoice is made of, in and out."""

import datetime as dt
import re
import uuid
from typing import Any

import pytest

from inflow.accounts.models import Account
from invoices.api.serializers import InvoicePatch
from invoices.models import Invoice, Payment
from tests import make
from tests.api.client import Caller, is_problem
from tests.unchanged import nothing_happens

LEAST = {
    "invoice_number": "INV-1",
    "debtor_name": "Ahmed Al Rashid",
    "amount": 25000,
    "currency": "AED",
    "due_date": "2026-02-14",
}
FIELDS = [
    *("id", "invoice_number", "debtor_name", "debtor_company", "amount", "currency", "status", "payment_status"),
    *("due_date", "created_at", "debtor_email", "debtor_phone", "issue_date", "language", "notes", "amount_paid"),
    *("balance", "is_overdue", "days_overdue", "hold_until", "escalation_level", "last_contacted_at"),
    *("next_contact_at", "version", "updated_at", "external_id", "debtor_id", "contacts", "purchase_order"),
    *("payment_url", "tags", "metadata", "source_updated_at", "amount_credited", "credit_available", "url"),
]


def test_the_answer_has_exactly_these_fields(account: Account, api: Caller) -> None:
    made = api.post("invoices", LEAST).json
    assert sorted(made) == sorted(FIELDS)
    assert api.get(f"invoices/{made['id']}").json == made
    assert api.get("invoices").json == [made]


def test_what_is_not_given_has_its_default(account: Account, api: Caller) -> None:
    Account.objects.filter(pk=account.pk).update(language="ar")
    due = account.today() + dt.timedelta(days=30)
    made = api.post("invoices", LEAST | {"due_date": due.isoformat()}).json
    assert made["issue_date"] == account.today().isoformat()
    assert made["language"] == "ar"
    for name in ("debtor_company", "debtor_email", "debtor_phone", "notes", "hold_until", "last_contacted_at"):
        assert made[name] is None
    assert (made["amount_paid"], made["balance"], made["version"]) == (0, 25000, 1)
    assert (made["is_overdue"], made["days_overdue"], made["escalation_level"]) == (False, 0, 0)


def test_the_issue_date_of_what_is_long_due_is_its_due_date(api: Caller) -> None:
    assert api.post("invoices", LEAST | {"due_date": "2020-01-31"}).json["issue_date"] == "2020-01-31"


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("25000", "AED", b"25000"),
        ("25000.0", "AED", b"25000"),
        ("25000.50", "AED", b"25000.5"),
        ('"25000.50"', "AED", b"25000.5"),
        ("2.5e4", "AED", b"25000"),
        ("0.1", "AED", b"0.1"),
        ("0.001", "KWD", b"0.001"),
        ("10", "JPY", b"10"),
        ("999999999999999", "AED", b"999999999999999"),
        ("9999999999999.99", "AED", b"9999999999999.99"),
        ("999999999999.999", "OMR", b"999999999999.999"),
    ],
)
def test_money_is_a_json_number_exactly_as_given(
    account: Account, api: Caller, amount: str, currency: str, written: bytes
) -> None:
    body = (
        f'{{"invoice_number": "INV-1", "debtor_name": "A", "due_date": "2026-02-14", '
        f'"currency": "{currency}", "amount": {amount}}}'
    )
    answer = api.send("POST", "invoices", body.encode())
    assert answer.status == 201
    for seen in (answer, api.get(f"invoices/{answer.json['id']}"), api.get("invoices")):
        assert re.findall(rb'"(?:amount|balance)":([^,}]+)', seen.body) == [written, written]


def test_dates_moments_and_ids_have_their_forms(account: Account, api: Caller) -> None:
    made = api.post("invoices", LEAST).json
    assert uuid.UUID(made["id"]).version == 4
    for name in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", made[name])
    for name in ("issue_date", "due_date"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", made[name])


@pytest.mark.parametrize(
    ("given", "kept"),
    [("+971 50 123 4567", "+971501234567"), ("050 123 4567", "+971501234567"), ("00971501234567", "+971501234567")],
)
def test_a_phone_number_is_normalised_to_e164(api: Caller, given: str, kept: str) -> None:
    assert api.post("invoices", LEAST | {"debtor_phone": given}).json["debtor_phone"] == kept


def test_an_opening_payment_is_in_the_ledger(account: Account, api: Caller) -> None:
    made = api.post("invoices", LEAST | {"amount_paid": 10000.5}).json
    assert (made["payment_status"], made["amount_paid"], made["balance"]) == ("partially_paid", 10000.5, 14999.5)
    (payment,) = api.get(f"invoices/{made['id']}/payments").json
    assert (payment["amount"], payment["method"]) == (10000.5, "opening")


def test_a_duplicate_invoice_number_names_the_existing_invoice(account: Account, api: Caller) -> None:
    first = api.post("invoices", LEAST).json
    with nothing_happens(account):
        problem = is_problem(api.post("invoices", LEAST | {"amount": 1}), 422, "duplicate", "invoice_number")
    assert first["id"] in problem["detail"]


def test_the_same_invoice_number_in_another_account_is_no_duplicate(account: Account, api: Caller) -> None:
    make.invoice(make.account("Oryx"), invoice_number="INV-1")
    assert api.post("invoices", LEAST).status == 201


def test_created_says_where_the_invoice_is(account: Account, api: Caller) -> None:
    answer = api.post("invoices", LEAST)
    assert answer.headers["Location"] == f"http://testserver/api/zapier/invoices/{answer.json['id']}"
    assert api.get(answer.headers["Location"].removeprefix("http://testserver")).json == answer.json


CONTACT = {
    **{"name": "Sara", "role": "Accounts", "email": "sara@oryx.example", "phone": None, "language": "ar"},
    "receives": ["reminder"],
}
# Each field of `InvoicePatch` with a value that changes an invoice. `hold_until` needs its status.
CHANGES: dict[str, dict[str, Any]] = {
    "status": {"status": "disputed"},
    "payment_status": {"payment_status": "paid"},
    "notes": {"notes": "Asked for a copy."},
    "hold_until": {"status": "on_hold", "hold_until": make.FAR_AHEAD},
    "amount": {"amount": 24000.5},
    "issue_date": {"issue_date": "2020-01-01"},
    "due_date": {"due_date": "2999-12-31"},
    "external_id": {"external_id": "4711"},
    "debtor_name": {"debtor_name": "Mohammed Ali"},
    "debtor_company": {"debtor_company": "Oryx LLC"},
    "debtor_email": {"debtor_email": "books@oryx.example"},
    "debtor_phone": {"debtor_phone": "+971501234567"},
    "contacts": {"debtor_email": "a@oryx.example", "contacts": [{**CONTACT, "email": "a@oryx.example"}, CONTACT]},
    "language": {"language": "ar"},
    "purchase_order": {"purchase_order": "PO-7"},
    "payment_url": {"payment_url": "https://pay.example/INV-1?amount=1"},
    "tags": {"tags": ["vip", "north"]},
    "metadata": {"metadata": {"project": "Marina"}},
}
# Fields of `InvoicePatch` that are not an invoice's own.
NOT_SHOWN = {"debtor_external_id", "source_updated_at"}
READ_ONLY = sorted(set(FIELDS) - CHANGES.keys() - NOT_SHOWN)


@pytest.mark.parametrize("field", sorted(InvoicePatch().fields.keys() - NOT_SHOWN))
def test_what_patch_changes_is_stored(account: Account, api: Caller, field: str) -> None:
    assert field in CHANGES, "add the new field to CHANGES"
    invoice = make.invoice(account)
    answer = api.patch(f"invoices/{invoice.pk}", CHANGES[field]).json
    assert answer.items() >= CHANGES[field].items()
    stored = api.get(f"invoices/{invoice.pk}").json
    assert stored == answer, "the change is not stored: add the field to _WATCHED in invoices/drafts.py"
    assert stored["version"] == invoice.version + 1


@pytest.mark.parametrize("field", READ_ONLY)
def test_patch_refuses_what_it_may_not_change(account: Account, api: Caller, field: str) -> None:
    invoice = make.invoice(account)
    with nothing_happens(account):
        answer = api.patch(f"invoices/{invoice.pk}", {"notes": "x", field: 1})
        is_problem(answer, 422, "read_only", field)


def test_patch_refuses_an_unknown_field(account: Account, api: Caller) -> None:
    invoice = make.invoice(account)
    with nothing_happens(account):
        is_problem(api.patch(f"invoices/{invoice.pk}", {"notes": "x", "colour": 1}), 422, "unknown_field", "colour")


@pytest.mark.parametrize(
    "same", [{}, {"status": "new"}, {"payment_status": "unpaid"}, {"notes": ""}, {"notes": None}], ids=str
)
def test_patch_to_the_same_value_is_200_and_no_event(account: Account, api: Caller, same: dict[str, Any]) -> None:
    invoice = make.invoice(account)
    with nothing_happens(account):
        answer = api.patch(f"invoices/{invoice.pk}", same)
    assert answer.status == 200
    assert answer.json["version"] == 1


def test_a_hold_takes_its_end(account: Account, api: Caller) -> None:
    invoice = make.invoice(account)
    until = (account.today() + dt.timedelta(days=9)).isoformat()
    held = api.patch(f"invoices/{invoice.pk}", {"status": "on_hold", "hold_until": until}).json
    assert (held["status"], held["hold_until"]) == ("on_hold", until)


@pytest.mark.parametrize(
    ("status", "change", "refused"),
    [
        ("new", {"status": "overdue"}, (422, "not_true", "status")),
        ("new", {"status": "written_off"}, (403, "staff_only", None)),
        ("new", {"payment_status": "partially_paid"}, (422, "needs_a_payment", "payment_status")),
        ("new", {"hold_until": "2026-12-31"}, (422, "without_hold", "hold_until")),
        ("new", {"status": "on_hold", "hold_until": "2020-01-01"}, (422, "in_the_past", "hold_until")),
        ("new", {"status": "on_hold", "hold_until": "2999-12-31"}, (422, "too_far_ahead", "hold_until")),
        ("new", {"status": "disputed", "payment_status": "paid"}, (422, "illegal_transition", "status")),
        ("paid", {"status": "cancelled"}, (422, "illegal_transition", "status")),
        ("cancelled", {"status": "new"}, (422, "illegal_transition", "status")),
        ("cancelled", {"payment_status": "paid"}, (422, "illegal_transition", "payment_status")),
    ],
    ids=str,
)
def test_an_illegal_transition_is_refused_and_nothing_of_it_applied(
    account: Account, api: Caller, status: str, change: dict[str, str], refused: tuple[int, str, str | None]
) -> None:
    invoice = make.invoice_in(account, status)
    with nothing_happens(account):
        is_problem(api.patch(f"invoices/{invoice.pk}", change | {"notes": "too"}), *refused)


def test_the_etag_is_the_version_and_rises_with_each_change(account: Account, api: Caller) -> None:
    made = api.post("invoices", LEAST)
    path = f"invoices/{made.json['id']}"
    assert made.headers["ETag"] == '"1"'
    changed = api.patch(path, {"notes": "Call back"})
    assert (changed.headers["ETag"], changed.json["version"]) == ('"2"', 2)
    assert api.get(path).headers["ETag"] == '"2"'


@pytest.mark.parametrize("tag", ['"1"', "*", '"7", "1"', 'W/"1", "1"', '"1" , "2"'])
def test_if_match_with_the_version_lets_the_change_through(account: Account, api: Caller, tag: str) -> None:
    invoice = make.invoice(account)
    assert api.patch(f"invoices/{invoice.pk}", {"notes": "x"}, If_Match=tag).status == 200


@pytest.mark.parametrize("tag", ['"2"', '"0"', 'W/"1"', '"abc"', '"1a"', '""', '"99999999999999999999"'])
def test_if_match_with_another_version_is_412_and_changes_nothing(account: Account, api: Caller, tag: str) -> None:
    invoice = make.invoice(account)
    with nothing_happens(account):
        answer = api.patch(f"invoices/{invoice.pk}", {"notes": "x"}, If_Match=tag)
    is_problem(answer, 412, "version_mismatch")


@pytest.mark.parametrize("tag", ["", "1", "abc", '"1', '"1" "2"', '"1",', "*, *", '"é"'])
def test_if_match_that_is_no_etag_is_400_and_not_ignored(account: Account, api: Caller, tag: str) -> None:
    invoice = make.invoice(account)
    with nothing_happens(account):
        is_problem(api.patch(f"invoices/{invoice.pk}", {"notes": "x"}, If_Match=tag), 400, "bad_if_match")


def test_there_is_no_304(account: Account, api: Caller) -> None:
    invoice = make.invoice(account)
    assert api.get(f"invoices/{invoice.pk}", If_None_Match='"1"').status == 200


def test_payments_make_the_balance_and_the_status(account: Account, api: Caller) -> None:
    path = f"invoices/{make.invoice(account).pk}"
    first = api.post(f"{path}/payments", {"amount": 10000, "method": "bank_transfer", "reference": "FT-1"})
    assert first.status == 201
    today = account.today().isoformat()
    assert first.json == {
        "id": str(Payment.objects.get().pk),
        "amount": 10000,
        "paid_at": today,
        "method": "bank_transfer",
        "reference": "FT-1",
        "reversal_of": None,
        "status": "standing",
        "allocated": 10000,
        "unallocated": 0,
        "created_at": first.json["created_at"],
    }
    seen = api.get(path).json
    assert (seen["payment_status"], seen["balance"]) == ("partially_paid", 15000)
    over = api.post(f"{path}/payments", {"amount": "20000.25"}).json
    seen = api.get(path).json
    assert (seen["status"], seen["payment_status"]) == ("paid", "paid")
    assert (seen["balance"], seen["amount_paid"]) == (0, 25000)
    assert (over["allocated"], over["unallocated"]) == (15000, 5000.25)  # the surplus is credit
    reversal = api.post(f"{path}/payments", {"reversal_of": over["id"]}).json
    assert (reversal["amount"], reversal["reversal_of"]) == (-20000.25, over["id"])
    seen = api.get(path).json
    assert (seen["status"], seen["payment_status"], seen["balance"]) == ("new", "partially_paid", 15000)
    assert [row["amount"] for row in api.get(f"{path}/payments").json] == [-20000.25, 20000.25, 10000]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "required", "amount"),
        ({"amount": 0}, "not_positive", "amount"),
        ({"amount": 1.005}, "too_many_decimals", "amount"),
        ({"amount": 1, "paid_at": "2999-01-01"}, "in_the_future", "paid_at"),
        ({"amount": 1, "reference": "taken"}, "duplicate", "reference"),
        ({"reversal_of": str(make.NOWHERE)}, "unknown_payment", "reversal_of"),
        ({"reversal_of": "7"}, "invalid", "reversal_of"),
        ({"reversal_of": str(make.NOWHERE), "amount": 1}, "not_alone", "reversal_of"),
        ({"amount": 999_999_999_999_999}, "too_long", "amount"),
        ({"amount": "1000000000000000"}, "too_long", "amount"),
        ({"amount": "0.1000000000000000"}, "too_long", "amount"),
        ({"amount": 1, "id": "x"}, "read_only", "id"),
    ],
    ids=str,
)
def test_a_payment_that_is_wrong_is_refused(
    account: Account, api: Caller, body: dict[str, Any], code: str, field: str
) -> None:
    path = f"invoices/{make.invoice(account).pk}/payments"
    assert api.post(path, {"amount": 1, "reference": "taken"}).status == 201
    with nothing_happens(account):
        is_problem(api.post(path, body), 422, code, field)


def test_a_payment_is_reversed_once_and_only_from_its_own_invoice(account: Account, api: Caller) -> None:
    mine, other = (f"invoices/{make.invoice(account).pk}/payments" for _ in range(2))
    payment = api.post(mine, {"amount": 5}).json["id"]
    with nothing_happens(account):
        is_problem(api.post(other, {"reversal_of": payment}), 422, "unknown_payment", "reversal_of")
    assert api.post(mine, {"reversal_of": payment}).status == 201
    with nothing_happens(account):
        is_problem(api.post(mine, {"reversal_of": payment}), 422, "already_reversed", "reversal_of")


def test_what_is_overdue_says_by_how_much(account: Account, api: Caller) -> None:
    invoice = make.overdue_invoice(account, due_in=-10)
    seen = api.get(f"invoices/{invoice.pk}").json
    assert (seen["status"], seen["is_overdue"], seen["days_overdue"]) == ("overdue", True, 10)
    assert Invoice.objects.get().status == "overdue"
