"""The words of a reminder: one language, today's numbers, and nobody's markup."""

from decimal import Decimal

import pytest

from communications import messages
from inflow.accounts.models import Account
from invoices import lifecycle
from tests import make


def rendered(account: Account, **given: object) -> messages.Message:
    invoice = make.overdue_invoice(account, **given)  # type: ignore[arg-type]
    return make.message_of(invoice)


@pytest.fixture
def account(db: None) -> Account:
    return make.account("Falcon Trading LLC")


def test_a_reminder_in_english(account: Account) -> None:
    message = rendered(account, invoice_number="INV-7", amount="1234.5", due_in=-1)
    assert message.subject == "Invoice INV-7 is overdue: AED 1,234.50"
    assert message.text.startswith("Dear Ahmed Al Rashid,\n\nWe hope you are well. Invoice INV-7 was due on ")
    assert ", 1 day ago. According to our records AED 1,234.50 is still open." in message.text
    assert message.text.endswith("Kind regards,\nFalcon Trading LLC\n")
    assert '<html lang="en" dir="ltr">' in message.html


def test_a_reminder_in_arabic_runs_right_to_left_with_its_numbers_isolated(account: Account) -> None:
    message = rendered(account, invoice_number="INV-7", language="ar", amount=25_000, debtor_name="أحمد الراشد")
    assert message.subject.startswith("تذكير: الفاتورة")
    for isolated in ("INV-7", "AED 25,000.00"):
        assert f"\u2066{isolated}\u2069" in message.subject
        assert f"\u2066{isolated}\u2069" in message.text
    assert "\u2068أحمد الراشد\u2069" in message.text
    assert "Dear" not in message.text
    assert '<html lang="ar" dir="rtl">' in message.html
    assert '<bdi dir="ltr">AED 25,000.00</bdi>' in message.html


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (1, "يوم واحد"),
        (2, "يومين"),
        (3, "3 أيام"),
        (10, "10 أيام"),
        (11, "11 يومًا"),
        (99, "99 يومًا"),
        (100, "100 يوم"),
        (102, "102 يوم"),
        (103, "103 أيام"),
        (111, "111 يومًا"),
    ],
)
def test_arabic_counts_its_days_as_arabic_does(account: Account, days: int, words: str) -> None:
    assert f"منذ {words}." in rendered(account, language="ar", due_in=-days).text


@pytest.mark.parametrize(("days", "words"), [(1, "1 day ago"), (2, "2 days ago"), (100, "100 days ago")])
def test_english_counts_its_days(account: Account, days: int, words: str) -> None:
    assert words in rendered(account, due_in=-days).text


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("AED", 25_000, "AED 25,000.00"), ("KWD", "1.5", "KWD 1.500"), ("JPY", 1_000, "JPY 1,000")],
)
def test_an_amount_is_shown_with_its_currency_s_decimals(
    account: Account, currency: str, amount: int | str, shown: str
) -> None:
    assert rendered(account, currency=currency, amount=amount).subject.endswith(f": {shown}")


def test_the_balance_is_what_is_open_now(account: Account) -> None:
    invoice = make.overdue_invoice(account, amount=1_000)
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(400))
    message = make.message_of(invoice)
    assert "AED 600.00" in message.subject
    assert "1,000" not in message.subject + message.text + message.html


def test_markup_in_a_name_stays_text(account: Account) -> None:
    message = rendered(account, debtor_name='<img src="https://example.com/x"> & Sons')
    assert '<img src="https://example.com/x"> & Sons' in message.text
    assert "<img" not in message.html
    assert "&lt;img" in message.html


def test_a_line_break_in_a_number_breaks_no_header(account: Account) -> None:
    message = rendered(account, invoice_number="INV-1\r\nBcc: someone@example.com")
    assert message.subject.startswith("Invoice INV-1 Bcc: someone@example.com is overdue")
