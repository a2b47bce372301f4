"""Credit notes and transfers in the statement of account, on the page and in what a message asks for."""

import uuid
from decimal import Decimal
from typing import Any

import pytest

from communications.portal import statement, texts
from inflow.accounts.models import Account
from invoices import credit_notes, ledger, lifecycle
from invoices.debtors import debtor_parties
from invoices.models import Debtor, Invoice
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


def rows(invoice: Invoice, party: Any = None) -> list[tuple[str, str, str, str]]:
    (shown,) = statement.context(make.again(invoice).debtor, texts.of("en"), party)["ledgers"]
    owed = sum((each.balance for each in Invoice.objects.filter(debtor=invoice.debtor_id).open()), Decimal(0))
    credit = ledger.credit_of([invoice.debtor_id]).get(invoice.debtor_id, {}).get("AED", Decimal(0))
    if party is None:
        assert shown.balance == f"AED {owed - credit:,.2f}"
    return [(row.what, row.number, row.charge, row.credit) for row in shown.rows]


def transfer(account: Account, amount: int, *parts: tuple[Invoice, int], **given: Any) -> uuid.UUID:
    receipt = ledger.record_receipt(
        account,
        make.STAFF,
        amount=Decimal(amount),
        currency="AED",
        paid_at=account.today(),
        **{
            "debtor_id": None,
            "allocations": [(invoice.pk, Decimal(part)) for invoice, part in parts],
            **given,
        },
    )
    made: uuid.UUID = receipt.pk
    return made


def credit_note(account: Account, amount: int, **given: Any) -> uuid.UUID:
    note = credit_notes.issue(
        account,
        make.STAFF,
        number=f"CN-{amount}",
        date=account.today(),
        amount=Decimal(amount),
        currency="AED",
        **given,
    )
    made: uuid.UUID = note.pk
    return made


def test_the_statement_lists_valid_credit_notes(account: Account) -> None:
    invoice = make.invoice(account, amount=100, invoice_number="INV-1")
    credit_note(account, 30, invoice_id=invoice.pk)
    voided = credit_note(account, 20, invoice_id=invoice.pk)
    credit_note(account, 7, debtor_id=invoice.debtor_id)
    credit_notes.void(account, voided, make.STAFF)
    assert rows(invoice) == [
        ("Invoice", "INV-1", "100.00", ""),
        ("Credit note", "CN-30", "", "30.00"),
        ("Credit note", "CN-7", "", "7.00"),
    ]


def test_a_payer_and_the_debtor_it_paid_for_see_their_own_part(account: Account) -> None:
    own = make.invoice(account, amount=100, invoice_number="INV-1")
    other = make.invoice(
        account, amount=500, invoice_number="INV-2", debtor_company="Emirates Foods LLC", debtor_email="a@f.example"
    )
    receipt = transfer(account, 620, (own, 50), (other, 500), debtor_id=own.debtor_id)
    alone = transfer(account, 60, debtor_id=own.debtor_id)
    assert rows(own) == [
        ("Invoice", "INV-1", "100.00", ""),
        ("Payment for invoice", "", "", "60.00"),
        ("Payment for invoice", "INV-1", "", "120.00"),
    ]
    assert rows(other) == [("Invoice", "INV-2", "500.00", ""), ("Payment for invoice", "INV-2", "", "500.00")]
    for each in (receipt, alone):
        ledger.void_payment(account, each, make.STAFF)
    assert ("Reversed payment for invoice", "INV-1", "120.00", "") in rows(own)
    assert rows(other) == [("Invoice", "INV-2", "500.00", "")]


def test_a_transfer_over_two_parties_shows_each_its_own_part_also_when_undone(account: Account) -> None:
    own = make.invoice(account, amount=100, invoice_number="INV-1", due_in=5)
    other = make.invoice(
        account, amount=900, invoice_number="INV-2", debtor_company="Emirates Foods LLC", debtor_email="a@f.example"
    )
    Invoice.objects.filter(pk=other.pk).update(debtor=own.debtor)
    debtor = Debtor.objects.select_related("account").get(pk=own.debtor_id)
    receipt = transfer(account, 1_000, (own, 100), (make.again(other), 900))
    credit_note(account, 7, debtor_id=debtor.pk)

    def shown() -> dict[str, str]:
        texts_of = {}
        for party in debtor_parties.of(debtor):
            context = statement.context(debtor, texts.of("en"), party)
            texts_of[party.company] = " ".join(str(row) for each in context["ledgers"] for row in each.rows)
        return texts_of

    def check() -> None:
        found = shown()
        assert "100.00" in found["Gulf Trading LLC"]
        assert "CN-7" in found["Gulf Trading LLC"]
        assert not any(text in found["Gulf Trading LLC"] for text in ("900.00", "1,000.00", "INV-2", "Foods"))
        assert not any(text in found["Emirates Foods LLC"] for text in ("100.00", "1,000.00", "INV-1", "CN-7"))

    check()
    ledger.void_payment(account, receipt, make.STAFF)
    check()


def test_a_message_asks_for_the_balance_less_credit_notes(account: Account) -> None:
    invoice = make.overdue_invoice(account, amount=1_000)
    credit_note(account, 300, invoice_id=invoice.pk)
    credit_note(account, 50, debtor_id=invoice.debtor_id)
    message = make.message_of(invoice)
    assert "AED 650.00" in message.text
    assert "AED 1,000.00" not in message.text


def test_a_covered_invoice_gets_no_message(account: Account) -> None:
    invoice = make.overdue_invoice(account, amount=1_000)
    credit_note(account, 1_000, invoice_id=invoice.pk)
    after = make.again(invoice)
    assert (after.status, after.next_contact_at) == ("paid", None)
    lifecycle.age(account, invoice.pk)
    assert make.again(invoice).status == "paid"
