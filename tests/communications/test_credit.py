"""Unapplied credit: what a message asks for is net of it and says so, and a person is asked to apply it."""

import datetime as dt
import json
import re
import uuid
from decimal import Decimal

import pytest

from communications.channels import gateway as sms
from communications.content import messages, phrases, previews
from communications.content.templates import TemplateText
from communications.engine import clock, forecast
from communications.models import ApprovalLimit, CollectionSettings, Communication, MessageTemplate
from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.cases import cases as case_verbs
from invoices.models import Escalation, Invoice
from tests import make
from tests.communications.story import look
from tests.communications.test_ladder import account_at, at, cases, sent

pytestmark = pytest.mark.django_db

MONDAY = "2026-03-02 08:00"
PAGE = "https://inflow.example/d/abc"


@pytest.fixture
def account() -> Account:
    return make.account("Falcon Trading LLC")


def give_credit(account: Account, amount: Decimal | int, currency: str = "AED", **given: object) -> Invoice:
    """Pay so much more than an invoice was over; return that invoice."""
    given.setdefault("due_date", account.today() + dt.timedelta(days=30))
    paid = make.invoice(account, amount=100, currency=currency, **given)  # type: ignore[arg-type]
    lifecycle.record_payment(account, paid.pk, make.API, amount=100 + Decimal(amount))
    return paid


def late(account: Account, amount: int, **given: object) -> Invoice:
    return make.overdue_invoice(account, amount=amount, **given)  # type: ignore[arg-type]


def message(*about: Invoice, channel: str = "email", kind: str = "reminder", language: str = "") -> messages.Message:
    """The words of a message about these invoices, as a debtor of several gets it."""
    first = about[0]
    rows = [
        Communication(
            account=each.account, debtor=each.debtor, invoice=each, kind=kind, channel=channel, language=language
        )
        for each in map(make.again, about)
    ]
    theirs = list(Invoice.objects.filter(debtor=first.debtor_id).open().select_related("account"))
    return messages.render(first.account, first.debtor, rows, theirs, page_url=PAGE)


# --- The demand is net of credit ---------------------------------------------------------------------------------


def test_of_two_invoices_of_1000_with_1600_paid_on_the_first_400_is_asked_for_never_1000(account: Account) -> None:
    first = late(account, 1_000)
    second = make.again(late(account, 1_000))
    lifecycle.record_payment(account, first.pk, make.API, amount=Decimal(1_600))
    mail = message(second)
    assert mail.subject == f"Invoice {second.invoice_number} is overdue: AED 400.00"
    assert "According to our records, AED 400.00 is still open" in mail.text
    assert (
        "Open amount: AED 1,000.00\nLess credit on account: AED 600.00\nAmount to pay: AED 400.00\n\nIf you have"
        in mail.text
    )
    html = mail.html.replace("&nbsp;", " ")
    assert re.search(r"Amount due</p>\s*<p[^>]*>AED 400.00</p>", html)
    assert "Less credit on account" in html
    text = message(second, channel="sms").text
    assert "AED 400.00 is open" in text
    assert text.endswith("Open amount: AED 1,000.00. Less credit on account: AED 600.00. Amount to pay: AED 400.00.")
    whatsapp = message(second, channel="whatsapp").text
    assert "AED 400.00 is still open" in whatsapp
    assert "Less credit on account: AED 600.00\nAmount to pay: AED 400.00" in whatsapp


@pytest.mark.parametrize("kind", ["reminder", "follow_up", "final_notice", "manual", "promise_followup"])
@pytest.mark.parametrize("channel", ["email", "sms", "whatsapp"])
@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("count", [1, 2])
def test_every_built_in_message_says_the_credit_once(
    account: Account, kind: str, channel: str, language: str, count: int
) -> None:
    give_credit(account, 600, language=language)
    theirs = [late(account, 1_000, language=language) for _ in range(count)]
    if kind == "promise_followup":
        theirs = theirs[:1]
        lifecycle.promise(account, theirs[0].pk, make.STAFF, account.today())
    text = phrases.without_isolates(message(*theirs, channel=channel, kind=kind, language=language).text)
    labels = phrases.LABELS[language]
    assert text.count(f"{labels['less_credit']}: AED 600.00") == 1
    left = 400 if len(theirs) == 1 else 1_400
    assert text.count(f"{labels['left_to_pay']}: AED {left:,}.00") == 1


def test_in_arabic_the_credit_is_said_as_a_native_writer_says_it(account: Account) -> None:
    give_credit(account, 600, language="ar")
    text = message(late(account, 1_000, language="ar")).text
    assert "يُخصم رصيدكم الدائن: \u2066AED 600.00\u2069" in text
    assert "المبلغ المطلوب سداده: \u2066AED 400.00\u2069" in text


def test_of_several_invoices_the_list_ends_in_what_the_credit_leaves(account: Account) -> None:
    give_credit(account, 600)
    mail = message(late(account, 1_000), late(account, 500))
    assert mail.subject == "Your account with Falcon Trading LLC: AED 900.00"
    assert "Total past due: AED 1,500.00\nLess credit on account: AED 600.00\nAmount to pay: AED 900.00" in mail.text
    assert "2 invoices totalling AED 900.00" in message(*Invoice.objects.open(), channel="sms").text


def test_credit_in_one_currency_never_lowers_another(account: Account) -> None:
    give_credit(account, 900, "USD")
    aed, usd = late(account, 1_000), late(account, 1_000, currency="USD")
    assert message(aed, usd).subject.endswith(": AED 1,000.00 + USD 100.00")
    lifecycle.change(account, usd.pk, make.STAFF, status="disputed")
    mail = message(aed)
    assert mail.subject.endswith(": AED 1,000.00")
    assert "credit" not in mail.text


def test_before_the_due_date_the_credit_counts_too(account: Account) -> None:
    give_credit(account, 600)
    mail = message(make.again(make.invoice(account, amount=1_000, due_in=3)))
    assert mail.subject.endswith("is due in 3 days: AED 400.00")
    assert "Less credit on account: AED 600.00" in mail.text


def test_what_is_not_due_yet_is_asked_for_where_the_credit_covers_the_rest(account: Account) -> None:
    give_credit(account, 600)
    late(account, 500)
    mail = message(make.again(make.invoice(account, amount=1_000, due_in=3)))
    assert mail.subject.endswith(": AED 900.00")
    assert "Open amount: AED 1,500.00\nLess credit on account: AED 600.00\nAmount to pay: AED 900.00" in mail.text


@pytest.mark.parametrize("variable", ["balance", "total"])
@pytest.mark.parametrize("channel", ["email", "sms", "whatsapp"])
def test_an_accounts_own_template_asks_for_no_more_than_is_due_and_says_so(
    account: Account, variable: str, channel: str
) -> None:
    give_credit(account, 600)
    invoice = late(account, 1_000)
    subject = f"Pay {{{{ {variable} }}}}" if channel == "email" else ""
    body = f"{{{{ sender }}}}: pay {{{{ {variable} }}}} now."
    MessageTemplate.objects.create(
        account=account, kind="reminder", tone="", channel=channel, language="en", subject=subject, body=body
    )
    found = message(invoice, channel=channel)
    assert "pay AED 400.00 now." in found.text
    assert "Less credit on account: AED 600.00" in found.text
    assert found.subject in ("", "Pay AED 400.00")


def test_a_template_may_place_the_credit_itself(account: Account) -> None:
    give_credit(account, 600)
    words = TemplateText("Invoice {{ invoice_number }}", "{{ credit }}\n\nPlease pay {{ balance }}.", "en", is_own=True)
    shown = previews.preview(account, words, "reminder", "", "email", about=late(account, 1_000))
    assert shown.text.startswith("Open amount: AED 1,000.00\nLess credit on account: AED 600.00\nAmount to pay: AED 4")
    assert shown.text.count("Less credit") == 1


def test_a_thank_you_asks_for_nothing_and_mentions_no_credit(account: Account) -> None:
    paid = give_credit(account, 600)
    assert "credit" not in message(make.again(paid), kind="thank_you").text


# --- What is frozen, and what an approved template says -----------------------------------------------------------


def sent_rows(account: Account) -> list[Communication]:
    return list(
        Communication.objects.for_account(account).filter(status="sent").order_by("-step", "scheduled_for", "id")
    )


def test_the_frozen_amounts_add_up_to_what_was_asked_and_the_whatsapp_template_says_it() -> None:
    account = account_at(MONDAY)
    give_credit(account, 600)
    for amount in (500, 1_000):
        owing(account, amount)
    clock.set_clock(account, at("2026-03-05 12:00"))
    rows = sent_rows(account)
    asked = [row.asked or 0 for row in rows]
    assert sum(asked) == 900
    assert asked[0] > 0
    assert {row.amount for row in rows} == {500, 1_000}
    made = make.gateway(account, "whatsapp")
    made.content_sids = {f"{rows[0].kind}.en": "HX77"}
    variables = json.loads(sms._form(made, rows[0])["ContentVariables"])
    assert variables["3"] == f"AED {rows[0].asked:,.2f}"


def test_a_final_notice_is_looked_at_for_what_it_demands_not_for_what_the_credit_covers() -> None:
    account = account_at(MONDAY)
    settings = CollectionSettings.objects.create(account=account)
    ApprovalLimit.objects.create(settings=settings, currency="AED", amount=500)
    give_credit(account, 600)
    owing(account, 1_000)
    clock.set_clock(account, at("2026-04-30 12:00"))
    assert sent(account)[-1][0] == "final_notice"


# --- Credit that covers all --------------------------------------------------------------------------------------


def owing(account: Account, amount: int, **given: object) -> Invoice:
    given.setdefault("due_date", dt.date(2026, 2, 20))
    given.setdefault("issue_date", dt.date(2026, 1, 1))
    return make.again(make.invoice(account, amount=amount, **given))  # type: ignore[arg-type]


def test_credit_that_covers_all_that_is_due_opens_one_case_after_seven_days_and_nothing_is_sent() -> None:
    account = account_at(MONDAY)
    give_credit(account, 600)
    newer = owing(account, 200, due_date=dt.date(2026, 2, 25))
    oldest = owing(account, 400)
    clock.set_clock(account, at("2026-03-09 07:59"))
    assert cases(account) == []
    clock.set_clock(account, at("2027-03-02 08:00"))
    assert sent(account) == []
    (case,) = Escalation.objects.for_account(account)
    assert (case.reason, case.level, case.invoice_id) == ("unapplied_credit", 1, oldest.pk)
    assert case.opened_at == at("2026-03-09 09:00")
    assert "AED 600.00" in case.notes
    assert make.again(newer).escalation_level == 0


def test_the_clock_finds_it_late_when_the_application_was_down() -> None:
    account = account_at(MONDAY)
    give_credit(account, 600)
    owing(account, 500)
    clock.set_clock(account, at("2026-03-05 12:00"))
    Account.objects.filter(pk=account.pk).update(clock=at("2026-05-04 10:00"))
    for _ in range(3):
        look(Account.objects.get(pk=account.pk))
    assert cases(account) == [(1, "unapplied_credit", "05-04 10:00")]
    assert sent(account) == []


def test_neither_a_dispute_nor_a_hold_nor_another_currency_keeps_credit_from_covering_the_rest() -> None:
    account = account_at(MONDAY)
    give_credit(account, 600)
    owing(account, 500)
    for status in ("disputed", "on_hold"):
        other = owing(account, 1_000)
        lifecycle.change(account, other.pk, make.STAFF, status=status)
    dollars = owing(account, 300, currency="USD")
    clock.set_clock(account, at("2026-03-05 12:00"))
    assert [row.invoice_id for row in sent_rows(account)] == [dollars.pk]
    (message,) = sent_rows(account)
    assert message.subject.endswith(": USD 300.00")
    clock.set_clock(account, at("2026-03-12 12:00"))
    assert [reason for _, reason, _ in cases(account)] == ["unapplied_credit"]


def test_credit_for_a_part_holds_nothing_back() -> None:
    account = account_at(MONDAY)
    give_credit(account, 600)
    owing(account, 601)
    clock.set_clock(account, at("2026-03-05 12:00"))
    assert [row.subject.partition(": ")[2] for row in sent_rows(account)] == ["AED 1.00"]


def test_a_promise_that_the_credit_covers_is_not_reminded_of_while_others_are() -> None:
    account = account_at(MONDAY)
    give_credit(account, 600)
    owing(account, 5_000)
    promised = owing(account, 500)
    lifecycle.promise(account, promised.pk, make.STAFF, dt.date(2026, 3, 10))
    clock.set_clock(account, at("2026-03-05 12:00"))
    assert [row.subject.partition(": ")[2] for row in sent_rows(account)] == ["AED 4,400.00"]


def test_when_the_credit_is_gone_the_reminder_goes_and_a_later_situation_waits_seven_days_anew() -> None:
    account = account_at(MONDAY)
    paid = give_credit(account, 600)
    owing(account, 500, due_date=dt.date(2026, 3, 1))
    clock.set_clock(account, at("2026-03-05 12:00"))
    assert sent(account) == []
    lifecycle.reverse_payment(account, paid.pk, paid.payments.get().pk, make.STAFF)
    clock.set_clock(account, at("2026-03-06 12:00"))
    assert sent(account) == [("reminder", "03-06 09:00")]
    give_credit(account, 700)
    clock.set_clock(account, at("2026-03-12 12:00"))
    assert "unapplied_credit" not in [reason for _, reason, _ in cases(account)]
    clock.set_clock(account, at("2026-03-30 12:00"))
    assert [reason for _, reason, _ in cases(account)].count("unapplied_credit") == 1


@pytest.mark.parametrize("how", ["applied", "reversed", "partly applied"])
def test_the_case_ends_when_no_credit_is_left(how: str) -> None:
    account = account_at(MONDAY)
    paid = give_credit(account, 600)
    oldest, newer = owing(account, 200), owing(account, 300, due_date=dt.date(2026, 2, 25))
    clock.set_clock(account, at("2026-03-10 12:00"))
    assert make.again(oldest).escalation_level == 1
    later = owing(account, 400, due_date=dt.date(2026, 4, 25))
    if how == "reversed":
        lifecycle.reverse_payment(account, paid.pk, paid.payments.get().pk, make.STAFF)
    else:
        ledger.apply_credit(account, later.pk, make.STAFF, key=uuid.uuid4())
        if how == "applied":
            ledger.apply_credit(account, newer.pk, make.STAFF, key=uuid.uuid4())
    case = Escalation.objects.get(invoice=oldest)
    expected = ("open", "", 1) if how == "partly applied" else ("resolved", "credit_used", 0)
    assert (case.status, case.resolution, make.again(oldest).escalation_level) == expected


def test_a_case_that_was_resolved_without_applying_the_credit_is_not_followed_by_a_year_of_silence() -> None:
    account = account_at(MONDAY)
    give_credit(account, 600)
    owing(account, 500)
    clock.set_clock(account, at("2026-03-12 12:00"))
    case = Escalation.objects.get()
    change = case_verbs.CaseChange(status="resolved", resolution="ladder")
    case_verbs.change(account, case.pk, make.STAFF, change)
    clock.set_clock(account, at("2026-04-08 12:00"))
    assert Escalation.objects.count() == 1
    clock.set_clock(account, at("2026-04-30 12:00"))
    assert Escalation.objects.count() == 2


def test_a_case_that_is_open_already_is_joined_once() -> None:
    account = account_at(MONDAY)
    give_credit(account, 600)
    invoice = owing(account, 500)
    make.escalation(invoice)
    clock.set_clock(account, at("2026-06-02 12:00"))
    assert [reason for _, reason, _ in cases(account)] == ["manual"]
    assert make.again(invoice).timeline.filter(kind="escalation_joined").count() == 1


def test_a_forecast_says_that_the_credit_holds_the_message_back_and_changes_nothing() -> None:
    account = account_at(MONDAY)
    give_credit(account, 600)
    invoice = owing(account, 500)
    foreseen = forecast.forecast(account, 30)
    assert [(entry.invoice_id, entry.reason) for entry in foreseen.entries] == [(invoice.pk, "credit")]
    assert foreseen.is_whole
    assert Escalation.objects.count() == 0


def test_credit_is_counted_by_debtor_and_currency(account: Account) -> None:
    paid = give_credit(account, 600)
    give_credit(account, 50, "USD")
    other = make.invoice(account, debtor_email="other@example.com", debtor_company="Other LLC")
    assert ledger.credit_of([paid.debtor_id, other.debtor_id]) == {
        paid.debtor_id: {"AED": Decimal(600), "USD": Decimal(50)}
    }
