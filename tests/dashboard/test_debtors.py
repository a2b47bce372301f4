"""A debtor's page: all that they owe, were told, asked for, and their statement."""

import re

import pytest

from communications.contacts import addresses, consent
from communications.models import Source
from communications.portal import statement
from inflow.accounts.roles import Role
from invoices import lifecycle
from tests import make
from tests.dashboard.world import World, nothing_changes, page

pytestmark = pytest.mark.django_db


def html_of(own: World, role: Role = Role.VIEWER) -> str:
    address = page("invoices_debtor", "change", own.invoice.debtor_id)
    return own.logged_in(role).get(address).content.decode()


def test_what_is_owed_stands_by_currency_and_is_never_summed(own: World) -> None:
    email = own.invoice.debtor_email
    usd = make.invoice(own.account, amount=50, currency="USD", debtor_email=email)
    make.invoice(own.account, amount=70, currency="AED", debtor_email=email)
    html = html_of(own)
    for shown in ("AED 25,070.00", "USD 50.00"):
        assert f"<strong><bdi>{shown}</bdi></strong>" in html
    assert "<bdi>AED 25,000.00</bdi> past due" in html
    lifecycle.record_payment(own.account, usd.pk, make.API, amount=usd.amount + 5)
    assert "<bdi>USD 5.00</bdi> unapplied credit" in html_of(own)


def test_each_address_says_whether_it_may_be_written_to(own: World) -> None:
    addresses.mark_invalid(own.account, "email", own.invoice.debtor_email, own.account.now(), "no such user")
    html = html_of(own)
    assert "no such user" in html
    assert ">Bounced<" in html
    consent.opt_out(own.invoice.debtor, "", make.STAFF, Source.STAFF, "They asked by phone.")
    html = html_of(own)
    assert "They asked by phone." in html
    assert html.count(">Opted out<") == 2  # the debtor, and their address


@pytest.mark.skipif(not statement.is_available(), reason="the extra pdf is not installed")
def test_the_statement_is_a_pdf_in_either_language_and_of_own_debtors(own: World, foreign: World) -> None:
    client = own.logged_in(Role.VIEWER)
    with nothing_changes(own, foreign):
        for language in ("en", "ar"):
            address = page("invoices_debtor", "statement", own.invoice.debtor_id) + f"?language={language}"
            assert address in html_of(own)
            answer = client.get(address)
            assert (answer["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
        assert client.get(page("invoices_debtor", "statement", foreign.invoice.debtor_id)).status_code == 404


def test_a_debtor_is_corrected_by_an_agent(own: World) -> None:
    address = page("invoices_debtor", "change", own.invoice.debtor_id)
    said = {"name": "Aisha Khan", "company": "", "email": "aisha@example.com", "phone": "", "language": "ar"}
    said |= {"time_zone": "", "country": "", "subdivision": ""}
    said |= dict(re.findall(r'name="(\S+_FORMS)" value="(\d+)"', html_of(own, Role.AGENT)))
    with nothing_changes(own):
        assert own.logged_in(Role.VIEWER).post(address, said).status_code == 403
    assert own.logged_in(Role.AGENT).post(address, said).status_code == 302
    assert make.again(own.invoice).debtor.name == "Aisha Khan"
