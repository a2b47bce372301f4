"""The policy that each page carries without a login, and that nothing on it comes from elsewhere.

The pages behind the login are tested in test_arabic.py, which requests them all.
"""

from pathlib import Path

import pytest
from django.test import Client

from communications.portal import links
from tests.dashboard.browsing import OUTSIDE, policy
from tests.dashboard.world import World

pytestmark = pytest.mark.django_db
STATIC = [*Path("inflow").glob("**/static/**/*.css"), *Path("communications").glob("**/static/**/*.css")]


def debtors_page(own: World) -> str:
    return links.page_url(own.invoice.debtor, "en").removeprefix("http://testserver")


def test_pages_without_log_in_name_no_outside_host_either(own: World, client: Client) -> None:
    for address in ("/admin/login/", "/api/docs", debtors_page(own), "/p/no-such-link"):
        answer = client.get(address)
        assert not OUTSIDE.findall(answer.content.decode()), address
        assert policy(answer)["default-src"] == "'none'", address
        assert policy(answer)["frame-ancestors"] == "'none'", address


@pytest.mark.parametrize("path", STATIC, ids=str)
def test_no_stylesheet_of_ours_names_an_outside_host(path: Path) -> None:
    assert not OUTSIDE.findall(path.read_text())


def test_the_api_has_neither_the_policy_nor_its_cost(client: Client) -> None:
    assert "Content-Security-Policy" not in client.get("/api/zapier/me")
    assert "Content-Security-Policy" not in client.get("/api/openapi.json")


def test_a_form_without_its_token_is_refused_in_our_own_words(own: World) -> None:
    client = Client(enforce_csrf_checks=True)
    refused = client.post("/admin/login/", {"username": "a@example.com", "password": "x"})
    assert refused.status_code == 403
    assert "This form has expired" in refused.content.decode()
    theirs = client.post(f"{debtors_page(own).partition('?')[0]}/stop", {})
    html = theirs.content.decode()
    assert theirs.status_code == 403
    assert "Your reply was not sent" in html
    assert "لم يتم إرسال ردكم" in html
