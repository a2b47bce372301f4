"""Setting a forgotten password and joining by an invitation: on a phone, by the keyboard alone, in both languages."""

import re

import pytest
from django.core import mail
from playwright.sync_api import Page, expect

from inflow.accounts import invitations, mailing
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from tests import make
from tests.browser.conftest import Faults, OpenPage, heard

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "a brand new pass phrase"


def fits(page: Page, faults: Faults) -> None:
    """Nothing is cut off at the width of a phone, and nobody is kept out."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
    assert faults(page) == [], page.url


def typed(page: Page, name: str, text: str) -> None:
    """Reach a field by the Tab key, and fill it in."""
    for _ in range(30):
        if page.evaluate("document.activeElement.name") == name:
            page.keyboard.type(text)
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name}")


def link_in(email: str) -> str:
    found = re.search(r"http://\S+?(/admin/(?:reset|invitation)/[^\s\u2069]+)", email)
    assert found
    return found[1]


@pytest.mark.parametrize("language", ["en", pytest.param("ar", marks=pytest.mark.nightly)])
def test_a_forgotten_password_is_set_by_the_link_in_the_mail(
    language: str, open_page: OpenPage, faults: Faults
) -> None:
    user = make.user(make.account(language=language))
    page = open_page("/admin/login/", language=language)
    here, said = page.url.removesuffix("/admin/login/"), heard(page)
    page.locator("a[href='/admin/password_reset/']").click()
    fits(page, faults)
    typed(page, "email", user.email)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{here}/admin/password_reset/done/")
    fits(page, faults)
    mailing.send_due()
    link = link_in(str(mail.outbox[-1].body))
    page.goto(f"{here}{link}")
    fits(page, faults)
    typed(page, "new_password1", NEW)
    typed(page, "new_password2", NEW)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{here}/admin/reset/done/")
    fits(page, faults)
    page.goto(f"{here}{link}")
    fits(page, faults)
    assert said == []


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.nightly), "ar"])
def test_an_invited_admin_joins_and_is_led_to_the_second_step(
    language: str, open_page: OpenPage, faults: Faults
) -> None:
    account = make.account(language=language)
    Account.objects.filter(pk=account.pk).update(admins_use_two_steps=True)
    invitations.invite(account, "layla@example.com", Role.ADMIN, by=make.user(account))
    mailing.send_due()
    page = open_page(link_in(str(mail.outbox[-1].body)), language=language)
    here, said = page.url.removesuffix("/admin/invitation/"), heard(page)
    fits(page, faults)
    typed(page, "first_name", "Layla")
    typed(page, "new_password1", NEW)
    typed(page, "new_password2", NEW)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"^{re.escape(here)}/admin/security/two-steps/set-up/"))
    assert said == []
