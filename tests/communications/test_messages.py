"""The words of a reminder: one language, today's numbers, and nobody's markup."""

import datetime as dt
import itertools
import re
from decimal import Decimal
from typing import Any

import pytest

from communications.content import messages, phrases
from communications.models import Communication, SenderProfile
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.models import Invoice
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
    assert ", 1 day ago. According to our records, AED 1,234.50 is still open" in message.text
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
    assert '<bdi dir="ltr">AED&nbsp;25,000.00</bdi>' in message.html


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
    assert message.subject.startswith(("Invoice INV-1Bcc: ", "Invoice INV-1 Bcc: "))
    assert "\n" not in message.subject


PAGE, STOP = "https://inflow.example/d/abc", "https://inflow.example/stop/abc"


def by(channel: str, account: Account, *invoices: Invoice, kind: str = "reminder", **urls: Any) -> messages.Message:
    """The words of one message on a channel about these invoices."""
    rows = [
        Communication(account=account, debtor=invoice.debtor, invoice=invoice, kind=kind, channel=channel)
        for invoice in map(make.again, invoices)
    ]
    return messages.render(account, rows[0].invoice.debtor, rows, [row.invoice for row in rows], **urls)


def three(account: Account, **given: object) -> list[Invoice]:
    """Two past due and one that comes, of one debtor."""
    due = ((-10, 100), (-3, 50), (20, 7))
    made = [make.invoice(account, due_in=days, amount=amount, **given) for days, amount in due]  # type: ignore[arg-type]
    for invoice in made[:2]:
        lifecycle.age(account, invoice.pk)
    return made


def test_an_email_leads_to_the_debtor_s_page_and_out_of_the_emails(account: Account) -> None:
    invoice = make.overdue_invoice(account)
    message = by("email", account, invoice, page_url=PAGE, unsubscribe_url=STOP)
    assert f"See the details and reply here:\n{PAGE}\n" in message.text
    assert message.text.endswith(f"--\nTo stop these emails:\n{STOP}\n")
    assert f'href="{PAGE}"' in message.html
    assert f'href="{STOP}"' in message.html
    without = by("email", account, invoice)
    assert "href" not in without.html
    assert "http" not in without.text


def test_an_sms_is_one_short_line_without_link_or_phone(account: Account) -> None:
    SenderProfile.objects.create(account=account, phone="+971 4 555 0100", payment_en="IBAN AE07 0331 2345")
    english = by("sms", account, make.overdue_invoice(account, invoice_number="INV-7"), page_url=PAGE)
    assert (english.subject, english.html, english.language) == ("", "", "en")
    assert english.text.startswith("Falcon Trading LLC: invoice INV-7 was due on ")
    assert not re.search("http|971|IBAN|\n|[\u2066-\u2069]", english.text)
    arabic = by("sms", account, make.overdue_invoice(account, language="ar", debtor_email="a@b.example"), page_url=PAGE)
    assert "\u2066AED 25,000.00\u2069" in arabic.text
    assert not re.search("http|971|IBAN|\n", arabic.text)


def test_a_whatsapp_message_has_the_link_and_no_html(account: Account) -> None:
    message = by("whatsapp", account, make.overdue_invoice(account), page_url=PAGE)
    assert (message.subject, message.html) == ("", "")
    assert PAGE in message.text


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_a_short_message_about_several_invoices_says_how_many_and_how_much(account: Account, channel: str) -> None:
    late, later, _ = three(account)
    message = by(channel, account, late, later)
    assert "2 invoices totalling AED 150.00" in message.text
    assert late.invoice_number not in message.text


def test_an_arabic_short_message_about_two_invoices_says_it_by_the_dual(account: Account) -> None:
    late, later, _ = three(account, language="ar")
    assert "عن فاتورتين" in by("sms", account, late, later).text


def test_an_email_about_several_invoices_is_a_table_with_what_comes_outside_of_the_total(account: Account) -> None:
    late, later, comes = three(account)
    message = by("email", account, late, later, comes)
    assert message.subject == "Your account with Falcon Trading LLC: AED 150.00"
    text = message.html.replace("&nbsp;", " ")
    assert text.index("Past due") < text.index(later.invoice_number) < text.index("Not yet due")
    assert text.index("Not yet due") < text.index("AED 7.00") < text.rindex("AED 150.00")
    assert "10 days overdue" in text


def test_what_is_not_past_due_is_never_called_late_in_any_kind_of_message(account: Account) -> None:
    comes = make.invoice(account, due_in=5)
    for kind, channel in itertools.product(("reminder", "follow_up", "final_notice"), ("email", "sms", "whatsapp")):
        message = by(channel, account, comes, kind=kind)
        assert not re.search("late|overdue|is not settled", message.text), (kind, channel)


def test_a_thank_you_speaks_of_the_paid_invoice_alone(account: Account) -> None:
    paid, other, _ = three(account)
    lifecycle.record_payment(account, paid.pk, make.STAFF, amount=Decimal(100))
    message = by("email", account, paid, kind="thank_you")
    assert "is paid in full" in message.text
    assert "AED&nbsp;100.00" in message.html
    assert other.invoice_number not in message.text + message.html


def test_a_promise_is_reminded_of_by_its_day(account: Account) -> None:
    invoice = make.overdue_invoice(account)
    day = account.today() + dt.timedelta(days=3)
    lifecycle.promise(account, invoice.pk, make.STAFF, day)
    assert phrases.date(day, "en") in by("email", account, invoice, kind="promise_followup").subject


def test_the_sender_s_profile_stands_in_text_and_html(account: Account) -> None:
    SenderProfile.objects.create(
        account=account,
        display_name="Falcon & Co",
        phone="+971 4 555 0100",
        payment_en="IBAN AE07 0331 2345 6789 0123 456",
        payment_ar="رقم الآيبان AE07 0331 2345 6789 0123 456",
    )
    english = by("email", account, make.overdue_invoice(account))
    assert "How to pay:\nIBAN AE07 0331 2345 6789 0123 456\n" in english.text
    assert english.text.endswith("Kind regards,\nFalcon & Co\n+971 4 555 0100\n")
    assert "Falcon &amp; Co" in english.html
    arabic = by("email", account, make.overdue_invoice(account, language="ar", debtor_email="b@b.example"))
    assert "\u2066AE07 0331 2345 6789 0123 456\u2069" in arabic.text
    assert '<bdi dir="ltr">AE07 0331 2345 6789 0123 456</bdi>' in arabic.html
    assert '<bdi dir="ltr">+971 4 555 0100</bdi>' in arabic.html


def test_nothing_in_an_email_is_fetched_from_anywhere(account: Account) -> None:
    html = by("email", account, make.overdue_invoice(account), page_url=PAGE, unsubscribe_url=STOP).html
    assert set(re.findall(r'(?:src|href|url)[=(]"?([^")]+)', html)) == {PAGE, STOP}
