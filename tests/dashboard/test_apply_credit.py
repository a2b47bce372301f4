"""Staff apply a debtor's credit, from the invoice's page and from the debtor's."""

import re
import uuid
from decimal import Decimal

import pytest

from inflow.accounts.roles import Role
from invoices import ledger, lifecycle
from invoices.models import Allocation, Invoice
from tests import make
from tests.dashboard.world import World, nothing_changes, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(own: World) -> Invoice:
    """An invoice of the debtor on which 600 too much was paid."""
    made = make.invoice(own.account, amount=100, debtor_email=own.invoice.debtor_email)
    lifecycle.record_payment(own.account, made.pk, make.API, amount=Decimal(700))
    return made


def credit(own: World) -> Decimal:
    return ledger.credit_of([own.invoice.debtor_id]).get(own.invoice.debtor_id, {}).get("AED", Decimal(0))


def of_invoice(own: World) -> str:
    return page("invoices_invoice", "apply_credit", own.invoice.pk)


def of_debtor(own: World) -> str:
    return page("invoices_debtor", "apply_credit", own.invoice.debtor_id)


def key_of(html: str) -> str:
    found = re.search(r'name="key" value="([0-9a-f-]+)"', html)
    assert found
    return found[1]


def test_the_form_of_an_invoice_proposes_what_the_credit_allows(own: World, paid: Invoice) -> None:
    client = own.logged_in(Role.AGENT)
    assert of_invoice(own) in client.get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()
    html = client.get(of_invoice(own)).content.decode()
    assert 'value="600.00"' in html
    body = {"amount": "600.00", "key": key_of(html)}
    client.post(of_invoice(own), body)
    assert (make.again(own.invoice).balance, credit(own)) == (24_400, 0)
    assert of_invoice(own) not in client.get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()


def test_a_form_that_is_submitted_twice_applies_once(own: World, paid: Invoice) -> None:
    client = own.logged_in(Role.AGENT)
    body = {"amount": "200", "key": str(uuid.uuid4())}
    for _ in range(4):
        assert client.post(of_invoice(own), body).status_code == 302
    assert (make.again(own.invoice).balance, credit(own)) == (24_800, 400)
    body = {"invoice": str(own.invoice.pk), "amount": "", "key": str(uuid.uuid4())}
    for _ in range(3):
        assert client.post(of_debtor(own), body).status_code == 302
    assert (make.again(own.invoice).balance, credit(own)) == (24_400, 0)
    assert Allocation.objects.filter(invoice=own.invoice, kind="credit").count() == 2


def test_the_form_of_a_debtor_proposes_the_oldest_invoice(own: World, paid: Invoice) -> None:
    email = own.invoice.debtor_email
    small = make.invoice(own.account, amount=50, due_in=-900, debtor_email=email)
    make.invoice(own.account, amount=50, due_in=-950, currency="USD", debtor_email=email)
    client = own.logged_in(Role.AGENT)
    debtor_page = page("invoices_debtor", "change", own.invoice.debtor_id)
    assert of_debtor(own) in client.get(debtor_page).content.decode()
    html = client.get(of_debtor(own)).content.decode()
    assert 'value="50.00"' in html
    offered = re.findall(r'<option value="([0-9a-f-]{36})"( selected)?', html)
    assert offered == [(str(small.pk), " selected"), (str(own.invoice.pk), "")]
    key = key_of(html)
    body = {"invoice": str(small.pk), "amount": "50.00", "key": key}
    for _ in range(2):  # the second time the invoice is paid already
        assert client.post(of_debtor(own), body).status_code == 302
    assert (make.again(small).status, credit(own)) == ("paid", 550)


@pytest.mark.parametrize("amount", ["600.01", "0", "-5", "NaN"])
def test_more_than_the_credit_or_no_amount_at_all_is_refused(own: World, paid: Invoice, amount: str) -> None:
    client = own.logged_in(Role.AGENT)
    with nothing_changes(own):
        assert client.post(of_invoice(own), {"amount": amount, "key": str(uuid.uuid4())}).status_code == 200


def test_a_viewer_and_another_account_apply_nothing(own: World, foreign: World, paid: Invoice) -> None:
    body = {"amount": "10", "invoice": str(own.invoice.pk), "key": str(uuid.uuid4())}
    with nothing_changes(own, foreign):
        for address in (of_invoice(own), of_debtor(own)):
            assert own.logged_in(Role.VIEWER).post(address, body).status_code == 403
            assert foreign.logged_in(Role.AGENT).post(address, body).status_code == 404
        foreign_invoice = {**body, "invoice": str(foreign.invoice.pk)}
        assert own.logged_in(Role.AGENT).post(of_debtor(own), foreign_invoice).status_code == 200


def test_without_credit_nothing_is_offered(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    assert of_invoice(own) not in client.get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()
    debtor_page = page("invoices_debtor", "change", own.invoice.debtor_id)
    assert of_debtor(own) not in client.get(debtor_page).content.decode()
