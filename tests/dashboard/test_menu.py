"""Entries of the menu and of the tabs, and the titles of their pages."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from django.test import RequestFactory

from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard import navigation
from tests import make
from tests.dashboard.world import logged_in

pytestmark = pytest.mark.django_db


def entries(user: User) -> Iterator[tuple[str, str]]:
    """Yield the title and link of each entry of the menu, and of each tab of the pages it leads to."""
    request = RequestFactory().get("/admin/")
    request.user = user
    menu = [item for group in navigation.sidebar(request) for item in group["items"]]
    for item in menu:
        request.path = item["link"]
        tabs = [tab for group in navigation.tabs(request) for tab in group["items"]]
        yield from ((str(each["title"]), each["link"]) for each in [item, *tabs])


def plain(html: str, tag: str) -> str:
    found = re.search(rf"<{tag}\b[^>]*>(.*?)</{tag}>", html, re.DOTALL)
    assert found, tag
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[1])).split())


@pytest.mark.parametrize("is_platform", [False, True])
def test_each_entry_of_the_menu_and_each_tab_is_named_like_its_page(is_platform: bool) -> None:
    user = make.user(None if is_platform else make.account(), Role.ADMIN)
    client = logged_in(user)
    named = dict(entries(user))
    assert len(named) > 25
    wrong = []
    for title, link in named.items():
        html = client.get(link, follow=True).content.decode()
        if not (title in plain(html, "title") and title in plain(html, "h1")):
            wrong.append((title, plain(html, "title"), plain(html, "h1")))
    assert wrong == []
