"""Logging in in two steps in a browser, and that no page of the dashboard breaks under its policy."""

import base64
import time

import pytest
from django_otp.oath import TOTP
from playwright.sync_api import Page, expect

from tests import make
from tests.browser.conftest import DESK, OpenPage, heard

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = (
    "/admin/",
    "/admin/invoices/invoice/",
    "/admin/invoices/invoice/add/",
    "/admin/accounts/apikey/add/",
    "/admin/accounts/auditentry/",
    "/admin/security/",
    "/api/docs",
)


def log_in(page: Page, email: str) -> None:
    page.locator("[name=username]").fill(email)
    page.locator("[name=password]").fill(make.PASSWORD)
    page.get_by_role("button", name="Log in").click()


def code(key: str, *, half_minutes: int) -> str:
    totp = TOTP(base64.b32decode(key.replace(" ", "")))
    totp.time = time.time() + 30 * half_minutes
    return f"{totp.token():06}"


def test_a_person_sets_up_two_steps_and_logs_in_by_them_and_the_console_stays_silent(open_page: OpenPage) -> None:
    user = make.user(make.account())
    page = open_page("/admin/login/", size=DESK)
    here, said = page.url.removesuffix("/admin/login/"), heard(page)
    log_in(page, user.email)
    page.goto(f"{here}/admin/security/")
    page.get_by_role("link", name="Set up two-step log-in").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    page.get_by_text("Can't scan it?").click()
    key = page.locator(".key").inner_text()
    page.locator("[name=code]").fill(code(key, half_minutes=-1))
    page.get_by_role("button", name="Turn on").click()
    recovery = page.locator("#codes").inner_text().split()
    assert len(recovery) == 10

    page.context.clear_cookies()
    page.goto(f"{here}/admin/security/")
    log_in(page, user.email)
    page.locator("[name=code]").fill(code(key, half_minutes=0))
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_text("10 recovery codes are left")).to_be_visible()
    for path in PAGES:
        page.goto(f"{here}{path}")
    assert said == []
