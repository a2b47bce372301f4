"""Forms that move money: they say what they will do, and do it once."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from inflow.accounts.roles import Role
from invoices import ledger, lifecycle
from invoices.models import Escalation, Payment, Receipt, Reversal
from tests import make
from tests.dashboard.world import World, page

pytestmark = pytest.mark.django_db


def form_of(client: Client, address: str) -> tuple[str, dict[str, Any]]:
    """The page, and what its form would send if nothing was changed in it."""
    response = client.get(address)
    form = response.context["form"]
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    html = response.content.decode()
    assert f'name="key" value="{values["key"]}"' in html
    return html, {name: str(value) for name, value in values.items() if value is not None}


def test_a_payments_form_that_is_sent_four_times_records_one_payment(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    address = page("invoices_invoice", "record_payment", own.invoice.pk)
    html, given = form_of(client, address)
    assert own.invoice.debtor_name in html
    for _ in range(4):
        answer = client.post(address, {**given, "amount": "100", "method": "cash"}, follow=True)
        assert "A payment of" in answer.content.decode()
    assert Payment.objects.filter(invoice=own.invoice).count() == 1
    assert make.again(own.invoice).amount_paid == 100
    client.post(address, {**form_of(client, address)[1], "amount": "100", "method": "cash"})
    assert make.again(own.invoice).amount_paid == 200


@pytest.mark.parametrize(
    "corrected", [{"amount": "120"}, {"reference": "FT-9"}, {"method": "cheque"}, {"paid_at": "2020-01-02"}]
)
def test_a_form_that_is_sent_again_with_other_values_is_refused_and_says_so(
    own: World, corrected: dict[str, str]
) -> None:
    client = own.logged_in(Role.AGENT)
    address = page("invoices_invoice", "record_payment", own.invoice.pk)
    given = {**form_of(client, address)[1], "amount": "100", "method": "cash", "reference": "FT-8"}
    assert client.post(address, given).status_code == 302
    answer = client.post(address, {**given, **corrected})
    assert answer.status_code == 200
    assert "This form was already submitted with other values." in answer.content.decode()
    assert Payment.objects.filter(invoice=own.invoice).count() == 1


@pytest.mark.parametrize("verb", ["void", "reverse"])
def test_the_form_says_what_is_undone_and_which_invoices_are_owed_again(own: World, verb: str) -> None:
    other = make.invoice(own.account, amount=50, debtor_email=own.closed.debtor_email, debtor_name="Second")
    more = lifecycle.record_payment(
        own.account, own.closed.pk, make.STAFF, amount=Decimal(70), reference="FT-77", paid_at=own.account.today()
    )
    ledger.apply_credit(own.account, make.again(other).pk, make.STAFF, key=make.NOWHERE)
    client = own.logged_in(Role.AGENT)
    address = page("invoices_payment", verb, more.pk)
    html, given = form_of(client, address)
    text = re.sub(r"\s+", " ", html)
    for shown in ("AED 70.00", "FT-77", own.closed.invoice_number, own.closed.debtor_name):
        assert shown in text
    assert f"{other.invoice_number} (AED 50.00)" in text
    for _ in range(2):
        assert client.post(address, given).status_code == 302
    assert Reversal.objects.filter(receipt=more.pk).count() == 1
    assert make.again(other).balance == 50
    assert Escalation.objects.filter(reason="reversal").exists() == (verb == "reverse")


def test_a_second_person_is_told_that_it_is_voided_already(own: World) -> None:
    payment = Payment.objects.get(pk=own.rows["invoices_payment"])
    client = own.logged_in(Role.AGENT)
    address = page("invoices_payment", "void", payment.pk)
    client.post(address, {})
    assert "already been voided" in client.post(address, {}).content.decode()
    assert Receipt.objects.get(pk=payment.pk).status == "voided"
    html = client.get(page("invoices_payment", "change", payment.pk)).content.decode()
    assert address not in html
    assert "Voided" in html


def test_a_claimed_payment_that_is_confirmed_twice_is_recorded_once(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    address = page("communications_answer", "confirm_paid", own.rows["communications_answer"])
    _, given = form_of(client, address)
    for _ in range(2):
        assert client.post(address, {**given, "method": "cash"}).status_code == 302
    assert Payment.objects.filter(invoice=own.invoice).count() == 1
