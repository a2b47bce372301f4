"""Page 1,000 costs what page 1 costs: the index answers the cursor. Plans, not times.

40,000 invoices suffice for PostgreSQL to decide as it does at 1,000,000, where `python -m benchmarks growth` reads the
plans too.
"""

import datetime as dt
import itertools
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks import _rows
from inflow.accounts.models import Account
from invoices.models import Debtor, Invoice
from tests import make
from tests.api.client import PLENTY, Answer, Caller, caller
from tests.plans import watched

ROWS = 3_000
SMALL = {"accounts_account", "accounts_apikey", "communications_policystep", "communications_reminderpolicy"}
SMALL |= {"communications_address", "communications_communication", "webhooks_subscription", "webhooks_eventcounter"}
SMALL |= {"communications_collectionsettings", "communications_copy", "invoices_calendarrule", "invoices_contact"}
SMALL |= {"communications_collectionsettings", "invoices_calendarrule", "invoices_receipt", "invoices_creditnote"}
PAGE = 50
PARTS = 7  # statuses there are
FILTERS = [
    "",
    "status=new",
    "status=cancelled",  # none has it
    "status=overdue,disputed,on_hold",
    "payment_status=unpaid",
    "payment_status=partially_paid",
    "payment_status=paid,partially_paid",
    "is_overdue=true",
    "is_overdue=false",
    "is_overdue=true&status=new",
    "is_overdue=false&status=overdue",
]


@pytest.fixture
def many(account: Account) -> Account:
    debtor = Debtor.objects.create(account=account, name="One")
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


def test_so_is_one_in_another_order(many: Account, api: Caller) -> None:
    for order, status in itertools.product(["-updated_at", "updated_at", "due_date"], ["", "status=new&"]):
        nodes = plan_of(api, deep_cursor(api, f"sort={order}&{status}"))
        assert [node["Node Type"] for node in nodes] == ["Limit", "Index Scan"], (order, status)
        assert not any("Filter" in node for node in nodes)
        sign = "<" if order[0] == "-" else ">"
        assert f"ROW({order.strip('-')}, id) {sign} ROW(" in nodes[-1]["Index Cond"]


def at_size() -> tuple[Account, Caller]:
    with connection.cursor() as cursor:
        # Tables anew: vacuumed while a test before had left them empty, they would be planned for as empty.
        cursor.execute("TRUNCATE accounts_account CASCADE")
    account = make.account(requests_per_minute=PLENTY, requests_per_day=PLENTY)
    _rows.invoices(account.pk, 30_000)
    _rows.invoices(make.account("Oryx").pk, 10_000)
    return account, caller(account)


def test_each_request_is_answered_by_indexes_and_reads_little_more_than_it_shows(db: None) -> None:
    account, api = at_size()
    invoice = Invoice.objects.filter(account=account, status="new").latest("created_at")
    for asked in FILTERS:
        path: str | None = f"invoices?limit={PAGE}&{asked}".rstrip("&")
        for _ in range(2):
            if path is None:
                break
            with watched() as plans:
                answer = api.get(path)
            assert answer.status == 200
            assert plans.walked.keys() <= SMALL, plans.walked
            assert plans.rows <= PARTS * (PAGE + 1) + 20, (path, plans.rows)
            path = answer.next
    new = {
        "invoice_number": "NEW-1",
        "debtor_name": "Ahmed Al Rashid",
        "debtor_email": invoice.debtor_email,
        "amount": 100,
        "currency": "AED",
        "due_date": "2036-02-14",
    }
    sends: list[Callable[[], Answer]] = [
        lambda: api.get(f"invoices/{invoice.pk}"),
        lambda: api.post("invoices", new),
        lambda: api.patch(f"invoices/{invoice.pk}", {"status": "on_hold"}),
        lambda: api.patch(f"invoices/{invoice.pk}", {"status": "new"}),
        lambda: api.patch(f"invoices/{invoice.pk}", {"payment_status": "paid"}),
    ]
    for send in sends:
        with watched() as plans:
            assert send().status in (200, 201)
        assert plans.walked.keys() <= SMALL, plans.walked
        assert plans.rows < 100  # the debtor's ten invoices are looked at several times


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
