"""Pay now: our own address in messages and on the page, which redirects with the amount as of the click."""

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from communications.delivery import sender
from communications.portal import links
from inflow.accounts.models import Account
from invoices import lifecycle, payment_links
from invoices.errors import Refused
from invoices.models import Invoice, PaymentSettings
from tests import make
from tests.mailserver import MailServer

pytestmark = pytest.mark.django_db
PATTERN = "https://pay.example/{invoice_number}?amount={balance}&currency={currency}&id={external_id}"


@pytest.fixture
def account() -> Account:
    account = make.account("Falcon Trading LLC")
    PaymentSettings.objects.create(account=account, payment_url_pattern=PATTERN)
    return account


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.again(make.overdue_invoice(account, invoice_number="INV/7 & more", amount=25_000, due_in=-10))


def path_of(invoice: Invoice) -> str:
    return links.page_url_of(make.again(invoice), "en").removeprefix("http://testserver")


def pay(visitor: Client, invoice: Invoice, path: str = "") -> Any:
    return visitor.get(f"{path or path_of(invoice)}/pay/{invoice.pk}")


def amount_of(answer: Any) -> str:
    assert answer.status_code == 302
    amount: str = parse_qs(urlsplit(answer["Location"]).query)["amount"][0]
    return amount


def test_the_click_leads_to_the_provider_with_the_balance_of_the_moment(
    account: Account, visitor: Client, invoice: Invoice
) -> None:
    answer = pay(visitor, invoice)
    assert answer.status_code == 302
    assert answer["Location"] == "https://pay.example/INV%2F7%20%26%20more?amount=25000.00&currency=AED&id="
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "same-origin"
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal("5000.50"))
    assert amount_of(pay(visitor, invoice)) == "19999.50"


def test_credit_is_deducted_once_whichever_invoice_is_paid_first(account: Account, visitor: Client) -> None:
    old = make.overdue_invoice(account, invoice_number="A", amount=100, due_in=-20)
    new = make.overdue_invoice(account, invoice_number="B", amount=100, due_in=-10)
    covered = make.overdue_invoice(account, invoice_number="C", amount=10, due_in=-30)
    done = make.invoice(account, invoice_number="D", amount=50)
    lifecycle.record_payment(account, done.pk, make.STAFF, amount=Decimal(80))  # 30 are credit
    assert amount_of(pay(visitor, old)) == "80.00"
    assert amount_of(pay(visitor, new)) == "100.00"
    assert "Your credit on account covers this invoice" in pay(visitor, covered).content.decode()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("paid", "This invoice is paid"), ("cancelled", "was cancelled"), ("disputed", "You have disputed this invoice")],
)
def test_what_must_not_be_paid_is_said(
    account: Account, visitor: Client, invoice: Invoice, status: str, sentence: str
) -> None:
    lifecycle.change(account, invoice.pk, make.STAFF, status=status)
    answer = pay(visitor, invoice)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert "pay.example" not in answer.content.decode()
    html = visitor.get(f"{path_of(invoice)}/pay/{invoice.pk}?lang=ar").content.decode()
    assert '<html lang="ar" dir="rtl">' in html


def test_an_invoice_has_an_address_of_its_own(account: Account, visitor: Client, invoice: Invoice) -> None:
    Invoice.objects.filter(pk=invoice.pk).update(payment_url="https://shop.example/pay?i=7")
    assert pay(visitor, invoice)["Location"] == "https://shop.example/pay?i=7"
    for unsafe in ("http://shop.example/", "javascript:alert(1)", "https://me@shop.example/", "//evil.example"):
        Invoice.objects.filter(pk=invoice.pk).update(payment_url=unsafe)
        assert pay(visitor, invoice).status_code == 404


def test_without_a_provider_there_is_no_button_and_no_address(visitor: Client) -> None:
    invoice = make.again(make.overdue_invoice(make.account()))
    assert pay(visitor, invoice).status_code == 404
    assert "Pay now" not in visitor.get(path_of(invoice)).content.decode()


def test_another_party_finds_nothing_and_nothing_in_the_query_redirects(
    account: Account, visitor: Client, invoice: Invoice
) -> None:
    other = make.invoice(account, debtor_company="Oryx LLC", debtor_email="o@oryx.example")
    assert pay(visitor, other, path_of(invoice)).status_code == 404
    answer = visitor.get(f"{path_of(invoice)}/pay/{invoice.pk}?url=https://evil.example&amount=1&next=//evil.example")
    assert answer["Location"].startswith("https://pay.example/")
    assert amount_of(answer) == "25000.00"


def test_the_page_and_a_get_change_nothing(account: Account, visitor: Client, invoice: Invoice) -> None:
    html = visitor.get(path_of(invoice)).content.decode()
    assert "Pay now" in html
    assert f"/pay/{invoice.pk}?lang=en" in html
    assert make.again(invoice).version == invoice.version


@pytest.mark.parametrize(("language", "label"), [("en", "Pay now"), ("ar", "ادفع الآن")])
def test_an_email_has_the_button_and_the_address_is_our_own(
    mail: MailServer, account: Account, visitor: Client, language: str, label: str
) -> None:
    reminder = make.reminder_due(make.overdue_invoice(account, place=make.open_place(), language=language))
    assert sender.send_due() == 1
    (sent,) = mail.mails
    text, html = (sent.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    (url,) = [line for line in text.splitlines() if f"/pay/{reminder.invoice_id}" in line]
    assert url.startswith("http://testserver/p/")
    assert f'href="{url}"' in html
    assert label in html
    assert "pay.example" not in text + html
    assert visitor.get(url.removeprefix("http://testserver")).status_code == 302


def test_a_joint_email_has_a_link_for_each_invoice(mail: MailServer, account: Account) -> None:
    rows = [
        make.reminder_due(make.overdue_invoice(account, place=make.open_place(), debtor_email="a@example.com"))
        for _ in range(2)
    ]
    assert sender.send_due() == 1
    (sent,) = mail.mails
    for kind in ("plain", "html"):
        body = sent.get_body((kind,))
        assert body is not None
        assert all(f"/pay/{row.invoice_id}" in body.get_content() for row in rows)


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("http://pay.example/{invoice_number}", "not_https"),
        ("https://{invoice_number}.example/", "not_https"),
        ("https://pay.example/ {balance}", "not_https"),
        ("https://me:pw@pay.example/", "not_https"),
        ("javascript:alert({balance})", "not_https"),
        ("https:///nowhere", "not_https"),
        ("https://pay.example\\@evil.example/", "not_https"),
        ("https://pay.example/{debtor_name}", "unknown_placeholder"),
        ("https://pay.example/{balance", "braces"),
        ("https://pay.example/{Balance}", "braces"),
    ],
)
def test_a_pattern_that_would_not_work_is_refused(pattern: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        payment_links.check_pattern(pattern)
    assert refusal.value.code == code


def test_amounts_have_the_decimals_of_their_currency(account: Account, visitor: Client) -> None:
    dinar = make.overdue_invoice(account, amount="1.5", currency="KWD", due_in=-1)
    yen = make.overdue_invoice(account, amount=700, currency="JPY", due_in=-1)
    assert (amount_of(pay(visitor, dinar)), amount_of(pay(visitor, yen))) == ("1.500", "700")
