"""The number of queries that each endpoint and each list of the dashboard takes, as in tests/query_counts.toml.

A number that rises is a decision, and belongs in the commit that raises it: `UPDATE_QUERY_COUNTS=1` in the environment
makes these tests write the file instead of comparing with it. A transaction's BEGIN and COMMIT count as well. Each
page is requested twice, and the second request counts: it finds the caches filled.
"""

import functools
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inflow.accounts.plans import Plan
from inflow.accounts.roles import Role
from tests import make
from tests.api.client import API, PLENTY, caller
from tests.api.routes import ROUTES, address
from tests.dashboard import world

FILE = Path(__file__).with_name("query_counts.toml")


def count(call: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        call()
    return len(queries)


def compare(section: str, found: dict[str, int]) -> None:
    counts: dict[str, dict[str, int]] = tomllib.loads(FILE.read_text())
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        FILE.write_text(written(counts | {section: found}))
    else:
        assert found == counts[section], (
            'if it is meant: UPDATE_QUERY_COUNTS=1 make test ARGS="-n 0 tests/test_query_counts.py"'
        )


def written(counts: dict[str, dict[str, int]]) -> str:
    sections = []
    for section, found in sorted(counts.items()):
        lines = [f'"{name}" = {number}\n' for name, number in sorted(found.items())]
        sections.append(f"[{section}]\n{''.join(lines)}")
    return "\n".join(sections)


@pytest.mark.django_db
def test_each_endpoint_takes_as_many_queries_as_written_down() -> None:
    # The queries that schedule and send depend on whether debtors may be contacted at this hour.
    zone, country = make.open_place().zone.key, make.open_place().country
    account = make.account(plan=Plan.ENTERPRISE, requests_per_minute=PLENTY, time_zone=zone, country=country)
    api = caller(account)
    for _ in range(3):
        make.invoice(account)
    for route in ROUTES:  # a merge, credit and payments, with which some routes take more queries
        if str(route) in ("POST debtor-merges/<merge_id>/undo", "POST invoices/<invoice_id>/apply-credit"):
            address(route, account)
    found = {}
    for route in ROUTES:
        if str(route) == "GET forecast":  # a rehearsal of the engine: as many as the messages it foretells take
            continue
        for number in range(2):
            path, body = f"{API}/{address(route, account)}", route.body
            fresh = {"invoice_number": f"COUNT-{number}", "target_url": f"https://example.com/{number}"}
            if str(route) == "POST credit-notes":
                fresh = {"number": f"COUNT-{number}"}
            fresh |= {"external_id": f"COUNT-{number}", "name": f"Debtor {number}"}
            if body:
                body = {**body, **{name: fresh[name] for name in fresh.keys() & body.keys()}}
            found[str(route)] = count(functools.partial(api.send, route.method, path, body))
    compare("api", found)


@pytest.mark.django_db
def test_each_list_of_the_dashboard_takes_as_many_queries_as_written_down() -> None:
    own = world.build("Falcon")
    for _ in range(3):
        late = make.overdue_invoice(own.account)
        make.escalation(late)
        make.key(own.account)
        make.user(own.account)
    client = own.logged_in(Role.ADMIN)
    pages = {name: world.page(name, "changelist") for name in world.LISTS} | {"home": "/admin/"}
    pages["case file"] = world.page("invoices_invoice", "change", own.invoice.pk)
    # What is read to send depends on whether the debtor may be contacted at this hour.
    reachable = make.overdue_invoice(
        own.account, place=make.open_place(), debtor_name="Reachable", debtor_company="", debtor_email="now@example.com"
    )
    pages["send now"] = world.page("invoices_invoice", "send_now", reachable.pk)
    pages["debtor"] = world.page("invoices_debtor", "change", own.invoice.debtor_id)
    pages["webhook"] = world.page("webhooks_subscription", "change", own.rows["webhooks_subscription"])
    found = {}
    for name, page in pages.items():
        client.get(page, follow=True)
        found[name] = count(functools.partial(client.get, page, follow=True))
    compare("dashboard", found)
