"""Contract §4: the orders of the list of invoices."""

import datetime as dt

import pytest

from inflow.accounts.models import Account
from invoices.models import Invoice
from tests import make
from tests.api.client import Caller, is_problem

KEYS = {"-created_at": "created_at", "-updated_at": "updated_at", "updated_at": "updated_at", "due_date": "due_date"}


def walked(api: Caller, path: str) -> list[str]:
    found, page = [], path
    while page:
        answer = api.get(page)
        found += [row["id"] for row in answer.json]
        page = answer.next or ""
    return found


@pytest.mark.parametrize("labels", ["", "&status=new,disputed", "&is_overdue=false"])
@pytest.mark.parametrize("sort", KEYS)
def test_every_order_walks_each_invoice_once(account: Account, api: Caller, sort: str, labels: str) -> None:
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for number in range(9):
        invoice = make.invoice(account, due_in=10 - number // 3)
        if number % 2:
            Invoice.objects.filter(pk=invoice.pk).update(status="disputed", disputed_at=moment)
        Invoice.objects.filter(pk=invoice.pk).update(updated_at=moment + dt.timedelta(days=number // 4))
    order = (KEYS[sort], "pk") if not sort.startswith("-") else (f"-{KEYS[sort]}", "-pk")
    expected = [str(pk) for pk in Invoice.objects.order_by(*order).values_list("pk", flat=True)]
    assert walked(api, f"invoices?sort={sort}&limit=2{labels}") == expected


def test_a_cursor_is_of_its_order(account: Account, api: Caller) -> None:
    for _ in range(3):
        make.invoice(account)
    page = api.get("invoices?limit=1&sort=updated_at").next
    assert page
    is_problem(api.get(page.replace("sort=updated_at", "sort=-updated_at")), 400, "bad_cursor")
    is_problem(api.get(page.replace("sort=updated_at&", "").replace("&sort=updated_at", "")), 400, "bad_cursor")


@pytest.mark.parametrize("sort", ["", "created_at", "-due_date", "amount", "updated_at,id", "-created_at "])
def test_another_order_is_422(api: Caller, sort: str) -> None:
    is_problem(api.get(f"invoices?sort={sort.replace(' ', '%20')}"), 422, field="sort")


def test_synchronising_by_updates_sees_an_amendment(account: Account, api: Caller) -> None:
    first, second = make.invoice(account), make.invoice(account)
    since = api.get("invoices?sort=updated_at").json[-1]["updated_at"]
    api.patch(f"invoices/{first.pk}", {"purchase_order": "7"})
    rows = api.get(f"invoices?sort=updated_at&updated_after={since}").json
    assert [row["id"] for row in rows] == [str(first.pk)] != [str(second.pk)]
