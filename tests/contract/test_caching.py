"""Contract §1: no cache keeps a response of the API, whatever its status."""

import pytest
from django.db import connection
from django.test import Client

from inflow.accounts.models import Account
from tests import make
from tests.api.client import PLENTY, Caller
from tests.api.routes import ROUTES, Route, address
from tests.test_wsgi import ask


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_no_cache_keeps_a_response_of_a_route(account: Account, api: Caller, route: Route) -> None:
    path = address(route, account)
    for caller in (api, Caller(None), Caller(make.key(account, scopes=[])[1])):
        answer = caller.send(route.method, path, route.body)
        assert answer.headers["Cache-Control"] == "no-store", answer.status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/docs", 200),
        ("GET", "/api/openapi.json", 200),
        ("POST", "/api/openapi.json", 405),
        ("GET", "/api", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/nope", 404),
        ("GET", "/api//zapier/invoices", 404),
        ("DELETE", "/api/zapier/invoices", 405),
        ("HEAD", "/api/zapier/invoices", 200),
        ("OPTIONS", "/api/zapier/invoices", 405),
        ("GET", "/api/zapier/invoices?limit=0", 422),
    ],
)
def test_no_cache_keeps_any_other_response(api: Caller, method: str, path: str, status: int) -> None:
    answer = api.send(method, path)
    assert (answer.status, answer.headers["Cache-Control"]) == (status, "no-store")


def test_no_cache_keeps_a_refused_host_a_limit_or_a_crash(account: Account, api: Caller) -> None:
    assert api.get("me", Host="elsewhere.example").headers["Cache-Control"] == "no-store"
    invoice = make.invoice(account, amount=100, amount_paid=10)
    limited = Caller(make.key(make.account(requests_per_minute=1, requests_per_day=PLENTY))[1])
    limited.get("me")
    answer = limited.get("me")
    assert (answer.status, answer.headers["Cache-Control"]) == (429, "no-store")
    with connection.cursor() as cursor:  # a column that is gone stands for a bug of ours
        cursor.execute("ALTER VIEW invoices_payment RENAME COLUMN method TO methods")
    client = Client(raise_request_exception=False, headers={"X-InFlow-Key": str(api.key)})
    response = client.get(f"/api/zapier/invoices/{invoice.pk}/payments")
    assert (response.status_code, response["Cache-Control"]) == (500, "no-store")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["//api/zapier/invoices", "///api/nope", "//api"])
def test_no_cache_keeps_what_is_below_several_slashes(path: str) -> None:
    status, headers, _ = ask(path)
    assert (status, dict(headers)["Cache-Control"]) == ("404 Not Found", "no-store")
    assert dict(headers)["Content-Type"] == "application/problem+json"


def test_pages_and_files_are_cached_as_before(db: None) -> None:
    assert Client().get("/static/unfold/css/styles.css").get("Cache-Control") != "no-store"
