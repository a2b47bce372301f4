"""Each role × each entry point of the dashboard × own and foreign account, as in tests/dashboard/matrix.toml.

`make test` tries the boundaries: for each entry point the least role that may enter it, the greatest that may not, and
a stranger without a login; for rows of another account its admin. `make nightly` tries every role everywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver

import inflow.urls
from inflow.accounts.roles import Role
from tests.dashboard.world import MATRIX, World, nothing_changes, page, platform, said

pytestmark = pytest.mark.django_db
WHO = ["anonymous", "viewer", "agent", "manager", "admin", "platform"]
BOTH = ("GET", "POST")
OF_A_LIST = ("changelist", "export", "add", "change", "delete", "history")


def entry_points(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    """The names of all that is under /admin/; what has none redirects to the page of a row."""
    for entry in patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from entry_points(entry.url_patterns, path)
        elif isinstance(entry, URLPattern) and path.startswith("admin/") and entry.name:
            yield entry.name


def test_each_entry_point_of_the_dashboard_stands_in_the_matrix() -> None:
    known = {f"{name}_{what}" for name in MATRIX["lists"] for what in OF_A_LIST}
    known |= MATRIX["verbs"].keys() | MATRIX["pages"].keys() | MATRIX["elsewhere"].keys()
    found = set(entry_points(inflow.urls.urlpatterns))
    assert found - known == set(), "give each a line in tests/dashboard/matrix.toml"
    assert known - found == set(), "these are no entry points any more"
    for part in ("adds", "changes"):
        assert MATRIX[part].keys() <= MATRIX["lists"].keys()


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("everywhere", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_who_gets_in_is_as_the_matrix_says(
    who: str, everywhere: bool, own: World, foreign: World, settings: Any
) -> None:
    settings.TEMPLATES = [{"BACKEND": "tests.dashboard.blank.Blanks", "DIRS": [], "APP_DIRS": False}]
    client = client_of(who, own)
    tries = [each for each in expectations(who, own, foreign) if everywhere or each.is_boundary]
    assert tries
    wrong = []
    with nothing_changes(own, foreign):
        for each in tries:
            response = client.get(each.address) if each.method == "GET" else client.post(each.address, each.body)
            if (got := outcome(response)) != each.expected:
                wrong.append(f"{each.method} {each.address}: {got}, not {each.expected}")
    assert not wrong, "\n".join(wrong)


def client_of(who: str, own: World) -> Client:
    if who == "anonymous":
        return Client()
    return platform() if who == "platform" else own.logged_in(Role(who))


def outcome(response: Any) -> str:
    if response.status_code == 302:
        return "log in" if response["Location"].startswith("/admin/login/?") else "in"
    return {200: "in", 405: "in", 403: "refused", 404: "not found"}.get(response.status_code, str(response.status_code))


@dataclass(frozen=True)
class Try:
    method: str
    address: str
    expected: str
    body: dict[str, Any]
    is_boundary: bool


def expectations(who: str, own: World, foreign: World) -> Iterator[Try]:
    """Yield every request with its outcome. Only GET is tried where the person may enter, POST as well elsewhere."""

    def may(needed: str | None) -> str:
        if who == "anonymous":
            return "log in"
        return "in" if needed and WHO.index(who) >= WHO.index(needed) else "refused"

    def of_another(needed: str | None) -> str:
        return may(needed) if who in ("anonymous", "platform") else "not found"

    def is_boundary(needed: str | None, of: World) -> bool:
        if of is foreign and who != "platform":
            return who == "admin"
        least = WHO.index(needed) if needed else len(WHO)
        return who == "anonymous" or WHO.index(who) in (least - 1, least)

    def tried(
        address: str, needed: str | None, body: dict[str, Any], of: World = own, methods: tuple[str, ...] = BOTH
    ) -> Iterator[Try]:
        expected = may(needed) if of is own else of_another(needed)
        for method in methods:
            if method == "GET" or expected != "in":
                yield Try(method, address, expected, body if method == "POST" else {}, is_boundary(needed, of))

    for name, needed in MATRIX["lists"].items():
        form = {"post": "yes", "name": "Mine now", "email": "mine@now.example", "action": "delete_selected"}
        yield from tried(page(name, "changelist"), needed, form)
        if may(needed) != "in":  # whoever may leaves a line in the audit log: see test_exports
            yield from tried(page(name, "export", "csv"), needed, {}, methods=("GET",))
        yield from tried(page(name, "add"), MATRIX["adds"].get(name), form)
        for of in (own, foreign):
            row = of.rows[name]
            yield from tried(page(name, "change", row), needed, form, of)
            yield from tried(page(name, "history", row), needed, {}, of)
            yield from tried(page(name, "delete", row), None, form, of)
            yield from tried(page(name, "change", row), MATRIX["changes"].get(name), form, of, methods=("POST",))
    for name, needed in MATRIX["verbs"].items():
        model = "_".join(name.split("_")[:2])
        for of in (own, foreign):
            address = page(model, name.removeprefix(f"{model}_"), of.rows[model])
            yield from tried(address, needed, said(name), of)
    for entry in MATRIX["pages"].values():
        yield from tried(entry["at"].format(**own.rows), entry["role"], {})
        if entry.get("of") == "row":
            yield from tried(entry["at"].format(**foreign.rows), entry["role"], {}, foreign)
