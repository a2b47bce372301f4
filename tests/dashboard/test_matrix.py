"""Each role × each entry point of the dashboard × own and foreign account, as tests/dashboard/matrix.toml has it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver

import inflow.urls
from inflow.accounts.roles import Role
from tests.dashboard.world import MATRIX, World, nothing_changes, page, platform, said

pytestmark = pytest.mark.django_db
WHO = ["anonymous", "viewer", "agent", "manager", "admin", "platform"]
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
def test_who_gets_in_is_as_the_matrix_says(who: str, own: World, foreign: World, settings: Any) -> None:
    settings.TEMPLATES = [{"BACKEND": "tests.dashboard.blank.Blanks", "DIRS": [], "APP_DIRS": False}]
    client = client_of(who, own)
    wrong = []
    with nothing_changes(own, foreign):
        for method, address, expected, body in expectations(who, own, foreign):
            answer = client.get(address) if method == "GET" else client.post(address, body)
            if (got := outcome(answer)) != expected:
                wrong.append(f"{method} {address}: {got}, not {expected}")
    assert not wrong, "\n".join(wrong)


def client_of(who: str, own: World) -> Client:
    if who == "anonymous":
        return Client()
    return platform() if who == "platform" else own.logged_in(Role(who))


def outcome(answer: Any) -> str:
    if answer.status_code == 302:
        return "log in" if answer["Location"].startswith("/admin/login/?") else "in"
    return {200: "in", 405: "in", 403: "refused", 404: "not found"}.get(answer.status_code, str(answer.status_code))


def expectations(who: str, own: World, foreign: World) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(method, address, outcome, body). What may be done is only asked for; the rest is tried."""

    def may(needed: str | None) -> str:
        if who == "anonymous":
            return "log in"
        return "in" if needed and WHO.index(who) >= WHO.index(needed) else "refused"

    def of_another(needed: str | None) -> str:
        return may(needed) if who in ("anonymous", "platform") else "not found"

    def tried(address: str, expected: str, body: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
        yield "GET", address, expected, {}
        if expected != "in":
            yield "POST", address, expected, body

    for name, needed in MATRIX["lists"].items():
        form = {"post": "yes", "name": "Mine now", "email": "mine@now.example", "action": "delete_selected"}
        yield from tried(page(name, "changelist"), may(needed), form)
        if may(needed) != "in":  # whoever may leaves a line in the audit log: see test_exports
            yield "GET", page(name, "export", "csv"), may(needed), {}
        yield from tried(page(name, "add"), may(MATRIX["adds"].get(name)), form)
        for row, answer in ((own.rows[name], may), (foreign.rows[name], of_another)):
            yield from tried(page(name, "change", row), answer(needed), form)
            yield from tried(page(name, "history", row), answer(needed), {})
            yield from tried(page(name, "delete", row), answer(None), form)
            if answer(changes := MATRIX["changes"].get(name)) != "in":
                yield "POST", page(name, "change", row), answer(changes), form
    for name, needed in MATRIX["verbs"].items():
        of = "_".join(name.split("_")[:2])
        yield from tried(page(of, name.removeprefix(f"{of}_"), own.rows[of]), may(needed), said(name))
        yield from tried(page(of, name.removeprefix(f"{of}_"), foreign.rows[of]), of_another(needed), said(name))
    for entry in MATRIX["pages"].values():
        yield from tried(entry["at"].format(**own.rows), may(entry["role"]), {})
        if entry.get("of") == "row":
            yield from tried(entry["at"].format(**foreign.rows), of_another(entry["role"]), {})
