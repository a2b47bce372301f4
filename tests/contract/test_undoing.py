"""POST /payments/:id/void and /reverse, and what they leave in the ledger."""

import uuid

import pytest

from inflow.accounts.models import Account
from invoices import ledger
from invoices.api import receipt_representation
from invoices.models import Escalation, Receipt, Reversal
from tests import make
from tests.api.client import Caller, caller, is_problem
from tests.unchanged import nothing_happens


@pytest.fixture
def invoice(account: Account) -> str:
    return str(make.overdue_invoice(account, amount=1_000).pk)


def paid(api: Caller, invoice: str, amount: int = 1_000, **more: str) -> str:
    answer = api.post(f"invoices/{invoice}/payments", {"amount": amount, **more})
    assert answer.status == 201, answer.json
    return str(answer.json["id"])


def test_a_void_says_what_became_of_the_receipt(account: Account, api: Caller, invoice: str) -> None:
    payment = paid(api, invoice, 1_200, reference="TT1")
    answer = api.post(f"payments/{payment}/void", {})
    assert answer.status == 200
    receipt = Receipt.objects.get(pk=payment)
    assert answer.json == {
        "id": payment,
        "debtor_id": str(receipt.debtor_id),
        "amount": 1200,
        "currency": "AED",
        "paid_at": str(account.today()),
        "method": "unspecified",
        "reference": "TT1",
        "bank_id": None,
        "status": "voided",
        "unallocated": 0,
        "created_at": answer.json["created_at"],
        "allocations": [],
    }
    shown = api.get(f"invoices/{invoice}").json
    assert (shown["status"], shown["balance"], shown["escalation_level"]) == ("overdue", 1000, 0)
    assert not Escalation.objects.exists()


def test_both_lines_stand_in_the_invoices_payments(api: Caller, invoice: str) -> None:
    payment = paid(api, invoice, 1_200)
    (line,) = api.get(f"invoices/{invoice}/payments").json
    assert (line["amount"], line["status"], line["allocated"], line["unallocated"]) == (1200, "standing", 1000, 200)
    api.post(f"payments/{payment}/void", {"reason": "Recorded twice."})
    back, line = api.get(f"invoices/{invoice}/payments").json
    assert (line["id"], line["status"], line["allocated"], line["unallocated"]) == (payment, "voided", 0, 0)
    assert (back["amount"], back["reversal_of"], back["status"]) == (-1200, payment, "voided")
    assert back["id"] == str(Reversal.objects.get().pk)
    told = api.get(f"invoices/{invoice}/timeline").json
    assert [entry["reason"] for entry in told if entry["kind"] == "payment_voided"] == ["Recorded twice."]


def test_a_reversal_opens_one_case(api: Caller, invoice: str) -> None:
    payment = paid(api, invoice)
    assert api.post(f"payments/{payment}/reverse", {}).json["status"] == "reversed"
    case = Escalation.objects.get()
    assert (str(case.invoice_id), case.level, case.reason) == (invoice, 1, "reversal")


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        ("void", "void", "already_voided"),
        ("void", "reverse", "already_voided"),
        ("reverse", "reverse", "already_reversed"),
        ("reverse", "void", "already_reversed"),
    ],
)
def test_what_is_undone_is_not_undone_again(
    account: Account, api: Caller, invoice: str, first: str, then: str, code: str
) -> None:
    payment = paid(api, invoice)
    assert api.post(f"payments/{payment}/{first}", {}).status == 200
    with nothing_happens(account):
        problem = api.post(f"payments/{payment}/{then}", {})
    is_problem(problem, 422, code, "payment")
    assert Reversal.objects.count() == 1


def test_the_same_key_has_one_effect(api: Caller, invoice: str) -> None:
    payment = paid(api, invoice)
    first, again = (api.post(f"payments/{payment}/void", {}, Idempotency_Key="k-1") for _ in range(2))
    assert (first.status, again.status, first.json) == (200, 200, again.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Reversal.objects.count() == 1


@pytest.mark.parametrize("verb", ["void", "reverse"])
def test_nobody_undoes_the_payments_of_others(account: Account, api: Caller, invoice: str, verb: str) -> None:
    payment = paid(api, invoice)
    other = caller(make.account("Oryx"))
    with nothing_happens(account):
        is_problem(other.post(f"payments/{payment}/{verb}", {}), 404, "not_found")
        is_problem(api.post(f"payments/{uuid.uuid4()}/{verb}", {}), 404, "not_found")


@pytest.mark.parametrize("body", [{"reasons": "x"}, {"reason": 7}, [], "void"])
def test_a_body_of_another_kind_is_refused(account: Account, api: Caller, invoice: str, body: object) -> None:
    payment = paid(api, invoice)
    with nothing_happens(account):
        assert api.post(f"payments/{payment}/void", body).status == 422


@pytest.mark.parametrize("undoing", ["void", "reverse"])
def test_a_reference_is_free_again_once_its_payment_is_undone(api: Caller, invoice: str, undoing: str) -> None:
    payment = paid(api, invoice, reference="TT1")
    duplicate = api.post(f"invoices/{invoice}/payments", {"amount": 1000, "reference": "TT1"})
    is_problem(duplicate, 422, "duplicate", "reference")
    api.post(f"payments/{payment}/{undoing}", {})
    again = paid(api, invoice, reference="TT1")
    assert api.get(f"invoices/{invoice}").json["balance"] == 0
    assert api.get(f"invoices/{invoice}/payments?limit=1").json[0]["id"] == again


def test_one_transfer_pays_two_invoices(account: Account, api: Caller, invoice: str) -> None:
    second = str(make.overdue_invoice(account, amount=600).pk)
    paid(api, invoice, 1_000, reference="TT1")
    paid(api, second, 600, reference="TT1")
    assert [api.get(f"invoices/{each}").json["status"] for each in (invoice, second)] == ["paid", "paid"]


def test_two_equal_halves_of_one_transfer_are_recorded_as_one_payment(
    account: Account, api: Caller, invoice: str
) -> None:
    """The same debtor, reference, amount and day is the same money, whatever the invoice: it says what to do."""
    second = str(make.overdue_invoice(account, amount=1_000).pk)
    paid(api, invoice, 1_000, reference="TT1")
    with nothing_happens(account):
        refused = api.post(f"invoices/{second}/payments", {"amount": 1_000, "reference": "TT1"})
    is_problem(refused, 422, "duplicate", "reference")
    assert "record it once, with all of them" in refused.json["errors"][0]["message"]


def test_credit_shows_among_the_payments_of_the_invoice_that_it_paid(
    account: Account, api: Caller, invoice: str
) -> None:
    second = str(make.overdue_invoice(account, amount=500).pk)
    payment = paid(api, invoice, 1_600)
    ledger.apply_credit(account, uuid.UUID(second), make.API, key=uuid.uuid4())
    (line,) = api.get(f"invoices/{second}/payments").json
    assert (line["id"], line["amount"], line["allocated"], line["unallocated"]) == (payment, 1600, 500, 100)
    (line,) = api.get(f"invoices/{invoice}/payments").json
    assert (line["id"], line["amount"], line["allocated"], line["unallocated"]) == (payment, 1600, 1000, 100)
    undone = api.post(f"payments/{payment}/reverse", {}).json
    assert (undone["status"], undone["allocations"]) == ("reversed", [])
    assert [line["amount"] for line in api.get(f"invoices/{second}/payments").json] == [-1600, 1600]


def test_a_receipt_names_what_it_pays(account: Account, api: Caller, invoice: str) -> None:
    second = make.overdue_invoice(account, amount=500)
    payment = paid(api, invoice, 1_600)
    ledger.apply_credit(account, second.pk, make.API, key=uuid.uuid4())
    shown = receipt_representation.of_receipt(Receipt.objects.get(pk=payment))
    assert {line["invoice_number"]: line["amount"] for line in shown["allocations"]} == {
        make.again(second).invoice_number: 500,
        api.get(f"invoices/{invoice}").json["invoice_number"]: 1_000,
    }


def test_the_ledger_of_an_invoice_is_walked_page_by_page(api: Caller, invoice: str) -> None:
    payments = [paid(api, invoice, 400) for _ in range(3)]
    api.post(f"payments/{payments[1]}/void", {})
    seen, path = [], f"/api/zapier/invoices/{invoice}/payments?limit=1"
    while path:
        answer = api.get(path)
        seen += [(line["amount"], line["allocated"]) for line in answer.json]
        link = answer.headers.get("Link")
        path = link[1 : link.index(">")].removeprefix("http://testserver") if link else ""
    assert seen == [(-400, 0), (400, 200), (400, 0), (400, 400)]


@pytest.mark.parametrize("verb", ["void", "reverse"])
def test_the_body_is_optional(api: Caller, invoice: str, verb: str) -> None:
    assert api.send("POST", f"payments/{paid(api, invoice)}/{verb}").status == 200
