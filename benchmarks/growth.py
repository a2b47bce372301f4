"""The cost of the API, the dashboard and the sweeps by number of invoices: 10,000, 100,000 and 1,000,000.

Each invoice has a sent message and a delivered event; one client sends the requests. Deep pages and all filters with a
promised cost are measured like the first page. At the largest size the query plans are checked: no query scans a whole
table or reads many more rows than it returns. For sweeps with due invoices and for the rate of deliveries see `clock`
and `webhooks`.
"""

import json
import statistics
import time
import urllib.request
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

from benchmarks import _results, _rows
from benchmarks._servers import Server, serving
from benchmarks._stack import stack

FILTERS = ["status=new", "status=overdue,disputed", "payment_status=unpaid", "is_overdue=true", "is_overdue=false"]
BASE, MESSAGES, DEBTORS = "/api/zapier/invoices", "/api/zapier/communications", "/api/zapier/debtors"
Calls = dict[str, Callable[[], object]]
# Milliseconds at the largest size, as promised for the dashboard: lists, home, and a debtor's page.
GOALS = {"dashboard's home": 60, "dashboard's page of a debtor": 300}
LIST_GOAL = 100


def run(*, quick: bool = False) -> None:
    sizes, calls = ([1_000, 10_000], 5) if quick else ([10_000, 100_000, 1_000_000], 100)
    found: dict[str, list[float]] = {}
    with stack() as data, serving("InFlow", data) as server:
        for size in sizes:
            account, key = _rows.account(f"{size}")
            _rows.invoices(account.pk, size)
            subscription = _rows.past(account)
            for name, call in _calls(server, key, account.pk, subscription, min(1_000, size // 200)).items():
                found.setdefault(name, []).append(_milliseconds(call, calls))
        walked, rows = _plans(key)
    print("Milliseconds, median of one client's calls, by invoices of the account:")
    print(f"  {'':32}" + "".join(f"{size:>12,}" for size in sizes) + "    last to first    goal")
    for name, times in found.items():
        goal = GOALS.get(name, LIST_GOAL if name.startswith("dashboard's") else "")
        print(f"  {name:32}" + "".join(f"{one:12.2f}" for one in times) + f"{times[-1] / times[0]:15.2f} x{goal:>8}")
    print(f"At {sizes[-1]:,}: tables scanned as a whole: {', '.join(walked) or 'none'}; rows read for a page: {rows}")
    if walked:
        raise _results.Failed(1)


def _calls(server: Server, key: str, account_id: uuid.UUID, subscription: uuid.UUID, depth: int) -> Calls:
    """Return the measured calls. `depth` is the number of pages before the deep page."""
    from django.test import Client
    from django.utils import timezone

    from communications.delivery import sender
    from communications.engine import clock
    from inflow.accounts.models import User
    from invoices.models import Invoice
    from webhooks.delivery import sending

    deep = _behind(server, key, f"{BASE}?limit=100", depth)
    deep_debtors = _behind(server, key, f"{DEBTORS}?limit=100", depth // 10)
    deep_messages = _behind(server, key, f"{MESSAGES}?limit=100", depth)
    one, debtor = Invoice.objects.filter(account=account_id).order_by("?").values_list("pk", "debtor_id")[0]
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.create_user(f"{account_id}@example.com", account_id=account_id, role="admin"))
    calls: Calls = {
        "page 1": lambda: server.get(f"{BASE}?limit=100", key),
        "a page as deep as 1,000": lambda: server.get(deep, key),
    }
    for asked in FILTERS:
        calls[asked] = lambda asked=asked: server.get(f"{BASE}?limit=100&{asked}", key)  # type: ignore[misc]
    return calls | {
        "GET one": lambda: server.get(f"{BASE}/{one}", key),
        "POST": lambda: _post(server, key),
        "messages": lambda: server.get(f"{MESSAGES}?limit=100", key),
        "messages as deep": lambda: server.get(deep_messages, key),
        "messages of one invoice": lambda: server.get(f"{MESSAGES}/{one}", key),
        "deliveries of a webhook": lambda: server.get(f"/api/zapier/webhooks/{subscription}/deliveries", key),
        "debtors": lambda: server.get(f"{DEBTORS}?limit=100", key),
        "debtors as deep": lambda: server.get(deep_debtors, key),
        "debtors by their name": lambda: server.get(f"{DEBTORS}?limit=100&q=Gulf", key),
        "debtors by a rare name": lambda: server.get(f"{DEBTORS}?limit=100&q=debtor77@", key),
        "debtors by their email": lambda: server.get(f"{DEBTORS}?email=debtor77@example.com", key),
        "dashboard's debtors": lambda: client.get("/admin/invoices/debtor/"),
        "dashboard's overdue debtors": lambda: client.get("/admin/invoices/debtor/?state=overdue"),
        "dashboard's debtors, searched": lambda: client.get("/admin/invoices/debtor/?q=Trading+77"),
        "dashboard's debtors, page 20": lambda: client.get("/admin/invoices/debtor/?p=20"),
        "dashboard's page of a debtor": lambda: client.get(f"/admin/invoices/debtor/{debtor}/change/"),
        "dashboard's home": lambda: client.get("/admin/"),
        "dashboard's invoices": lambda: client.get("/admin/invoices/invoice/"),
        "dashboard's invoices, past due": lambda: client.get("/admin/invoices/invoice/?due=past"),
        "dashboard's invoices, searched": lambda: client.get("/admin/invoices/invoice/?q=Trading+77"),
        "dashboard's invoices by number": lambda: client.get("/admin/invoices/invoice/?q=SEED-0000007"),
        "dashboard's messages": lambda: client.get("/admin/communications/communication/"),
        "dashboard's deliveries": lambda: client.get("/admin/webhooks/delivery/"),
        "sweep for due messages": sender.send_due,
        "sweep for due invoices": lambda: clock.take_steps(timezone.now()),
        "sweep for due deliveries": sending.deliver_due,
    }


def _behind(server: Server, key: str, path: str, pages: int) -> str:
    for _ in range(pages):
        link = server.get(path, key)[1]["Link"]
        parts = urlsplit(link[1 : link.index(">")])
        path = f"{parts.path}?{parts.query}"
    return path


def _post(server: Server, key: str) -> None:
    body = {
        "invoice_number": f"G-{time.time_ns()}",
        "debtor_name": "Ahmed Al Rashid",
        "debtor_email": "debtor1@example.com",
        "amount": 100,
        "currency": "AED",
        "due_date": "2036-01-01",
    }
    headers = {"X-InFlow-Key": key, "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{BASE}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def _milliseconds(call: Callable[[], object], calls: int) -> float:
    times = []
    for _ in range(calls + 5):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times[5:]) * 1000


def _plans(key: str) -> tuple[set[str], int]:
    """Return the tables that are scanned as a whole, and the maximum number of rows read for a page of 100."""
    from django.test import Client

    from tests.plans import watched

    client = Client(headers={"X-InFlow-Key": key, "host": "127.0.0.1"})
    walked: set[str] = set()
    most = 0
    for asked in ["", *FILTERS]:
        with watched() as plans:
            assert client.get(f"{BASE}?limit=100&{asked}".rstrip("&")).status_code == 200
        walked |= plans.walked.keys() & {"invoices_invoice", "invoices_debtor"}
        most = max(most, plans.rows)
    return walked, most
