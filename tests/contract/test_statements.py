"""GET /api/zapier/debtors/:id/statement: JSON and PDF, one party at a time."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from communications.portal import statement
from inflow.accounts.models import Account
from invoices import credit_notes, ledger, lifecycle
from invoices.models import Invoice
from tests import make
from tests.api.client import API, caller

pytestmark = pytest.mark.django_db


def address(invoice: Invoice, query: str = "") -> str:
    return f"{API}/debtors/{invoice.debtor_id}/statement{query}"


def story(account: Account) -> tuple[Invoice, Invoice]:
    """Two invoices, a payment with credit left, a credit note, and a payment that was voided."""
    issued, due = dt.date(2026, 1, 1), dt.date(2026, 1, 31)
    first = make.invoice(account, invoice_number="INV-1", amount=1000, issue_date=issued, due_date=due)
    second = make.invoice(account, invoice_number="INV-2", amount=500, issue_date=issued, due_date=due)
    lifecycle.record_payment(account, first.pk, make.API, amount=Decimal(400), paid_at=dt.date(2026, 2, 1))
    voided = lifecycle.record_payment(account, first.pk, make.API, amount=Decimal(50), paid_at=dt.date(2026, 2, 2))
    ledger.void_payment(account, voided.pk, make.API)
    credit_notes.issue(
        account,
        make.API,
        number="CN-1",
        date=dt.date(2026, 2, 3),
        amount=Decimal(100),
        currency="AED",
        invoice_id=second.pk,
    )
    ledger.record_receipt(
        account,
        make.API,
        debtor_id=first.debtor_id,
        amount=Decimal(30),
        currency="AED",
        paid_at=dt.date(2026, 2, 4),
        reference="FT-9",
    )
    return first, second


def test_the_balance_of_the_entries_is_what_is_outstanding_less_credit() -> None:
    account = make.account()
    first, _second = story(account)
    answer = caller(account).get(address(first, "?since=2026-01-01"))
    assert answer.status == 200
    (aed,) = answer.json["currencies"]
    assert [(entry["kind"], entry["number"], entry["amount"], entry["balance"]) for entry in aed["entries"]][:4] == [
        ("invoice", "INV-1", 1000, 1000),
        ("invoice", "INV-2", 500, 1500),
        ("payment", "INV-1", -400, 1100),
        ("payment", "INV-1", -50, 1050),
    ]
    assert {entry["kind"] for entry in aed["entries"]} == {"invoice", "payment", "reversal", "credit_note"}
    assert [entry["reference"] for entry in aed["entries"] if entry["amount"] == -30] == ["FT-9"]
    assert (aed["outstanding"], aed["credit"], aed["balance"]) == (1000, 30, 970)
    assert aed["balance"] == aed["entries"][-1]["balance"]
    assert aed["overdue"] + aed["not_due"] + aed["on_hold"] + aed["disputed"] == aed["outstanding"]
    shown = {row["invoice_number"]: row["balance"] for row in answer.json["open_invoices"]}
    assert shown == {"INV-1": 600, "INV-2": 400}


def test_earlier_entries_are_brought_forward() -> None:
    account = make.account()
    first, _second = story(account)
    (aed,) = caller(account).get(address(first, "?since=2026-02-03")).json["currencies"]
    assert (aed["brought_forward"], aed["balance"]) == (1050, 970)


def test_each_party_has_its_own_and_none_shows_anothers() -> None:
    account = make.account()
    one = make.invoice(account, invoice_number="ONE-1", debtor_company="One LLC")
    two = make.invoice(account, invoice_number="TWO-1", debtor_company="Two LLC", debtor_email="two@two.example")
    Invoice.objects.filter(pk=two.pk).update(debtor=one.debtor_id)
    api = caller(account)
    own = api.get(address(one)).json
    assert [row["invoice_number"] for row in own["open_invoices"]] == ["ONE-1"]
    assert "TWO-1" not in str(own["currencies"])
    other = next(party for party in own["parties"] if party["company"] == "Two LLC")
    theirs = api.get(address(one, f"?party={other['key']}")).json
    assert [row["invoice_number"] for row in theirs["open_invoices"]] == ["TWO-1"]
    assert "ONE-1" not in str(theirs["currencies"])
    refused = api.get(address(one, "?party=somebody"))
    assert refused.status == 422
    assert other["key"] in refused.json["detail"]


def test_another_accounts_debtor_is_not_found_and_unknown_parameters_are_refused() -> None:
    account, other = make.account(), make.account()
    invoice = make.invoice(account)
    assert caller(other).get(address(invoice)).status == 404
    assert caller(account).get(f"{API}/debtors/{uuid.uuid4()}/statement").status == 404
    assert caller(account).get(address(invoice, "?until=2026-01-01")).status == 422


@pytest.mark.parametrize("is_available", [True, False])
def test_a_pdf_comes_by_accept_or_a_sentence_why_not(is_available: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    account = make.account()
    invoice = make.invoice(account)
    api = caller(account)
    monkeypatch.setattr(statement, "is_available", lambda: is_available)
    monkeypatch.setattr(statement, "pdf", lambda *given: b"%PDF-1.7")
    answer = api.get(address(invoice), Accept="application/pdf")
    if is_available:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
        assert answer.headers["Cache-Control"] == "no-store"
    else:
        assert answer.status == 406
        assert "application/json" in answer.json["detail"]
    for accept in ("application/json", "*/*", "text/html"):
        assert api.get(address(invoice), Accept=accept).headers["Content-Type"] == "application/json"
