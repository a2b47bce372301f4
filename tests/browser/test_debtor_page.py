"""The debtor's page in a browser on a phone, in both languages."""

import datetime as dt

import pytest
from playwright.sync_api import Page, expect

from communications.models import Answer, ConsentEntry
from communications.portal import links, texts
from communications.portal.texts import Words
from inflow.accounts.models import Account
from invoices.models import Debtor
from tests import make
from tests.browser.conftest import PHONE, Faults, OpenPage

pytestmark = pytest.mark.django_db(transaction=True)
NUMBERS = ("A-101", "A-102", "A-103")


@pytest.fixture
def account() -> Account:
    return make.account("Falcon Trading LLC", is_test=True)


@pytest.fixture
def debtor(account: Account) -> Debtor:
    for days, number in enumerate(NUMBERS, 1):
        make.overdue_invoice(account, invoice_number=number, due_in=-days, debtor_phone="+971501234567")
    debtor: Debtor = Debtor.objects.select_related("account").get()
    return debtor


def path(debtor: Debtor, language: str) -> str:
    return links.page_url(debtor, language).removeprefix("http://testserver")


def said(page: Page, which: Words, kind: str, number: str = "", **fields: str) -> None:
    """One answer, as a thumb gives it."""
    form = page.locator(f"details#{kind}")
    form.locator("summary").click()
    if number:
        form.get_by_role("checkbox", name=number).check()
    for name, value in fields.items():
        form.locator(f"[name={name}]").fill(value)
    form.get_by_role("button", name=getattr(which, f"{kind}_send")).click()


@pytest.mark.parametrize("language", ["en", pytest.param("ar", marks=pytest.mark.nightly)])
def test_the_page_is_walked_on_a_phone_without_script(
    account: Account, debtor: Debtor, open_page: OpenPage, language: str
) -> None:
    which, today = texts.of(language), account.today()
    page = open_page(path(debtor, language), scripts=False)
    expect(page.locator("html")).to_have_attribute("dir", which.direction)
    done = page.get_by_role("status")
    said(page, which, "dispute", why="Half of it never came.")
    expect(page.get_by_role("alert")).to_be_visible()
    dispute = page.locator("details#dispute")
    expect(dispute.locator("textarea")).to_have_value("Half of it never came.")
    dispute.get_by_role("checkbox", name=NUMBERS[0]).check()
    dispute.get_by_role("button", name=which.dispute_send).click()
    expect(done).to_have_text(which.done_dispute)
    said(page, which, "paid", NUMBERS[1], paid_on=today.isoformat(), reference="FT-77")
    expect(done).to_have_text(which.done_paid)
    said(page, which, "promise", NUMBERS[2], promised_on=(today + dt.timedelta(days=3)).isoformat())
    expect(done).to_have_text(which.done_promise)
    page.get_by_role("link", name=which.other_name).click()
    other = texts.of(which.other_language)
    expect(page.locator("html")).to_have_attribute("dir", other.direction)
    page.locator("details#stop summary").click()
    page.get_by_label(other.stop_all).check()
    page.get_by_role("button", name=other.stop_send).click()
    expect(done).to_have_text(other.done_stop)
    expect(page.locator("details#stop")).to_have_count(0)
    assert list(debtor.invoices.order_by("invoice_number").values_list("status", flat=True)) == [
        *("disputed", "overdue", "on_hold")
    ]
    assert set(Answer.objects.values_list("kind", "status")) == {
        *(("dispute", "proposed"), ("paid", "proposed"), ("promise", "confirmed"))
    }
    assert ConsentEntry.objects.filter(channel="", what="opted_out").count() == 1


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.nightly), "ar"])
def test_axe_finds_no_serious_fault_and_nothing_is_wider_than_the_screen(
    account: Account, debtor: Debtor, open_page: OpenPage, faults: Faults, language: str
) -> None:
    leaving = links.unsubscribe_url(make.sent_reminder(account)).removeprefix("http://testserver")
    which = texts.of(language)
    page = open_page(path(debtor, language))
    for form in page.locator("details").all():
        form.locator("summary").click()
    looked = [look(page, faults)]
    page.locator("#dispute_why").fill("x")
    page.locator("details#dispute").get_by_role("button", name=which.dispute_send).click()
    expect(page.get_by_role("alert")).to_be_visible()
    looked.append(look(page, faults))
    for address in (f"{leaving}?lang={language}", "/p/nothing"):
        page.goto(page.url.partition("/p/")[0] + address)
        looked.append(look(page, faults))
    assert looked == [([], PHONE["width"])] * 4
    page.evaluate("document.body.append(document.createElement('button'))")
    assert faults(page) != []  # axe does look


def look(page: Page, faults: Faults) -> tuple[list[str], int]:
    """What axe finds, and how wide the page is."""
    return faults(page), page.evaluate("document.documentElement.scrollWidth")
