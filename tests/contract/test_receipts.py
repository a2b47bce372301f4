"""Payments over several invoices, credit, and credit notes: /payments, /apply-credit, /credit-notes."""

from decimal import Decimal
from typing import Any

import pytest

from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.models import CreditNote, Invoice, Receipt
from tests import make
from tests.api.client import Caller, caller, is_problem
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoices(account: Account) -> list[Invoice]:
    return [make.invoice(account, amount=100, invoice_number=f"INV-{name}", due_in=30 + len(name)) for name in "ABC"]


def transfer(amount: Any, *parts: tuple[str, Any], **more: Any) -> dict[str, Any]:
    allocations = [{"invoice_number": number, "amount": part} for number, part in parts]
    return {"amount": amount, "currency": "AED", "allocations": allocations, **more}


def test_one_transfer_pays_three_invoices_by_number_and_leaves_credit(
    account: Account, api: Caller, invoices: list[Invoice]
) -> None:
    body = transfer(275.5, ("INV-A", 100), ("INV-B", 100), ("INV-C", 50.25), reference="FT-1", bank_id="B-1")
    answer = api.post("payments", body)
    assert answer.status == 201
    receipt = answer.json
    assert answer.headers["Location"] == f"http://testserver/api/zapier/payments/{receipt['id']}"
    lines = {line["invoice_number"]: line for line in receipt.pop("allocations")}
    assert receipt == {
        "id": receipt["id"],
        "debtor_id": str(invoices[0].debtor_id),
        "amount": 275.5,
        "currency": "AED",
        "paid_at": str(account.today()),
        "method": "unspecified",
        "reference": "FT-1",
        "bank_id": "B-1",
        "status": "standing",
        "unallocated": 25.25,
        "created_at": receipt["created_at"],
    }
    assert {number: line["amount"] for number, line in lines.items()} == {"INV-A": 100, "INV-B": 100, "INV-C": 50.25}
    assert lines["INV-A"]["invoice_id"] == str(invoices[0].pk)
    assert [api.get(f"invoices/{each.pk}").json["balance"] for each in invoices] == [0, 0, 49.75]
    assert api.get(f"payments/{receipt['id']}").json["unallocated"] == 25.25
    assert api.post("payments", body).json["id"] == receipt["id"]
    (line,) = api.get(f"invoices/{invoices[2].pk}/payments").json
    assert (line["id"], line["allocated"], line["amount"]) == (receipt["id"], 50.25, 275.5)


def test_an_integer_is_taken_where_a_reference_is_meant(api: Caller, invoices: list[Invoice]) -> None:
    answer = api.post("payments", transfer(50, ("INV-A", 50), reference=4711, bank_id=815))
    assert (answer.status, answer.json["reference"], answer.json["bank_id"]) == (201, "4711", "815")
    answer = api.post(f"invoices/{invoices[1].pk}/payments", {"amount": 10, "reference": 4712})
    assert (answer.status, answer.json["reference"]) == (201, "4712")
    refused = api.post("payments", transfer(50, ("INV-C", 50), reference=True))
    is_problem(refused, 422, "invalid", "reference")


@pytest.mark.parametrize("absent", ["", None])
def test_an_empty_text_and_null_mean_not_given(
    account: Account, api: Caller, invoices: list[Invoice], absent: str | None
) -> None:
    nothing = dict.fromkeys(("paid_at", "method", "reference", "bank_id", "debtor_id"), absent)
    part = {"invoice_number": "INV-A", "invoice_id": absent, "amount": 10}
    made = api.post("payments", nothing | {"amount": 10, "currency": "aed", "allocations": [part]})
    assert (made.status, made.json["currency"], made.json["method"]) == (201, "AED", "unspecified")
    nothing = dict.fromkeys(("date", "invoice_id", "debtor_id", "open_remainder"), absent)
    note = api.post("credit-notes", nothing | {"number": 7, "amount": 5, "currency": "aed", "invoice_number": "INV-A"})
    assert (note.status, note.json["open"]) == (201, 0)
    path = f"invoices/{invoices[0].pk}"
    short = dict.fromkeys(("paid_at", "method", "reference", "reversal_of"), absent)
    assert api.post(f"{path}/payments", short | {"amount": 5}).json["method"] == "unspecified"
    assert api.post(f"{path}/promises", {"promised_on": str(account.today()), "amount": absent}).json["amount"] == 80
    assert api.post(f"payments/{made.json['id']}/void", {"reason": absent}).status == 200


def test_a_number_means_the_invoice_that_is_not_cancelled(account: Account, api: Caller) -> None:
    old = make.invoice(account, amount=100, invoice_number="INV-A")
    lifecycle.change(account, old.pk, make.API, status="cancelled")
    new = make.invoice(account, amount=100, invoice_number="INV-A")
    (line,) = api.post("payments", transfer(10, ("INV-A", 10))).json["allocations"]
    assert line["invoice_id"] == str(new.pk)
    by_id = {"amount": 10, "currency": "AED", "allocations": [{"invoice_id": str(old.pk), "amount": 10}]}
    is_problem(api.post("payments", by_id), 422, "cancelled")


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        (transfer(100, ("INV-A", 60), ("INV-B", 50)), "allocations", "AED 110.00 in all"),
        (transfer(300, ("INV-A", 101)), "allocations", "above its balance of AED 100.00"),
        (transfer(100, ("INV-A", 50), ("INV-A", 50)), "allocations", "once"),
        (transfer(100, ("INV-A", 0)), "allocations.0.amount", "greater than 0"),
        (transfer(100, ("INV-A", -5)), "allocations.0.amount", "less than 0"),
        (transfer(100, ("INV-A", "1.001")), "allocations", "AED has 2 decimals"),
        (transfer(100, ("INV-X", 5)), "allocations", "INV-X"),
        (transfer(100, ("INV-A", 5), currency="KWD"), "allocations", "INV-A is in AED"),
        (transfer(100, ("INV-A", 5), currency="XXX"), "currency", "XXX"),
        (transfer(100), "debtor_id", "required"),
        (transfer(100, debtor_id=str(make.NOWHERE)), "debtor_id", "no debtor"),
        (transfer(10**15, ("INV-A", 5)), "amount", "15 digits"),
        (transfer(0, ("INV-A", 5)), "amount", "greater than 0"),
        (transfer(10, ("INV-A", 5), paid_at="2900-01-01"), "paid_at", "future"),
        (transfer(10, ("INV-A", 5), status="voided"), "status", "can't be changed"),
        (transfer(10, ("INV-A", 5), nonsense=1), "nonsense", "no such field"),
        ({"amount": 1, "currency": "AED", "allocations": [{"amount": 1}]}, "allocations.0.invoice_number", "either"),
        ({"amount": 1, "currency": "AED", "allocations": {}}, "allocations", "list"),
        ({"amount": 1, "currency": "AED", "allocations": ["x"]}, "allocations.0", ""),
        ({"currency": "AED"}, "amount", "required"),
    ],
)
def test_a_bad_transfer_is_refused_with_its_field_and_figures(
    account: Account, api: Caller, invoices: list[Invoice], body: Any, field: str, text: str
) -> None:
    with nothing_happens(account):
        problem = is_problem(api.post("payments", body), 422)
    assert [error["field"] for error in problem["errors"]] == [field]
    assert text in problem["errors"][0]["message"]


def test_the_list_is_filtered_and_paged(account: Account, api: Caller, invoices: list[Invoice]) -> None:
    one = api.post("payments", transfer(50, ("INV-A", 20), ("INV-B", 30), reference="FT-1", bank_id="B-1")).json["id"]
    two = api.post("payments", transfer(7, debtor_id=str(invoices[0].debtor_id))).json["id"]
    three = api.post(f"invoices/{invoices[2].pk}/payments", {"amount": 5}).json["id"]
    api.post(f"payments/{two}/void", {})
    found = {
        query: [each["id"] for each in api.get(f"payments{query}").json]
        for query in (
            *("", "?limit=2", "?status=voided", "?status=standing,voided", "?currency=KWD", "?reference=FT-1"),
            *("?invoice_number=INV-B", "?invoice_number=INV-C", "?bank_id=B-1", f"?debtor_id={invoices[0].debtor_id}"),
            f"?paid_after={account.today()}",
        )
    }
    assert list(found.values()) == [
        *([three, two, one], [three, two], [two], [three, two, one], [], [one]),
        *([one], [three], [one], [three, two, one]),
        [],
    ]
    first = api.get("payments?limit=2")
    assert first.next
    assert [each["id"] for each in api.get(first.next.removeprefix("/api/zapier/")).json] == [one]
    for query in ("?status=nonsense", "?debtor_id=7", "?limit=0", "?nonsense=1"):
        assert api.get(f"payments{query}").status == 422


def test_credit_is_applied_by_api(account: Account, api: Caller, invoices: list[Invoice]) -> None:
    api.post("payments", transfer(70, debtor_id=str(invoices[0].debtor_id)))
    path = f"invoices/{invoices[0].pk}/apply-credit"
    answer = api.post(path, {"amount": 30}, Idempotency_Key="k-1")
    assert (answer.status, answer.json["balance"], answer.json["amount_paid"]) == (200, 70, 30)
    assert api.post(path, {"amount": 30}, Idempotency_Key="k-1").headers["Idempotent-Replayed"] == "true"
    problem = is_problem(api.post(path, {"amount": 41}), 422, "above_credit")
    assert "AED 40.00" in problem["detail"]
    assert api.post(path, {}).json["balance"] == 30
    is_problem(api.post(path, {}), 422, "no_credit")


def test_a_credit_note_lowers_its_invoice(account: Account, api: Caller, invoices: list[Invoice]) -> None:
    body = {"number": "CN-1", "amount": 30, "currency": "AED", "invoice_number": "INV-A"}
    answer = api.post("credit-notes", body, Idempotency_Key="k-1")
    assert answer.status == 201
    note = answer.json
    assert note == {
        "id": str(CreditNote.objects.get().pk),
        "number": "CN-1",
        "date": str(account.today()),
        "amount": 30,
        "currency": "AED",
        "debtor_id": str(invoices[0].debtor_id),
        "invoice_id": str(invoices[0].pk),
        "open": 0,
        "status": "standing",
        "created_at": note["created_at"],
    }
    assert api.post("credit-notes", body, Idempotency_Key="k-1").json == note
    shown = api.get(f"invoices/{invoices[0].pk}").json
    assert (shown["balance"], shown["amount_credited"], shown["amount_paid"]) == (70, 30, 0)
    assert api.get(f"credit-notes/{note['id']}").json == note
    is_problem(api.post("credit-notes", body), 422, "duplicate")
    problem = is_problem(api.post("credit-notes", {**body, "number": "CN-2", "amount": 71}), 422, "above_balance")
    assert "AED 70.00" in problem["detail"]
    rest = api.post("credit-notes", {**body, "number": "CN-2", "amount": 71, "open_remainder": True}).json
    assert (rest["open"], api.get(f"invoices/{invoices[0].pk}").json["status"]) == (1, "paid")
    alone = {"number": "CN-3", "amount": 5, "currency": "AED", "debtor_id": str(invoices[0].debtor_id)}
    assert api.post("credit-notes", alone).json["open"] == 5
    assert [each["number"] for each in api.get("credit-notes?limit=2").json] == ["CN-3", "CN-2"]
    assert [each["number"] for each in api.get("credit-notes?invoice_number=INV-A").json] == ["CN-2", "CN-1"]
    assert api.post(f"credit-notes/{note['id']}/void", {"reason": "By mistake."}).json["status"] == "voided"
    assert [each["number"] for each in api.get("credit-notes?status=voided").json] == ["CN-1"]
    is_problem(api.post(f"credit-notes/{note['id']}/void", {}), 422, "already_voided")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": 5, "currency": "AED"}, "number"),
        ({"number": "CN-1", "amount": 5, "currency": "AED"}, "debtor_id"),
        ({"number": "CN-1", "amount": 5, "currency": "AED", "invoice_number": "INV-X"}, "invoice_number"),
        ({"number": "CN-1", "amount": 5, "currency": "KWD", "invoice_number": "INV-A"}, "currency"),
        ({"number": "CN-1", "amount": 5, "currency": "AED", "invoice_number": "INV-A", "open": 1}, "open"),
        (
            {"number": "CN-1", "amount": 500, "currency": "AED", "invoice_number": "INV-A", "open_remainder": 1},
            "open_rem",
        ),
    ],
)
def test_a_bad_credit_note_is_refused(
    account: Account, api: Caller, invoices: list[Invoice], body: Any, field: str
) -> None:
    with nothing_happens(account):
        problem = is_problem(api.post("credit-notes", body), 422)
    assert problem["errors"][0]["field"].startswith(field)


def test_nothing_of_another_account_is_found_or_touched(account: Account, api: Caller, invoices: list[Invoice]) -> None:
    other = caller(make.account())
    body = transfer(50, ("INV-A", 20))
    receipt = api.post("payments", body).json["id"]
    note = api.post("credit-notes", {"number": "CN-1", "amount": 5, "currency": "AED", "invoice_number": "INV-A"}).json
    with nothing_happens(account):
        for path in (f"payments/{receipt}", f"credit-notes/{note['id']}"):
            is_problem(other.get(path), 404, "not_found")
            is_problem(other.post(f"{path}/void", {}), 404, "not_found")
        is_problem(other.post(f"invoices/{invoices[0].pk}/apply-credit", {}), 404, "not_found")
        assert other.get("payments").json == other.get("credit-notes").json == []
        assert other.get("payments?invoice_number=INV-A").json == []
        is_problem(other.post("payments", body), 422, "unknown_invoice")
        by_id = [{"invoice_id": str(invoices[0].pk), "amount": 5}]
        is_problem(
            other.post("payments", {"amount": 5, "currency": "AED", "allocations": by_id}), 422, "unknown_invoice"
        )
        theirs = {"amount": 5, "currency": "AED", "debtor_id": str(invoices[0].debtor_id)}
        is_problem(other.post("payments", theirs), 422, "unknown_debtor")
        is_problem(other.post("credit-notes", {"number": "X", **theirs}), 422, "unknown_debtor")
    assert Receipt.objects.get().amount == Decimal(50)
