"""Sums owed agree everywhere: the message, the debtor's page, the statement, the dashboard and its lists agree."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Q
from django.test import Client

from communications.content import messages
from communications.models import Communication
from communications.portal import links, statement, texts
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from inflow.dashboard.pages.home_figures import receivables
from invoices import ledger, lifecycle
from invoices.debtors import receivables as definitions
from invoices.debtors.receivables import Part, Position
from invoices.models import Invoice, Promise
from tests import make
from tests.dashboard.world import linked, logged_in, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make.account("Falcon Trading LLC")


@pytest.fixture
def story(account: Account) -> dict[str, Invoice]:
    """A debtor of whom an invoice is in each state, with credit of 600."""
    today = account.today()
    made = {
        "partial": make.overdue_invoice(account, amount=1_000),
        "late": make.overdue_invoice(account, amount=500, due_in=-40),
        "disputed": make.overdue_invoice(account, amount=2_000),
        "held": make.overdue_invoice(account, amount=4_000),
        "promised": make.overdue_invoice(account, amount=8_000),
        "upcoming": make.invoice(account, amount=16_000, due_in=5),
        "paid": make.invoice(account, amount=100),
    }
    lifecycle.record_payment(account, made["partial"].pk, make.API, amount=Decimal(300))
    lifecycle.change(account, made["disputed"].pk, make.STAFF, status="disputed")
    lifecycle.change(account, made["held"].pk, make.STAFF, status="on_hold")
    lifecycle.promise(account, made["promised"].pk, make.STAFF, today + dt.timedelta(days=2))
    lifecycle.record_payment(account, made["promised"].pk, make.API, amount=Decimal(3_000))
    lifecycle.record_payment(account, made["paid"].pk, make.API, amount=Decimal(700))
    return {name: make.again(invoice) for name, invoice in made.items()}


WANTED = Position(
    overdue=Decimal(1_200),
    not_due=Decimal(16_000),
    on_hold=Decimal(9_000),
    disputed=Decimal(2_000),
    credit=Decimal(600),
    invoices=6,
)


def test_the_definitions(account: Account, story: dict[str, Invoice]) -> None:
    debtor = story["late"].debtor
    credit = ledger.credit_of([debtor.pk])[debtor.pk]
    assert definitions.positions(story.values(), credit, account.today()) == {"AED": WANTED}
    assert WANTED.outstanding == 28_200
    assert WANTED.net == 27_600
    assert WANTED.overdue_net == 600
    assert definitions.promised(Promise.objects.select_related("invoice").get()) == 5_000


def test_message_page_statement_and_dashboard_agree(account: Account, story: dict[str, Invoice]) -> None:
    late, debtor = story["late"], story["late"].debtor
    row = Communication(account=account, debtor=debtor, invoice=late, kind="reminder", channel="email")
    mail = messages.render(account, debtor, [row], list(story.values()))
    assert mail.subject.endswith(": AED 600.00")
    assert "Total past due: AED 1,200.00\nLess credit on account: AED 600.00\nAmount to pay: AED 600.00" in mail.text
    html = Client().get(links.page_url(debtor, "en")).content.decode()
    for shown in (
        '<p class="total"><bdi>AED 27,600.00</bdi>',
        "Open before credit: <bdi>AED 28,200.00</bdi>",
        "Less credit on account: <bdi>AED 600.00</bdi>",
        "of which past due: <bdi>AED 600.00</bdi>",
        "disputed: <bdi>AED 2,000.00</bdi>",
        "on hold: <bdi>AED 9,000.00</bdi>",
    ):
        assert shown in html
    (sheet,) = statement.context(debtor, texts.of("en"))["ledgers"]
    assert sheet.balance == "AED 27,600.00"
    assert sheet.parts == [
        ("Past due", "1,200.00"),
        ("Not yet due", "16,000.00"),
        ("On hold", "9,000.00"),
        ("Disputed", "2,000.00"),
        ("Less credit on account", "600.00"),
    ]
    viewer = make.user(account, Role.VIEWER)
    (home,) = receivables(viewer)
    assert home.outstanding == 28_200
    assert home.overdue == 1_200
    assert home.overdue_count == 2
    assert home.on_hold == 9_000
    assert home.disputed == 2_000
    assert home.credit == 600
    assert home.ages == {"later": 16_000, "1-30": 700, "31-60": 500, "61-90": 0, "over-90": 0}
    assert home.promised == 5_000
    assert home.promised_count == 1
    client = logged_in(viewer)
    html = client.get(page("invoices_debtor", "change", debtor.pk)).content.decode()
    for shown in ("AED 28,200.00", "AED 1,200.00", "AED 2,000.00", "AED 9,000.00", "AED 600.00", "AED 27,600.00"):
        assert f"<bdi>{shown}</bdi>" in html
    assert "<bdi>AED 600.00</bdi> unapplied credit" in html


def test_each_part_leads_to_the_list_that_proves_it(account: Account, story: dict[str, Invoice]) -> None:
    client = logged_in(make.user(account, Role.VIEWER))
    (card,) = client.get("/admin/").context["cards"]
    listed = {
        part["age"]: linked(client.get(part["url"]).content.decode(), "invoices_invoice") for part in card["parts"]
    }
    ids = {name: str(invoice.pk) for name, invoice in story.items()}
    assert listed == {
        "later": {ids["upcoming"]},
        "1-30": {ids["partial"]},
        "31-60": {ids["late"]},
        "61-90": set(),
        "over-90": set(),
        "on_hold": {ids["held"], ids["promised"]},
        "disputed": {ids["disputed"]},
    }
    assert linked(client.get(card["overdue_url"]).content.decode(), "invoices_invoice") == {ids["partial"], ids["late"]}


@pytest.mark.parametrize("zone", [make.EARLIEST_ZONE, make.LATEST_ZONE])
def test_each_open_invoice_is_in_exactly_one_part_here_and_in_the_database(zone: str) -> None:
    account = make.account(time_zone=zone)
    for due_in in (-1, 0, 1):
        for status in ("new", "disputed", "on_hold"):
            made = make.invoice(account, due_in=due_in)
            if status != "new":
                lifecycle.change(account, made.pk, make.STAFF, status=status)
    today = account.today()
    is_past = Q(due_date__lt=today)
    for invoice in Invoice.objects.all():
        found = [
            part for part in Part if Invoice.objects.filter(definitions.in_part(part, is_past), pk=invoice.pk).exists()
        ]
        assert found == [definitions.part_of(invoice, today)]


# --- Credit in the dashboard -------------------------------------------------------------------------------------


def test_home_shows_credit_by_currency_and_lists_the_debtors_who_could_use_it(account: Account) -> None:
    for number, currency in enumerate(("AED", "USD")):
        who: Any = {"debtor_email": f"{number}@example.com", "debtor_company": f"Company {number}"}
        paid = make.invoice(account, amount=100, currency=currency, **who)
        lifecycle.record_payment(account, paid.pk, make.API, amount=Decimal(160))
        make.invoice(account, amount=1_000, currency="AED", **who)
    other = make.account("Other LLC")
    paid = make.invoice(other, amount=100)
    lifecycle.record_payment(other, paid.pk, make.API, amount=Decimal(900))
    client = logged_in(make.user(account, Role.VIEWER))
    answer = client.get("/admin/")
    assert {card["currency"]: card["credit"] for card in answer.context["cards"]} == {
        "AED": "AED 60.00",
        "USD": "USD 60.00",
    }
    assert [(row["title"], row["to"]) for row in answer.context["credits"]] == [("Company 0", "AED 60.00")]
    html = answer.content.decode()
    assert "Less credit on account: <bdi>AED 60.00</bdi>" in html
    dollars = next(card for card in answer.context["cards"] if card["currency"] == "USD")
    listed = client.get(dollars["credit_url"]).content.decode()
    assert "Company 1" in listed
    assert "Company 0" not in listed
    assert "AED 900.00" not in html


@pytest.mark.parametrize(
    ("amount", "paid", "left"), [(1_000, 0, 1_000), (1_000, 400, 600), (300, 400, 0), (300, 0, 300)]
)
def test_a_promise_counts_with_what_is_left_of_it(account: Account, amount: int, paid: int, left: int) -> None:
    invoice = make.overdue_invoice(account, amount=1_500, amount_paid=500)
    lifecycle.promise(account, invoice.pk, make.STAFF, account.today(), amount=Decimal(amount))
    if paid:
        lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(paid))
    (home,) = receivables(make.user(account, Role.VIEWER))
    assert home.promised == left
    assert home.promised_count == (1 if left else 0)
    assert definitions.promised(Promise.objects.select_related("invoice").get()) == left


def test_the_page_shows_credit_where_nothing_is_open_too(account: Account) -> None:
    paid = make.invoice(account, amount=100)
    lifecycle.record_payment(account, paid.pk, make.API, amount=Decimal(160))
    for language, shown in (
        ("en", "Credit on account: <bdi>AED 60.00</bdi>"),
        ("ar", "رصيدكم الدائن: <bdi>AED 60.00</bdi>"),
    ):
        assert shown in Client().get(links.page_url(paid.debtor, language)).content.decode()


def test_credit_that_covers_all_that_is_open_leaves_nothing_past_due_on_the_page(account: Account) -> None:
    invoice = make.overdue_invoice(account, amount=500)
    paid = make.invoice(account, amount=100)
    lifecycle.record_payment(account, paid.pk, make.API, amount=Decimal(900))
    html = Client().get(links.page_url(invoice.debtor, "en")).content.decode()
    assert '<p class="total"><bdi>AED 0.00</bdi>' in html
    assert "none of it is past due" in html
    assert "Less credit on account: <bdi>AED 800.00</bdi>" in html
