"""Contract §2: POST /open-items compares the books with the invoices here, and changes none."""

import datetime as dt
from typing import Any

import pytest

from communications.models import CollectionSettings
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.models import Difference, Invoice, OpenItemsList
from tests import make
from tests.api.client import Answer, Caller, is_problem
from tests.unchanged import nothing_happens

KINDS = ("missing_here", "other_currency", "other_balance", "other_due_date", "closed_there")


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.invoice(account, amount=1000, currency="AED")


def item(invoice: Invoice, **other: Any) -> dict[str, Any]:
    shown = {"invoice_number": invoice.invoice_number, "currency": invoice.currency}
    return {**shown, "balance": float(invoice.balance), "due_date": invoice.due_date.isoformat(), **other}


def now(account: Account) -> str:
    return account.now().isoformat()


def found(answer: Answer) -> dict[str, list[str]]:
    """Return the numbers of the differences by kind, without the kinds that have none."""
    assert answer.status == 200, answer.body
    return {kind: [row["invoice_number"] for row in answer.json[kind]] for kind in KINDS if answer.json[kind]}


def test_a_list_that_agrees_has_no_differences(account: Account, api: Caller, invoice: Invoice) -> None:
    with nothing_happens(account):
        answer = api.post("open-items", {"as_of": now(account), "complete": ["AED"], "items": [item(invoice)]})
    assert found(answer) == {}
    assert answer.json["items"] == 1


def test_each_kind_of_difference_is_found(account: Account, api: Caller, invoice: Invoice) -> None:
    balance, due, currency, gone = (make.invoice(account, amount=500, currency="AED") for _ in range(4))
    lifecycle.record_payment(account, balance.pk, make.STAFF, amount=invoice.amount / 10)
    balance.refresh_from_db()
    items = [
        item(invoice),
        item(balance, balance=500),
        item(due, due_date=(due.due_date + dt.timedelta(days=3)).isoformat()),
        item(currency, currency="USD"),
        {"invoice_number": "ELSEWHERE-1", "currency": "AED", "balance": 70.5},
    ]
    with nothing_happens(account):
        answer = api.post("open-items", {"as_of": now(account), "complete": ["AED"], "items": items})
    assert found(answer) == {
        "missing_here": ["ELSEWHERE-1"],
        "other_currency": [currency.invoice_number],
        "other_balance": [balance.invoice_number],
        "other_due_date": [due.invoice_number],
        "closed_there": [gone.invoice_number],
    }
    shown = answer.json
    assert shown["other_balance"][0] == {
        "invoice_number": balance.invoice_number,
        "currency": "AED",
        "invoice_id": str(balance.pk),
        "balance_here": 400,
        "balance_there": 500,
        "changed_since": False,
    }
    assert shown["missing_here"][0]["balance_there"] == 70.5
    assert shown["closed_there"][0]["balance_here"] == 500
    assert Difference.objects.filter(list=OpenItemsList.objects.get()).count() == 5


def test_an_invoice_paid_here_that_is_open_there_has_another_balance(
    account: Account, api: Caller, invoice: Invoice
) -> None:
    listed = item(invoice)
    lifecycle.change(account, invoice.pk, make.STAFF, payment_status="paid")
    answer = api.post("open-items", {"items": [listed]})
    assert found(answer) == {"other_balance": [invoice.invoice_number]}
    assert answer.json["other_balance"][0]["balance_here"] == 0


def test_a_cancelled_invoice_is_missing_here(account: Account, api: Caller, invoice: Invoice) -> None:
    lifecycle.change(account, invoice.pk, make.STAFF, status="cancelled")
    assert found(api.post("open-items", {"items": [item(invoice)]})) == {"missing_here": [invoice.invoice_number]}


def test_closed_there_needs_a_moment_and_a_complete_currency(account: Account, api: Caller, invoice: Invoice) -> None:
    make.invoice(account, amount=1, currency="KWD")
    assert found(api.post("open-items", {"complete": ["AED"], "items": []})) == {}
    assert found(api.post("open-items", {"as_of": now(account), "items": []})) == {}
    answer = api.post("open-items", {"as_of": now(account), "complete": ["AED"], "items": []})
    assert found(answer) == {"closed_there": [invoice.invoice_number]}


def test_invoices_registered_later_are_not_compared(account: Account, api: Caller, invoice: Invoice) -> None:
    before = (invoice.created_at - dt.timedelta(hours=1)).isoformat()
    listed = item(invoice, balance=1)
    assert found(api.post("open-items", {"as_of": before, "complete": ["AED"], "items": [listed]})) == {}
    assert found(api.post("open-items", {"as_of": before, "complete": ["AED"], "items": []})) == {}


def test_a_change_after_the_list_was_made_is_marked(account: Account, api: Caller, invoice: Invoice) -> None:
    at, listed = now(account), item(invoice)
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=invoice.amount / 2)
    answer = api.post("open-items", {"as_of": at, "items": [listed]})
    assert answer.json["other_balance"][0]["changed_since"] is True


def test_only_a_list_of_all_currencies_confirms_the_payments(account: Account, api: Caller, invoice: Invoice) -> None:
    make.invoice(account, amount=1, currency="KWD")

    def is_synced() -> bool:
        return CollectionSettings.objects.filter(account=account, payments_synced_at__isnull=False).exists()

    api.post("open-items", {"as_of": now(account), "complete": ["AED"], "items": [item(invoice)]})
    assert not is_synced()
    api.post("open-items", {"as_of": now(account), "complete": ["AED", "KWD"], "items": [item(invoice)]})
    assert is_synced()


def test_another_accounts_invoices_are_not_compared(api: Caller) -> None:
    other = make.invoice(make.account(), amount=10, currency="AED")
    assert found(api.post("open-items", {"items": [item(other)]})) == {"missing_here": [other.invoice_number]}


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"balance": 0}, "items.0.balance", "not_positive"),
        ({"balance": -1}, "items.0.balance", "negative"),
        ({"balance": 1.005}, "items.0.balance", "too_many_decimals"),
        ({"balance": "many"}, "items.0.balance", "invalid"),
        ({"balance": 1e30}, "items.0.balance", "too_long"),
        ({"currency": "XXX"}, "items.0.currency", "invalid_choice"),
        ({"currency": None}, "items.0.currency", "invalid_choice"),
        ({"due_date": "14.02.2026"}, "items.0.due_date", "invalid"),
        ({"invoice_number": " "}, "items.0.invoice_number", "blank"),
        ({"debtor": "x"}, "items.0.debtor", "unknown_field"),
    ],
)
def test_an_invalid_item_is_named(api: Caller, change: dict[str, Any], field: str, code: str) -> None:
    row = {"invoice_number": "INV-1", "currency": "AED", "balance": 10, "due_date": "2026-02-14", **change}
    problem = is_problem(api.post("open-items", {"items": [row]}), 422)
    assert {"field": field, "code": code} in [{k: e[k] for k in ("field", "code")} for e in problem["errors"]]
    assert not OpenItemsList.objects.exists()


def test_a_number_may_stand_once_in_a_list(api: Caller) -> None:
    row = {"invoice_number": "INV-1", "currency": "AED", "balance": 10}
    problem = is_problem(api.post("open-items", {"items": [row, {**row, "invoice_number": " INV-1 "}]}), 422)
    assert (problem["errors"][0]["field"], problem["errors"][0]["code"]) == ("items.1.invoice_number", "duplicate")


def test_a_list_of_the_future_is_refused(account: Account, api: Caller) -> None:
    later = (account.now() + dt.timedelta(days=1)).isoformat()
    problem = is_problem(api.post("open-items", {"as_of": later, "items": []}), 422)
    assert problem["errors"][0]["code"] == "in_the_future"


def test_a_list_may_be_longer_than_other_bodies_up_to_10_mib(api: Caller) -> None:
    rows = [{"invoice_number": f"INV-{number}", "currency": "AED", "balance": 10} for number in range(10_000)]
    assert len(api.post("open-items", {"items": rows}).json["missing_here"]) == 10_000
    is_problem(api.post("open-items", b" " * (10 * 1024 * 1024 + 1)), 413)


def test_old_lists_are_deleted(account: Account, api: Caller) -> None:
    for _ in range(22):
        api.post("open-items", {"items": []})
    assert OpenItemsList.objects.for_account(account).count() == 20
