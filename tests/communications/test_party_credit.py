"""Credit of a debtor whose invoices name several parties: each party's money counts for itself alone."""

import uuid
from decimal import Decimal

import pytest
from django.test import Client

from communications.engine import clock
from communications.models import Communication
from communications.portal import links, statement, texts
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from invoices import ledger, lifecycle, receipts
from invoices.debtors import debtor_parties
from invoices.errors import Refused
from invoices.models import Escalation, Invoice
from tests import make
from tests.communications.test_ladder import account_at, at
from tests.communications.test_parties_apart import joined, late, part_of, send_all
from tests.dashboard.world import build
from tests.dashboard.world import page as dashboard_page
from tests.mailserver import MailServer

pytestmark = pytest.mark.django_db


def pay(account: Account, invoice: Invoice, amount: int) -> None:
    """Pay what was paid before: it is no contact, after which nothing may go for days."""
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(amount), method=receipts.OPENING)


def with_credit(account: Account, amount: int) -> tuple[Invoice, Invoice]:
    """Alpha's and Beta's invoice of one debtor, each of 1,000; Alpha has so much credit."""
    alpha, beta = joined(account)
    Invoice.objects.filter(pk__in=(alpha.pk, beta.pk)).update(amount=1_000)
    paid = late(account, "Alpha LLC", "ALPHA-0", amount="100")
    Invoice.objects.filter(pk=paid.pk).update(debtor=alpha.debtor_id)
    pay(account, paid, 100 + amount)
    return make.again(alpha), make.again(beta)


def test_each_party_is_asked_for_what_it_owes_less_its_own_credit(
    account: Account, mail: MailServer, visitor: Client
) -> None:
    alpha, _beta = with_credit(account, 600)
    send_all(account)
    asked = {row.invoice.invoice_number: row.asked for row in Communication.objects.filter(sent_at__isnull=False)}
    assert asked == {"ALPHA-1": Decimal(400), "BETA-1": Decimal(1_000)}
    told = {"ALPHA" if "ALPHA-1" in str(sent) else "BETA": part_of(sent, "plain") for sent in mail.mails}
    assert "Less credit on account: AED 600.00" in told["ALPHA"]
    assert "credit" not in told["BETA"]
    pages = {
        party.company: visitor.get(links.page_url(alpha.debtor, "en", min(party.keys))).content.decode()
        for party in debtor_parties.of(alpha.debtor)
    }
    assert "400.00" in pages["Alpha LLC"]
    assert "600.00" in pages["Alpha LLC"]
    assert "1,000.00" in pages["Beta LLC"]
    assert "600.00" not in pages["Beta LLC"]
    shown = {
        party.company: statement.context(alpha.debtor, texts.of("en"), party)["ledgers"][0]
        for party in debtor_parties.of(alpha.debtor)
    }
    assert shown["Alpha LLC"].balance == "AED 400.00"
    assert ("600.00" in str(shown["Alpha LLC"].parts), "600.00" in str(shown["Beta LLC"].parts)) == (True, False)


def test_credit_that_covers_one_party_holds_back_its_messages_alone(account: Account, mail: MailServer) -> None:
    alpha, beta = with_credit(account, 1_000)
    send_all(account)
    assert [row.invoice_id for row in Communication.objects.filter(sent_at__isnull=False)] == [beta.pk]
    planned = Communication.objects.get(invoice=alpha, status="scheduled")
    assert planned.waits_for == "credit"
    assert len(mail.mails) == 1


def test_the_case_about_the_credit_of_a_party_is_opened_on_its_own_invoice() -> None:
    account = account_at("2026-03-02 08:00")
    alpha = make.invoice(
        account,
        invoice_number="A",
        debtor_company="Alpha LLC",
        amount=500,
        due_date=at("2026-02-10 08:00").date(),
        issue_date=at("2026-02-01 08:00").date(),
    )
    beta = make.invoice(
        account,
        invoice_number="B",
        debtor_company="Beta LLC",
        amount=500,
        due_date=at("2026-02-03 08:00").date(),
        issue_date=at("2026-02-01 08:00").date(),
    )
    paid = make.invoice(
        account,
        invoice_number="A0",
        debtor_company="Alpha LLC",
        amount=100,
        due_date=at("2026-04-10 08:00").date(),
        issue_date=at("2026-02-01 08:00").date(),
    )
    for each in (beta, paid):
        Invoice.objects.filter(pk=each.pk).update(debtor=alpha.debtor_id)
        Communication.objects.filter(invoice=each).update(debtor=alpha.debtor_id)
    lifecycle.record_payment(account, paid.pk, make.API, amount=Decimal(700))
    clock.set_clock(account, at("2026-03-12 20:00"))
    cases = Escalation.objects.filter(reason="unapplied_credit")
    assert [case.invoice_id for case in cases] == [alpha.pk]
    sent = Communication.objects.filter(account=account, sent_at__isnull=False)
    assert set(sent.values_list("invoice_id", flat=True)) == {beta.pk}


def test_the_credit_of_a_party_pays_no_other_party(account: Account) -> None:
    alpha, beta = with_credit(account, 600)
    with pytest.raises(Refused):
        ledger.apply_credit(account, beta.pk, make.STAFF, key=uuid.uuid4())
    assert ledger.apply_credit(account, alpha.pk, make.STAFF, key=uuid.uuid4()) == 600


def test_the_dashboard_offers_the_credit_of_a_party_for_its_own_invoices() -> None:
    own = build("Falcon")
    alpha, _beta = with_credit(own.account, 600)
    client = own.logged_in(Role.MANAGER)
    html = client.get(dashboard_page("invoices_debtor", "apply_credit", alpha.debtor_id)).content.decode()
    assert "ALPHA-1" in html
    assert "BETA-1" not in html


def test_a_message_that_its_own_recipient_s_credit_covers_waits_although_another_recipient_owes_more(
    account: Account, mail: MailServer
) -> None:
    small = late(account, "Alpha LLC", "ALPHA-1", debtor_email="a@alpha.ae", amount="500")
    late(account, "Alpha LLC", "ALPHA-2", debtor_email="b@alpha.ae", amount="1000")
    paid = late(account, "Alpha LLC", "ALPHA-0", debtor_email="a@alpha.ae", amount="100")
    pay(account, paid, 700)
    send_all(account)
    assert mail.recipients == ["b@alpha.ae"]  # nobody is asked for 0
    assert Communication.objects.get(invoice=small, status="scheduled").waits_for == "credit"
