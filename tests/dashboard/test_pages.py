"""What a browser is told with each page: what it may load, and that nothing comes from elsewhere."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from communications.portal import links
from inflow.accounts.roles import Role
from tests.dashboard.world import ADDS, LISTS, VERBS, World, page, verb

pytestmark = pytest.mark.django_db
OUTSIDE = re.compile(r"""(?:src|href|action|data)\s*=\s*["']?(?:https?:)?//[^"'\s>]*|url\(["']?(?:https?:)?//[^)]*""")
STATIC = [*Path("inflow").glob("**/static/**/*.css"), *Path("communications").glob("**/static/**/*.css")]


def policy(answer: Any) -> dict[str, str]:
    parts = (part.partition(" ") for part in answer["Content-Security-Policy"].split("; "))
    return {name: value for name, _, value in parts}


def debtors_page(own: World) -> str:
    return links.page_url(own.invoice.debtor, "en").removeprefix("http://testserver")


def pages(own: World) -> list[str]:
    return [
        "/admin/",
        "/admin/password_change/",
        *(page(name, "changelist") for name in LISTS),
        *(page(name, "change", own.rows[name]) for name in LISTS),
        *(page(name, "history", own.rows[name]) for name in LISTS),
        *(page(name, "add") for name in ADDS),
        *(verb(name, own) for name in VERBS),
    ]


def test_no_page_has_an_outside_host_or_a_script_inside_and_each_says_what_it_may_load(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    for address in [*pages(own), "/admin/nowhere/", "/nowhere"]:
        answer = client.get(address, follow=True)
        html = answer.content.decode()
        assert not OUTSIDE.findall(html), address
        assert not [tag for tag in re.findall(r"<script[^>]*>", html) if "src=" not in tag and "json" not in tag], (
            address
        )
        assert not re.findall(r"""<[^>]*\son[a-z]+=["'][^>]*>|href=["']javascript:""", html), address
        allowed = policy(answer)
        assert allowed["default-src"] == "'none'"
        assert allowed["frame-ancestors"] == allowed["base-uri"] == allowed["object-src"] == "'none'"
        assert allowed["form-action"] == "'self'"
        headers = [answer[name] for name in ("X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy")]
        assert headers == ["DENY", "same-origin", "same-origin"], address
        is_loose = address.startswith("/admin/")
        assert allowed["script-src"] == ("'self' 'unsafe-eval'" if is_loose else "'self'"), address
        assert allowed["style-src"] == ("'self' 'unsafe-inline'" if is_loose else "'self'"), address


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
    assert "لم يُرسل شيء" in html
