"""Page 1,000 costs what page 1 costs: the index answers the cursor. Plans, not times."""

import datetime as dt
import json
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inflow.accounts.models import Account
from invoices.models import Debtor, Invoice
from tests import make
from tests.api.client import Caller

ROWS = 3_000


@pytest.fixture
def many(account: Account) -> Account:
    debtor = Debtor.objects.create(account=account, identity="name:one|", name="One")
    now = timezone.now()
    Invoice.objects.bulk_create(
        Invoice(
            account=account,
            debtor=debtor,
            invoice_number=str(number),
            debtor_name="One",
            amount=1,
            currency="AED",
            language="en",
            issue_date=account.today(),
            due_date=account.today(),
            status="disputed" if number % 10 else "new",
            created_at=now - dt.timedelta(minutes=number // 3),
        )
        for number in range(ROWS)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE invoices_invoice")
    return account


def plan_of(api: Caller, path: str) -> list[dict[str, Any]]:
    """The plan's nodes of the list's own query, from the root down."""
    with CaptureQueriesContext(connection) as queries:
        assert api.get(path).status == 200
    (sql,) = [query["sql"] for query in queries if 'FROM "invoices_invoice"' in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        found = cursor.fetchone()[0]
    node: dict[str, Any] | None = (found if isinstance(found, list) else json.loads(found))[0]["Plan"]
    nodes = []
    while node:
        nodes.append(node)
        node = next(iter(node.get("Plans", [])), None)
    return nodes


def deep_cursor(api: Caller, filters: str) -> str:
    """The address of a page far down, made by one step of the API from the page before it."""
    page: str | None = f"invoices?{filters}limit=10"
    for _ in range(25):
        assert page
        page = api.get(page).next
    assert page
    return page


@pytest.mark.parametrize("filters", ["", "status=new&"], ids=["none", "status"])
def test_a_page_far_down_is_an_index_scan_from_its_cursor(many: Account, api: Caller, filters: str) -> None:
    first = plan_of(api, f"invoices?{filters}limit=10")
    deep = plan_of(api, deep_cursor(api, filters))
    for nodes in (first, deep):
        assert [node["Node Type"] for node in nodes] == ["Limit", "Index Scan"]
        assert not any("Filter" in node for node in nodes)
    assert "ROW(created_at, id) < ROW(" in deep[-1]["Index Cond"]
    assert first[-1]["Index Name"] == deep[-1]["Index Name"]


@pytest.mark.parametrize("filters", ["payment_status=unpaid&", "is_overdue=false&", "status=new,disputed&"])
def test_with_the_other_promised_filters_the_cursor_is_the_indexs_too(many: Account, api: Caller, filters: str) -> None:
    deep = plan_of(api, deep_cursor(api, filters))
    assert [node["Node Type"] for node in deep] == ["Limit", "Index Scan"]
    assert "ROW(created_at, id) < ROW(" in deep[-1]["Index Cond"]


# The forecast is no list of rows: it plays the engine, and costs what sending costs.
@pytest.mark.parametrize("path", ["invoices?limit=20", "communications?status=all", "webhooks", "events"])
def test_a_list_asks_the_database_as_often_for_one_row_as_for_twenty(account: Account, api: Caller, path: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(api.get(path).json) == rows
        return len(captured)

    make.subscription(account, f"https://example.com/{uuid.uuid4()}")
    make.reminder_due(make.overdue_invoice(account))
    rows = len(api.get(path).json)
    few = queries()
    for number in range(4):
        make.subscription(account, f"https://example.com/{number}")
        make.reminder_due(make.overdue_invoice(account, debtor_email=f"d{number}@example.com"))
    rows = len(api.get(path).json)
    assert rows >= 5
    assert queries() == few
