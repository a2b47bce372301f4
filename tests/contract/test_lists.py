"""Contract §4: every list is a bare array in pages, with strict parameters and cursors that can't be forged."""

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from django.core import signing
from django.utils import timezone

from communications.models import Communication
from inflow.accounts.models import Account
from invoices.models import Invoice
from tests import make
from tests.api.client import Caller, caller, is_problem
from tests.api.routes import ROUTES, Route, address

NOW = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)


def pages(api: Caller, path: str) -> Iterator[list[dict[str, Any]]]:
    following: str | None = path
    while following:
        answer = api.get(following)
        assert answer.status == 200, answer.body
        yield answer.json
        following = answer.next


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def created_at(invoices: list[Invoice], moment: dt.datetime) -> None:
    Invoice.objects.filter(pk__in=[invoice.pk for invoice in invoices]).update(created_at=moment)


def test_a_list_is_a_bare_array_newest_first(account: Account, api: Caller) -> None:
    invoices = [make.invoice(account) for _ in range(3)]
    assert ids(api.get("invoices").json) == [str(invoice.pk) for invoice in reversed(invoices)]


def test_of_equal_moments_the_greater_id_comes_first(account: Account, api: Caller) -> None:
    invoices = [make.invoice(account) for _ in range(5)]
    created_at(invoices, NOW)
    assert ids(api.get("invoices").json) == sorted((str(invoice.pk) for invoice in invoices), reverse=True)


def test_an_empty_list_is_an_empty_array(api: Caller) -> None:
    for path in ("invoices", "communications", "webhooks", "events", "forecast"):
        answer = api.get(path)
        assert (answer.status, answer.body, answer.next) == (200, b"[]", None)


def test_the_default_limit_is_50_and_the_most_is_100(account: Account, api: Caller) -> None:
    for _ in range(101):
        make.invoice(account, debtor_email="", debtor_name="One")
    assert [len(page) for page in pages(api, "invoices")] == [50, 50, 1]
    assert [len(page) for page in pages(api, "invoices?limit=100")] == [100, 1]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "+5", "5.0", "1e1", "five", "", " 5", "٥", "9" * 5000])
def test_another_limit_is_422(api: Caller, limit: str) -> None:
    is_problem(api.get(f"invoices?limit={quote(limit)}"), 422, field="limit")


def test_the_last_page_has_no_link_also_when_it_is_full(account: Account, api: Caller) -> None:
    for _ in range(4):
        make.invoice(account)
    first = api.get("invoices?limit=2")
    assert first.next
    last = api.get(first.next)
    assert (len(last.json), last.next) == (2, None)


def test_the_next_page_keeps_limit_and_filters(account: Account, api: Caller) -> None:
    late = [make.overdue_invoice(account, notes="α&β") for _ in range(3)]
    make.invoice(account)
    query = urlencode({"status": "overdue,new", "is_overdue": "true", "limit": 1, "q": "inv-"})
    assert [ids(page) for page in pages(api, f"invoices?{query}")] == [[str(one.pk)] for one in reversed(late)]


def test_no_row_is_skipped_or_repeated_while_rows_with_equal_moments_are_inserted(
    account: Account, api: Caller
) -> None:
    before = [make.invoice(account) for _ in range(12)]
    created_at(before[:6], NOW)
    created_at(before[6:], NOW - dt.timedelta(seconds=1))
    seen: list[str] = []
    for page in pages(api, "invoices?limit=2"):
        seen += ids(page)
        # One at the cursor's own moment, one newer than all.
        created_at([make.invoice(account)], dt.datetime.fromisoformat(page[-1]["created_at"]))
        make.invoice(account)
    assert len(seen) == len(set(seen))
    assert {str(invoice.pk) for invoice in before} <= set(seen)
    order = Invoice.objects.filter(pk__in=seen).order_by("-created_at", "-id").values_list("pk", flat=True)
    assert seen == [str(pk) for pk in order]


FILTERS: dict[str, Callable[[Account, Invoice, Invoice], str]] = {
    "status": lambda account, late, new: "overdue",
    "payment_status": lambda account, late, new: "partially_paid",
    "is_overdue": lambda account, late, new: "true",
    "currency": lambda account, late, new: "KWD",
    "invoice_number": lambda account, late, new: late.invoice_number,
    "debtor_email": lambda account, late, new: "LATE@example.com",
    "due_before": lambda account, late, new: account.today().isoformat(),
    "q": lambda account, late, new: "late@",
}


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_narrows(account: Account, api: Caller, name: str) -> None:
    late = make.overdue_invoice(
        account, currency="KWD", amount_paid="1.5", debtor_email="late@example.com", debtor_company="Oryx"
    )
    new = make.invoice(account)
    value = FILTERS[name](account, make.again(late), new)
    assert ids(api.get(f"invoices?{urlencode({name: value})}").json) == [str(late.pk)]


@pytest.mark.parametrize("name", ["due_after", "created_after", "updated_after"])
def test_after_is_later_than(account: Account, api: Caller, name: str) -> None:
    early, late = make.invoice(account, due_in=1), make.invoice(account, due_in=9)
    Invoice.objects.filter(pk=early.pk).update(created_at=NOW, updated_at=NOW)
    edge = (account.today() + dt.timedelta(days=1)).isoformat() if name == "due_after" else NOW.isoformat()
    assert ids(api.get(f"invoices?{urlencode({name: edge})}").json) == [str(late.pk)]


def test_is_overdue_is_wider_than_the_status(account: Account, api: Caller) -> None:
    wide = {str(make.invoice_in(account, status, overdue=True).pk) for status in ("overdue", "disputed", "on_hold")}
    others = {str(make.invoice_in(account, status).pk) for status in ("new", "paid", "cancelled", "written_off")}
    assert set(ids(api.get("invoices?is_overdue=true").json)) == wide
    assert set(ids(api.get("invoices?is_overdue=false").json)) == others
    assert len(api.get("invoices?status=overdue").json) == 1


def test_several_labels_stand_for_any_of_them(account: Account, api: Caller) -> None:
    wanted = {str(make.invoice_in(account, status).pk) for status in ("new", "paid")}
    make.invoice_in(account, "cancelled")
    assert set(ids(api.get("invoices?status=new,paid").json)) == wanted


@pytest.mark.parametrize("beginning", ["INV-7", "inv-7", "ahmed al", "GULF", "ahmed@g"])
def test_q_is_the_beginning_of_number_name_company_or_email(account: Account, api: Caller, beginning: str) -> None:
    found = make.invoice(account, invoice_number="INV-77", debtor_name="Ahmed Al Rashid", debtor_company="Gulf Trading")
    make.invoice(
        account, invoice_number="X-7", debtor_name="Al Ahmed", debtor_company="The Gulf", debtor_email="x@y.example"
    )
    assert ids(api.get(f"invoices?{urlencode({'q': beginning})}").json) == [str(found.pk)]


@pytest.mark.parametrize("pattern", ["%", "_NV", "INV\\", "' OR 1=1 --", "[A-Z]", "*"])
def test_q_is_no_pattern(account: Account, api: Caller, pattern: str) -> None:
    make.invoice(account)
    assert api.get(f"invoices?{urlencode({'q': pattern})}").json == []


BAD_FILTERS = [
    ("status", "unpaid"),
    ("status", "Overdue"),
    ("status", ""),
    ("status", "new,"),
    ("status", "new, paid"),
    ("status", ",".join(["new"] * 50)),
    ("payment_status", "overdue"),
    ("is_overdue", "1"),
    ("is_overdue", "True"),
    ("is_overdue", ""),
    ("currency", "aed"),
    ("currency", "XXX"),
    ("due_before", "2026-02-30"),
    ("due_before", "26-02-01"),
    ("due_after", "2026-02-01T10:00:00Z"),
    ("due_after", "0001-01-01"),
    ("created_after", "2026-02-01"),
    ("created_after", "2026-02-01T00:00:00"),
    ("created_after", "2026-02-01T25:00:00Z"),
    ("updated_after", "1772355600"),
    ("q", ""),
    ("q", " "),
    ("q", "a\0b"),
    ("q", "x" * 201),
    ("invoice_number", "x" * 65),
    ("debtor_email", "\0"),
    ("debtor_phone", "+971501234567"),
    ("offset", "10"),
    ("page", "2"),
    ("Status", "new"),
    ("", "x"),
    ("x" * 5000, "1"),
]


@pytest.mark.parametrize(("name", "value"), BAD_FILTERS, ids=lambda part: repr(part)[:24])
def test_a_wrong_or_unknown_parameter_is_422_and_named(api: Caller, name: str, value: str) -> None:
    is_problem(api.get(f"invoices?{urlencode({name: value})}"), 422, field=name[:64])


@pytest.mark.parametrize("route", [route for route in ROUTES if route.is_list], ids=str)
def test_every_list_takes_limit_and_cursor_and_no_unknown_or_repeated_parameter(
    account: Account, api: Caller, route: Route
) -> None:
    path = address(route, account)
    answer = api.get(f"{path}?limit=1")
    assert answer.status == 200
    assert isinstance(answer.json, list)
    assert len(answer.json) <= 1
    is_problem(api.get(f"{path}?limit=0"), 422, field="limit")
    is_problem(api.get(f"{path}?nope=1"), 422, "unknown_field", "nope")
    is_problem(api.get(f"{path}?limit=1&limit=1"), 422, "repeated", "limit")
    is_problem(api.get(f"{path}?cursor=forged"), 400, "bad_cursor")


def test_communications_are_the_sent_ones_by_sending(account: Account, api: Caller) -> None:
    first, second = make.sent_reminder(account), make.sent_reminder(account)
    Communication.objects.filter(pk=first.pk).update(sent_at=timezone.now())
    planned = make.reminder_due(make.overdue_invoice(account))
    assert ids(api.get("communications").json) == [str(first.pk), str(second.pk)]
    assert set(ids(api.get("communications?status=all").json)) == {str(one.pk) for one in (first, second, planned)}
    assert ids(api.get("communications?status=scheduled").json) == [str(planned.pk)]
    assert ids(api.get("communications?channel=sms").json) == []
    assert len(api.get(f"communications?kind={first.kind}").json) == 2
    edge = Communication.objects.get(pk=second.pk).sent_at
    assert edge is not None
    assert ids(api.get(f"communications?{urlencode({'sent_after': edge.isoformat()})}").json) == [str(first.pk)]
    assert len([row for page in pages(api, "communications?limit=1") for row in page]) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "gone"), ("kind", "email"), ("channel", "fax"), ("sent_after", "2026"), ("is_overdue", "true")],
)
def test_a_wrong_parameter_of_communications_is_422(api: Caller, name: str, value: str) -> None:
    is_problem(api.get(f"communications?{name}={value}"), 422, field=name)


# --- Cursors -----------------------------------------------------------------------------------------------------


@pytest.fixture
def cursor(account: Account, api: Caller) -> str:
    """The one of the second page of ?status=new&limit=1."""
    for _ in range(3):
        make.invoice(account)
    following = api.get("invoices?status=new&limit=1").next
    assert following
    return parse_qs(urlsplit(following).query)["cursor"][0]


def test_a_cursor_goes_on_with_its_filters_and_another_limit(api: Caller, cursor: str) -> None:
    assert len(api.get(f"invoices?status=new&limit=7&cursor={cursor}").json) == 2


def test_a_cursor_of_another_filter_list_or_account_is_400(account: Account, api: Caller, cursor: str) -> None:
    for path in (
        f"invoices?cursor={cursor}",
        f"invoices?status=paid&cursor={cursor}",
        f"invoices?status=new&currency=AED&cursor={cursor}",
        f"webhooks?cursor={cursor}",
        f"invoices/{make.invoice(account).pk}/payments?cursor={cursor}",
    ):
        is_problem(api.get(path), 400, "bad_cursor")
    other = make.account("Oryx")
    make.invoice(other)
    is_problem(caller(other).get(f"invoices?status=new&cursor={cursor}"), 400, "bad_cursor")


def test_a_forged_cursor_is_400(api: Caller, cursor: str) -> None:
    payload, _, signature = cursor.rpartition(":")
    data = base64.urlsafe_b64encode(json.dumps([1, 2]).encode()).decode().rstrip("=")
    for forged in (
        cursor[:-1] + ("A" if cursor[-1] != "A" else "B"),
        f"x{cursor}",
        f"{data}:{payload.partition(':')[2]}:{signature}",
        f".{cursor}",
        data,
        signing.dumps([1, 2]),
        "é",
        "%00",
        "😀" * 100,
    ):
        is_problem(api.get(f"invoices?status=new&cursor={quote(forged)}"), 400, "bad_cursor")
    is_problem(api.get(f"invoices?status=new&cursor={'x' * 3000}"), 422, field="cursor")
    is_problem(api.get("invoices?status=new&cursor="), 422, field="cursor")


def test_a_cursor_shows_nothing_to_its_reader_but_what_its_page_showed(api: Caller, cursor: str) -> None:
    body = cursor.split(":")[0]
    shown = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
    (row,) = api.get("invoices?status=new&limit=1").json
    moment = row["created_at"].replace("Z", "+00:00")
    assert json.loads(shown) == [{"t": moment}, {"u": row["id"]}]
