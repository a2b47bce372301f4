"""What exists is documented: every route, setting, event, scope and command has its place in the docs. And what the
threat model claims has its test."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver

import inflow.urls
from communications.content.template_language import VARIABLES
from inflow.accounts.models import Scope
from inflow.tryout.folder import ROOT
from tests import environment
from webhooks.models import EventType

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
API, OPERATIONS, MESSAGES = (ROOT / "docs" / name for name in ("api.md", "operations.md", "messages.md"))
OURS = sorted(
    name for name, app in get_commands().items() if str(app).startswith(("inflow", "invoices", "comm", "webhooks"))
)


def api_routes(patterns: list[Any], prefix: str = "/") -> set[tuple[str, str]]:
    """(method, path) with `:x` in place of each parameter."""
    found: set[tuple[str, str]] = set()
    for entry in patterns:
        path = prefix + re.sub(r"<[^>]+>", ":x", str(entry.pattern))
        if isinstance(entry, URLResolver):
            found |= api_routes(entry.url_patterns, path)
        elif isinstance(entry, URLPattern) and path.startswith("/api/"):
            methods = getattr(entry.callback, "actions", None) or {"get": ""}
            found |= {(method.upper(), path) for method in methods if method != "head"}
    return found


def documented_routes() -> set[tuple[str, str]]:
    rows = re.findall(r"^\| (GET|POST|PATCH|PUT|DELETE) `(/api/[^`?]*)` \|", API.read_text(), re.MULTILINE)
    return {(method, re.sub(r":\w+", ":x", path)) for method, path in rows}


def test_every_route_is_in_the_table_of_the_api_guide_and_every_row_is_a_route() -> None:
    assert documented_routes() == api_routes(inflow.urls.urlpatterns)


@pytest.mark.parametrize("event", EventType.values)
def test_every_event_is_in_the_api_guide(event: str) -> None:
    assert f"`{event}`" in API.read_text()


@pytest.mark.parametrize("scope", Scope.values)
def test_every_scope_is_in_the_api_guide(scope: str) -> None:
    assert f"`{scope}`" in API.read_text()


@pytest.mark.parametrize("name", environment.NAMES)
def test_every_setting_is_in_the_operations_guide(name: str) -> None:
    assert f"`{name}`" in OPERATIONS.read_text()


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_of_a_template_is_in_the_guide_for_their_writers(name: str) -> None:
    assert f"`{name}`" in MESSAGES.read_text()


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_in_the_operations_guide(name: str) -> None:
    assert re.search(rf"manage\.py {name}\b|`{name}`", OPERATIONS.read_text())


def test_our_commands_are_found() -> None:
    assert {"create_account", "create_api_key", "create_user", "seed_demo"} <= set(OURS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_docs_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            linked = page.parent / path if path else page
            assert linked.exists(), target
            if anchor:
                assert anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "process", ["release", "web", "clock", "communications", "webhooks", "files", "forecasts", "beat"]
)
def test_every_process_is_in_the_procfile(process: str) -> None:
    assert re.search(rf"^{process}: ", (ROOT / "Procfile").read_text(), re.MULTILINE)


# --- The threat model ---

SECURITY, THREATS = ROOT / "SECURITY.md", ROOT / "docs/security.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def functions_of(path: Path) -> set[str]:
    functions = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize("page", [SECURITY, THREATS], ids=lambda page: str(page.name))
def test_every_test_that_the_threat_model_names_is_there(page: Path) -> None:
    named = NAMED.findall(page.read_text())
    assert len(named) > 10
    missing = [
        f"{file}::{test}" for file, test in named if not (ROOT / file).exists() or test not in functions_of(ROOT / file)
    ]
    assert missing == []


def test_every_claim_of_the_threat_model_names_a_test() -> None:
    model = THREATS.read_text().partition("## Threat model")[2].partition("### Limits")[0]
    actors = re.split(r"^### ", model, flags=re.MULTILINE)[1:]
    assert len(actors) >= 10
    for actor in actors:
        claims = [line for line in actor.splitlines() if line.startswith("| ") and not line.startswith("| cannot |")]
        assert claims, actor
        assert [claim for claim in claims if not NAMED.search(claim)] == []


def test_every_claim_in_short_names_a_test() -> None:
    claims = re.split(r"^- ", SECURITY.read_text().partition("In short:")[2], flags=re.MULTILINE)[1:]
    assert len(claims) > 8
    assert [claim for claim in claims if not NAMED.search(claim)] == []
