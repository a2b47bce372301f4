"""Staff record a transfer over several invoices, and credit notes."""

import re
import uuid
from decimal import Decimal
from typing import Any

import pytest

from inflow.accounts.roles import Role
from invoices import ledger, lifecycle
from invoices.models import CreditNote, Invoice, PaymentSettings, Receipt
from tests import make
from tests.dashboard.world import World, nothing_changes, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoices(own: World) -> list[Invoice]:
    """Three invoices of the debtor, older than its other one."""
    email, name = own.invoice.debtor_email, own.invoice.debtor_name
    return [
        make.invoice(own.account, amount=100, due_in=-900 - days, debtor_email=email, debtor_name=name)
        for days in (0, 20, 10)
    ]


def address(own: World) -> str:
    return page("invoices_debtor", "record_transfer", own.invoice.debtor_id)


def body(own: World, **given: Any) -> dict[str, Any]:
    day = own.account.today().isoformat()
    return {"amount": "250", "currency": "AED", "paid_at": day, "method": "cheque", "key": str(uuid.uuid4()), **given}


def parts(html: str) -> dict[str, str]:
    """Return the values of the fields of invoices."""
    fields = re.findall(r'<input[^>]*name="part_[^>]*>', html)
    found = {}
    for field in fields:
        value = re.search(r'value="([^"]*)"', field)
        found[re.search(r'name="part_([0-9a-f-]+)"', field)[1]] = value[1] if value else ""  # type: ignore[index]
    return found


def test_the_oldest_invoices_are_proposed_and_recorded_as_edited(own: World, invoices: list[Invoice]) -> None:
    client = own.logged_in(Role.AGENT)
    debtor_page = client.get(page("invoices_debtor", "change", own.invoice.debtor_id)).content.decode()
    assert address(own) in debtor_page
    assert "part_" not in client.get(address(own)).content.decode()
    given = body(own)
    with nothing_changes(own):
        html = client.post(address(own), given).content.decode()
    proposed = parts(html)
    assert {key: value for key, value in proposed.items() if value} == {
        str(invoices[1].pk): "100.00",
        str(invoices[2].pk): "100.00",
        str(invoices[0].pk): "50.00",
    }
    assert list(proposed)[:3] == [str(invoices[place].pk) for place in (1, 2, 0)]
    assert "AED 0.00" in html
    edited = {f"part_{invoices[1].pk}": "100", f"part_{invoices[0].pk}": "30", "confirm": "1"}
    for _ in range(3):
        assert client.post(address(own), {**given, **edited}).status_code == 302
    receipt = Receipt.objects.filter(account=own.account).get(amount=250)
    assert [make.again(each).balance for each in invoices] == [70, 0, 100]
    assert receipt.unallocated == 120
    listed = client.get(page("invoices_payment", "changelist")).content.decode()
    assert invoices[1].invoice_number in listed
    shown = client.get(page("invoices_payment", "change", receipt.pk)).content.decode()
    assert all(text in shown for text in (invoices[0].invoice_number, "AED 30.00", "AED 120.00"))
    undo = client.get(page("invoices_payment", "void", receipt.pk)).content.decode()
    assert f"{invoices[1].invoice_number} (AED 100.00), {invoices[0].invoice_number} (AED 30.00)" in undo
    case = client.get(page("invoices_invoice", "change", invoices[0].pk)).content.decode()
    assert "AED 30.00" in case


@pytest.mark.parametrize(
    ("amount", "part", "text"),
    [
        ("250", "101", "above its balance of AED 100.00"),
        ("50", "60", "AED 60.00 in all, more than the payment of AED 50.00"),
        ("50", "-1", ""),
        ("", "1", ""),
    ],
)
def test_a_refusal_shows_the_figures_and_keeps_what_was_entered(
    own: World, invoices: list[Invoice], amount: str, part: str, text: str
) -> None:
    given = body(own, amount=amount, confirm="1", **{f"part_{invoices[0].pk}": part})
    with nothing_changes(own):
        response = own.logged_in(Role.AGENT).post(address(own), given)
    assert response.status_code == 200
    html = response.content.decode()
    assert text in html
    if amount:
        assert parts(html)[str(invoices[0].pk)] == part


def test_another_debtors_invoice_can_not_be_slipped_in(own: World, foreign: World, invoices: list[Invoice]) -> None:
    other = make.invoice(own.account, debtor_company="Emirates Foods LLC", debtor_email="a@foods.example")
    for slipped in (other, foreign.invoice):
        given = body(own, confirm="1", **{f"part_{slipped.pk}": "10", "part_x": "1"})
        assert own.logged_in(Role.AGENT).post(address(own), given).status_code == 302
        assert make.again(slipped).amount_paid == 0
        assert make.again(slipped).invoice_number not in str(given)


def test_the_payer_is_found_by_an_invoice_a_name_or_an_email(own: World, foreign: World) -> None:
    client = own.logged_in(Role.AGENT)
    add = page("invoices_payment", "add")
    assert add in client.get(page("invoices_payment", "changelist")).content.decode()
    for text in (own.invoice.invoice_number, "gulf trading"):
        response = client.post(add, {"payer": text})
        assert (response.status_code, response["Location"]) == (302, address(own))
    for text in (foreign.invoice.invoice_number, "nobody at all"):
        assert "No debtor or invoice matches." in client.post(add, {"payer": text}).content.decode()


def test_credit_that_pays_no_invoice_is_listed_and_exported(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    receipt = ledger.record_receipt(
        own.account,
        make.STAFF,
        debtor_id=own.invoice.debtor_id,
        amount=Decimal(77),
        currency="AED",
        paid_at=own.account.today(),
    )
    for address_ in (
        page("invoices_payment", "changelist"),
        page("invoices_payment", "change", receipt.pk),
        page("invoices_payment", "void", receipt.pk),
    ):
        assert "AED 77.00" in client.get(address_).content.decode()
    assert b"77.00" in client.get(page("invoices_payment", "export", "csv")).content


def test_a_credit_note_is_issued_on_an_invoice_once_and_voided(own: World, invoices: list[Invoice]) -> None:
    client = own.logged_in(Role.AGENT)
    issue = page("invoices_invoice", "credit_note", invoices[0].pk)
    assert issue in client.get(page("invoices_invoice", "change", invoices[0].pk)).content.decode()
    assert "AED 100.00" in client.get(issue).content.decode()
    given = {"number": "CN-1", "date": own.account.today().isoformat(), "amount": "130", "key": str(uuid.uuid4())}
    with nothing_changes(own):
        assert "The balance is only AED 100.00." in client.post(issue, given).content.decode()
    for _ in range(3):
        assert client.post(issue, {**given, "open_remainder": "on"}).status_code == 302
    note = CreditNote.objects.get(number="CN-1")
    assert (make.again(invoices[0]).status, note.unallocated) == ("paid", Decimal(30))
    case = client.get(page("invoices_invoice", "change", invoices[0].pk)).content.decode()
    assert "Credit note CN-1" in case
    listed = client.get(page("invoices_creditnote", "changelist")).content.decode()
    assert all(text in listed for text in ("CN-1", "AED 130.00", "AED 30.00", invoices[0].invoice_number))
    void = page("invoices_creditnote", "void", note.pk)
    assert f"{invoices[0].invoice_number} (AED 100.00)" in client.get(void).content.decode()
    assert client.post(void, {"reason": "By mistake.", "key": str(uuid.uuid4())}).status_code == 302
    assert make.again(invoices[0]).balance == 100
    assert b"CN-1" in own.logged_in(Role.ADMIN).get(page("invoices_creditnote", "export", "csv")).content


def test_a_credit_note_of_a_debtor_is_credit(own: World) -> None:
    issue = page("invoices_debtor", "credit_note", own.invoice.debtor_id)
    given = {"number": "CN-1", "date": own.account.today().isoformat(), "amount": "13", "currency": "AED"}
    assert own.logged_in(Role.AGENT).post(issue, given).status_code == 302
    assert ledger.credit_of([own.invoice.debtor_id])[own.invoice.debtor_id]["AED"] == 13


def test_credit_pays_by_itself_where_the_account_switched_it_on(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    settings = page("invoices_paymentsettings", "change", own.account.pk)
    assert client.get(page("invoices_paymentsettings", "changelist"))["Location"] == settings
    assert client.post(settings, {"applies_credit": "on"}).status_code == 302
    assert PaymentSettings.objects.get(account=own.account).applies_credit
    paid = make.invoice(own.account, amount=10, debtor_email=own.invoice.debtor_email)
    Invoice.objects.filter(pk=paid.pk).update(debtor=own.invoice.debtor, party=own.invoice.party)
    before = make.again(own.invoice).balance
    lifecycle.record_payment(own.account, paid.pk, make.API, amount=Decimal(30))
    assert make.again(own.invoice).balance == before - 20
