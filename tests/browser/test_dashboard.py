"""The dashboard as a day at work goes through it, in both languages: at a desk in English, on a phone in Arabic."""

import datetime as dt
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as configured
from django.urls import reverse
from django.utils import translation
from playwright.sync_api import Locator, Page, expect

from inflow.accounts.models import AuditEntry, User
from inflow.accounts.roles import Role
from inflow.dashboard.pages.audit_sentences import sentence
from invoices.imports import phases
from invoices.models import Invoice
from invoices.models.imports import Import
from tests import make
from tests.browser.conftest import DESK, PHONE, Faults, OpenPage, heard
from tests.dashboard import world
from tests.dashboard.world import World
from tests.receiver import Answer, Receiver
from webhooks.delivery.sending import deliver_due
from webhooks.models import Delivery, EventType

pytestmark = pytest.mark.django_db(transaction=True)
FILE = """invoice_number,debtor_name,debtor_email,amount,currency,issue_date,due_date
W-1,Mariam Al Kaabi,mariam@alreem.example,"1,250.50",AED,2026-01-05,2026-02-04
W-2,Omar,omar@wadi.example,100,KWD,2026-01-05,2026-01-04
"""


@dataclass(frozen=True)
class Walk:
    """A person in front of a page, who reads `language`. Texts are given in English."""

    page: Page
    here: str
    language: str

    def said(self, text: str) -> str:
        with translation.override(self.language):
            return translation.gettext(text)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.here}{path}")

    def button(self, text: str) -> Locator:
        return self.page.locator("#main").get_by_role("button", name=self.said(text), exact=True)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"[name={name}]").fill(value)

    def verb(self, text: str, **fields: str) -> None:
        """One of the buttons over a row's page, and its form. On a phone all are folded away, at a desk the rarer."""
        if self.page.viewport_size == PHONE:
            self.page.get_by_role("button", name=self.said("More"), exact=True).click()
        wanted = self.page.get_by_role("link", name=self.said(text))
        if not wanted.is_visible():
            self.page.locator("a", has_text=self.said("More")).click()
        wanted.click()
        self.fill(**fields)
        self.button(text).click()

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(self.said(text)).first).to_be_visible()


@pytest.fixture(autouse=True)
def _on_loopback(settings: Any) -> None:
    settings.TRY_OUT = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(Answer(500, b"not today")) as receiver:
        yield receiver


@pytest.mark.parametrize(
    ("language", "size"),
    [
        pytest.param("en", DESK, id="English-desk"),
        pytest.param("ar", PHONE, id="Arabic-phone", marks=pytest.mark.nightly),
    ],
)
def test_a_day_at_work_and_the_console_stays_silent(
    open_page: OpenPage, receiver: Receiver, language: str, size: dict[str, int]
) -> None:
    user = make.user(make.account(language=language))
    assert user.account
    make.subscription(user.account, receiver.url, [EventType.INVOICE_CREATED])
    page = open_page("/admin/login/", size=size, language=language)
    said = heard(page)
    walk = Walk(page, page.url.removesuffix("/admin/login/"), language)
    _log_in(walk, user)
    _make_a_key_and_use_it(walk)
    _import_a_file(walk)
    _collect(walk, user)
    _send_a_failed_webhook_again(walk, receiver)
    _read_the_audit_log(walk)
    assert said == []


def _log_in(walk: Walk, user: User) -> None:
    expect(walk.page.locator("html")).to_have_attribute("dir", "rtl" if walk.language == "ar" else "ltr")
    walk.fill(username=user.email, password=make.PASSWORD)
    walk.page.get_by_role("button", name=walk.said("Log in")).click()
    expect(walk.page.get_by_role("heading", name=walk.said("Home"), exact=True)).to_be_visible()


def _make_a_key_and_use_it(walk: Walk) -> None:
    walk.go("/admin/accounts/apikey/add/")
    walk.fill(name="Bookkeeping")
    walk.button("Generate").click()
    key = walk.page.locator("#secret").inner_text()
    walk.go("/admin/accounts/apikey/")
    expect(walk.page.locator("meter").last).to_have_attribute("value", "0")
    asked = urllib.request.Request(f"{walk.here}/api/zapier/invoices", headers={"X-InFlow-Key": key})
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 200
    walk.page.reload()
    expect(walk.page.locator("meter").last).to_have_attribute("value", "1")
    expect(walk.page.locator("#main")).not_to_contain_text(key)


def _import_a_file(walk: Walk) -> None:
    """The page looks again by itself for what the worker did."""
    walk.go("/admin/invoices/import/add/")
    walk.page.locator("[name=kind]").select_option("invoices")
    file = {"name": "february.csv", "mimeType": "text/csv", "buffer": FILE.encode()}
    walk.page.locator("[name=file]").set_input_files(file)  # type: ignore[arg-type]
    walk.button("Preview import").click()
    expect(walk.page.get_by_role("progressbar")).to_be_visible()
    _work()
    walk.page.get_by_role("cell", name="AED 1,250.50").wait_for()
    expect(walk.page.locator("td.why").last).not_to_be_empty()
    assert not Invoice.objects.exists()
    walk.page.locator("button[formaction*='/confirm']").click()
    expect(walk.page.get_by_role("progressbar")).to_be_visible()
    _work()
    walk.page.reload()
    walk.sees("Done")
    assert [invoice.invoice_number for invoice in Invoice.objects.all()] == ["W-1"]


def _work() -> None:
    """A worker's turn."""
    file = Import.objects.get()
    while phases.work(file.pk):
        pass


def _collect(walk: Walk, user: User) -> None:
    assert user.account
    today = user.account.today()
    walk.go("/admin/invoices/invoice/")
    walk.page.get_by_role("link", name="W-1").first.click()
    walk.verb("Record payment", amount="250.50", reference="FT-7")
    walk.sees("Partially paid")
    expect(walk.page.locator(".big bdi")).to_contain_text("1,000")
    walk.verb("Record promise", promised_on=(today + dt.timedelta(days=3)).isoformat())
    walk.sees("On hold")
    walk.verb("Mark as disputed", reason="Half of it never came.")
    walk.sees("Disputed")
    walk.sees("Half of it never came.")
    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.balance) == ("disputed", Decimal(1000))


def _send_a_failed_webhook_again(walk: Walk, receiver: Receiver) -> None:
    Delivery.objects.update(attempts_made=9)  # the last try
    assert deliver_due() == 1
    walk.go("/admin/webhooks/delivery/")
    walk.sees("Failed")
    walk.go(f"/admin/webhooks/delivery/{Delivery.objects.get().pk}/change/")
    receiver.answer = Answer(204)
    walk.verb("Send again")
    assert deliver_due() == 1
    walk.page.reload()
    walk.sees("Delivered")
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len(receiver.requests) == 2


def _read_the_audit_log(walk: Walk) -> None:
    walk.go("/admin/accounts/auditentry/")
    for entry in AuditEntry.objects.filter(action__in=("api_key.created", "import.confirmed", "delivery.replayed")):
        with translation.override(walk.language):
            expect(walk.page.locator("#main")).to_contain_text(sentence(entry))


@pytest.mark.parametrize(
    ("language", "size", "is_dark", "every"),
    [
        pytest.param("ar", PHONE, True, 3, id="Arabic-phone-every-third"),
        pytest.param("ar", PHONE, True, 1, id="Arabic-phone", marks=pytest.mark.nightly),
        pytest.param("en", DESK, False, 1, id="English-desk", marks=pytest.mark.nightly),
    ],
)
def test_axe_finds_no_serious_fault_on_the_main_pages_and_none_is_wider_than_the_screen(
    open_page: OpenPage, faults: Faults, language: str, size: dict[str, int], is_dark: bool, every: int
) -> None:
    own = world.build("Falcon")
    page = open_page("/admin/login/", size=size, language=language, is_dark=is_dark)
    here = page.url.removesuffix("/admin/login/")
    found = {"log in": (faults(page), _width(page))}
    session = own.logged_in(Role.ADMIN).cookies[configured.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": configured.SESSION_COOKIE_NAME, "value": session, "url": here}])
    for path in list(_main_pages(own))[::every]:
        page.goto(f"{here}{path}")
        expect(page).to_have_url(f"{here}{path}")
        found[path] = (faults(page), _width(page))
    assert found == {path: ([], size["width"]) for path in found}


def _width(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


def _main_pages(own: World) -> Iterator[str]:
    yield from (reverse("admin:index"), reverse("security"))
    for name in ("invoices_invoice", "communications_communication", "accounts_apikey", "webhooks_delivery"):
        yield world.page(name, "changelist")
    for name in ("invoices_invoice", "invoices_debtor", "communications_reminderpolicy", "invoices_import"):
        yield world.page(name, "change", own.rows[name])
    yield reverse("admin:accounts_auditentry_changelist")
    yield reverse("admin:communications_messagetemplate_table", args=[own.account.pk])
    yield reverse("admin:communications_messagetemplate_edit", args=[own.account.pk, "reminder", "friendly", "email"])
    yield world.page("invoices_invoice", "send_now", own.invoice.pk)
