"""The home page, and the messages it leads to."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from communications.models import Communication
from inflow.accounts.roles import Role
from inflow.dashboard.pages import home_figures
from invoices import lifecycle
from tests import make
from tests.dashboard.world import World, linked, logged_in, page, platform
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db


def owed(client: Any) -> dict[str, tuple[str, int, str, int]]:
    cards = client.get("/admin/").context["cards"]
    return {
        card["currency"]: (card["outstanding"], card["open_count"], card["overdue"], card["overdue_count"])
        for card in cards
    }


def test_what_is_owed_is_counted_per_currency_among_own_invoices(own: World, foreign: World) -> None:
    make.invoice(own.account, amount="100.5", amount_paid=20)
    make.invoice(own.account, amount=7, amount_paid=9)  # an overpayment lessens nothing
    make.invoice(own.account, amount="1.250", currency="KWD")
    assert owed(own.logged_in(Role.VIEWER)) == {
        "AED": ("AED 25,080.50", 2, "AED 25,000.00", 1),
        "KWD": ("KWD 1.250", 1, "KWD 0.000", 0),
    }
    assert owed(platform())["AED"] == ("AED 50,080.50", 3, "AED 50,000.00", 2)


def test_what_is_open_is_told_by_its_age_and_each_age_leads_to_its_list(db: None) -> None:
    account = make.account()
    wanted = {"later": 0, "1-30": 0, "31-60": 0, "61-90": 0, "over-90": 0}
    made: dict[str, set[str]] = {age: set() for age in wanted}
    for days, age in (
        (0, "later"),
        (1, "1-30"),
        (30, "1-30"),
        (31, "31-60"),
        (61, "61-90"),
        (90, "61-90"),
        (91, "over-90"),
    ):
        invoice = make.invoice(
            account,
            due_in=-days,
            amount=days + 1,
            currency="QAR",  # nobody else's
            issue_date=account.today() - dt.timedelta(days=100),
        )
        wanted[age] += days + 1
        made[age].add(str(invoice.pk))
    for client in (logged_in(make.user(account, Role.VIEWER)), platform()):
        [card] = [card for card in client.get("/admin/").context["cards"] if card["currency"] == "QAR"]
        assert {part["age"]: part["amount"] for part in card["parts"]} == {
            age: f"{sum:,.2f}" for age, sum in wanted.items()
        }
        assert sum(part["width"] for part in card["parts"]) == pytest.approx(100, abs=0.1)
        for part in card["parts"]:
            assert linked(client.get(part["url"]).content.decode(), "invoices_invoice") == made[part["age"]], part[
                "age"
            ]


def test_what_came_in_is_told_by_month_and_week_less_what_was_reversed(db: None) -> None:
    account = make.account()
    today = account.today()
    invoice = make.invoice(account, amount=1000)
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(300))
    bounced = lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(50))
    lifecycle.reverse_payment(account, invoice.pk, bounced.pk, make.STAFF)
    before = today.replace(day=1) - dt.timedelta(days=1)
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(7), paid_at=before)
    [found] = home_figures.receivables(make.user(account, Role.VIEWER))
    assert found.collected_this_month == 300
    assert sum(found.weeks.values()) == 307
    assert found.weeks[today - dt.timedelta(days=today.weekday())] in (300, 307)


@pytest.mark.parametrize(
    ("outstanding", "billed", "days"),
    [
        (0, {}, 0),
        (50, {"2026-03": 100}, 5),  # half of what was sold in the ten days of March
        (100, {"2026-03": 100, "2026-02": 100}, 10),
        (150, {"2026-03": 100, "2026-02": 100}, 24),  # and half of February
        (150, {"2026-03": 100, "2026-01": 100}, 54),  # nothing was sold in February: ten days, 28, and half of January
        (999, {"2026-03": 100}, None),
    ],
)
def test_days_sales_outstanding_are_counted_back(outstanding: int, billed: dict[str, int], days: int | None) -> None:
    sales = {dt.date.fromisoformat(f"{month}-01"): Decimal(sold) for month, sold in billed.items()}
    assert home_figures.days_sales_outstanding(Decimal(outstanding), sales, dt.date(2026, 3, 10)) == days


def test_promises_of_the_next_week_and_the_months_payments_lead_to_their_lists(own: World) -> None:
    today = own.account.today()
    for days, amount in ((0, 5), (7, 6), (8, 100)):
        invoice = make.invoice(own.account, amount=amount)
        lifecycle.promise(own.account, invoice.pk, make.STAFF, today + dt.timedelta(days=days))
    client = own.logged_in(Role.VIEWER)
    [card] = client.get("/admin/").context["cards"]
    assert (card["promised"], card["promised_count"]) == ("AED 11.00", 2)
    assert len(linked(client.get(card["promised_url"]).content.decode(), "invoices_promise")) == 2
    collected = client.get(card["collected_url"]).content.decode()
    assert (card["collected"], linked(collected, "invoices_payment")) == (
        "AED 100.00",
        {str(own.rows["invoices_payment"])},
    )


def test_cases_wait_for_whose_they_are_or_for_anybody(own: World, foreign: World) -> None:
    cases_of = {}
    for who in (None, Role.AGENT, Role.MANAGER):
        case = make.escalation(make.invoice(own.account))
        case.assignee = own.people[who] if who else None
        case.save()
        cases_of[who] = str(case.pk)
    make.escalation(foreign.invoice)
    html = own.logged_in(Role.AGENT).get("/admin/").content.decode()
    assert linked(html, "invoices_escalation") == {cases_of[None], cases_of[Role.AGENT]}


def test_what_goes_out_today_and_tomorrow_is_counted_and_shown(own: World, foreign: World) -> None:
    mine = Communication.objects.filter(account=own.account, status="scheduled")
    now = own.account.now()
    for days, counted in ((0, (1, 0)), (1, (0, 1)), (2, (0, 0))):
        mine.update(scheduled_for=now + dt.timedelta(days=days))
        going = own.logged_in(Role.VIEWER).get("/admin/").context["scheduled"]
        assert (going["today"], going["tomorrow"], len(going["rows"])) == (*counted, sum(counted))


@pytest.mark.parametrize("zone", [make.EARLIEST_ZONE, make.LATEST_ZONE])
def test_past_due_goes_by_the_accounts_own_date_for_members_and_platform_staff(zone: str, db: None) -> None:
    account = make.account(time_zone=zone)
    other = make.account(time_zone=make.EARLIEST_ZONE if zone == make.LATEST_ZONE else make.LATEST_ZONE)
    make.invoice(account, due_in=-1, amount=3, currency="QAR")
    make.invoice(account, due_in=0, amount=4, currency="QAR")
    make.invoice(other, due_in=0, amount=8, currency="QAR")
    assert owed(logged_in(make.user(account, Role.VIEWER))) == {"QAR": ("QAR 7.00", 2, "QAR 3.00", 1)}
    assert owed(platform())["QAR"] == ("QAR 15.00", 3, "QAR 3.00", 1)


def test_each_number_leads_to_the_list_that_proves_it(own: World) -> None:
    later = make.invoice(own.account, amount=5)
    client = own.logged_in(Role.VIEWER)
    [card] = client.get("/admin/").context["cards"]
    listed = {
        url: linked(client.get(url).content.decode(), "invoices_invoice")
        for url in (card["open_url"], card["overdue_url"])
    }
    assert list(listed.values()) == [{str(own.invoice.pk), str(later.pk)}, {str(own.invoice.pk)}]


def test_recent_messages_and_deliveries_in_trouble_are_the_accounts_own(own: World, foreign: World) -> None:
    for world in (own, foreign):
        Communication.objects.filter(account=world.account).update(status="sent", sent_at=timezone.now())
        Delivery.objects.filter(account=world.account).update(status="failed", next_attempt_at=None)
    for role in Role:
        html = own.logged_in(role).get("/admin/").content.decode()
        assert linked(html, "communications_communication") == {str(own.rows["communications_communication"])}
        troubled = {str(own.rows["webhooks_delivery"])} if role == Role.ADMIN else set()
        assert linked(html, "webhooks_delivery") == troubled
        assert "sandfox" not in html.lower()


def test_home_asks_the_database_a_fixed_number_of_times(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    for number in range(5):
        make.overdue_invoice(own.account, debtor_email=f"{number}@many.example", currency=["AED", "SAR"][number % 2])
    Communication.objects.update(status="sent", sent_at=timezone.now())
    Delivery.objects.update(status="failed", next_attempt_at=None)
    with CaptureQueriesContext(connection) as queries:
        client.get("/admin/")
    assert len(queries) <= 16


def test_an_empty_account_is_told_where_to_start(db: None) -> None:
    client = logged_in(make.user(make.account(), Role.ADMIN))
    html = client.get("/admin/").content.decode()
    assert "/admin/accounts/apikey/add/" in html
    assert "/admin/invoices/import/add/" in html


def test_the_sidebar_shows_what_the_role_opens(own: World) -> None:
    for role in Role:
        html = own.logged_in(role).get("/admin/").content.decode()
        for name in ("accounts_apikey", "accounts_user", "accounts_auditentry"):
            assert (f'href="{page(name, "changelist")}"' in html) == (role == Role.ADMIN)
        assert f'href="{page("accounts_account", "change", own.account.pk)}"' in html


def test_times_are_told_on_the_accounts_wall_clock(own: World) -> None:
    message = Communication.objects.get(pk=own.rows["communications_communication"])
    at = message.scheduled_for.astimezone(own.account.zone)
    html = own.logged_in(Role.VIEWER).get(page("communications_communication", "change", message.pk)).content.decode()
    assert f"{at:%-d %b %Y, %H:%M}" in html


def test_a_message_is_shown_as_it_was_written_and_can_do_nothing_in_the_page(own: World) -> None:
    html = '<p onclick="x()">Dear Ahmed</p><script>alert(1)</script>'
    message = Communication.objects.filter(pk=own.rows["communications_communication"])
    message.update(
        status="sent", subject="تذكير <1>", body="Dear <b>Ahmed</b>", html=html, sent_at=timezone.now(), language="ar"
    )
    shown = (
        own.logged_in(Role.VIEWER)
        .get(page("communications_communication", "change", message.get().pk))
        .content.decode()
    )
    assert '<iframe class="mail" sandbox srcdoc="&lt;p onclick=' in shown
    assert "<script>alert(1)" not in shown
    assert "Dear &lt;b&gt;Ahmed&lt;/b&gt;" in shown
    assert 'dir="rtl"' in shown


def test_the_mail_in_the_local_outbox_is_handed_to_its_own_account_only(
    own: World, foreign: World, settings: Any, tmp_path: Path
) -> None:
    settings.OUTBOX_DIR = tmp_path
    for world in (own, foreign):
        message = Communication.objects.get(pk=world.rows["communications_communication"])
        (tmp_path / f"{message.message_id}.eml").write_bytes(b"From: InFlow <x@inflow.example>\r\n\r\nHello\r\n")
    client = own.logged_in(Role.AGENT)

    def address(world: World) -> str:
        return page("communications_communication", "mail", world.rows["communications_communication"])

    shown = client.get(page("communications_communication", "change", own.rows["communications_communication"]))
    assert address(own) in shown.content.decode()
    assert "x@inflow.example" in shown.content.decode()
    assert client.get(address(own)).content.endswith(b"Hello\r\n")
    assert client.get(address(foreign)).status_code == 404
    assert own.logged_in(Role.VIEWER).get(address(own)).status_code == 403, "it holds the link to the debtor's page"
    settings.OUTBOX_DIR = None
    assert client.get(address(own)).status_code == 404
