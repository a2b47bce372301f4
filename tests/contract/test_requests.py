"""Contract §1 and §2: JSON only, exact routes, the methods of each, and the id of each request."""

import uuid

import pytest

from inflow.accounts.models import Account
from tests import make
from tests.api.client import Caller, is_problem
from tests.api.routes import ROUTES, Route, address
from tests.unchanged import nothing_happens

SUCCESS = {
    "GET invoices": 200,
    "POST invoices": 201,
    "GET invoices/<invoice_id>": 200,
    "PATCH invoices/<invoice_id>": 200,
    "GET invoices/<invoice_id>/payments": 200,
    "POST invoices/<invoice_id>/page-link": 201,
    "POST invoices/<invoice_id>/payments": 201,
    "GET payments": 200,
    "POST payments": 201,
    "GET payments/<payment_id>": 200,
    "POST invoices/<invoice_id>/apply-credit": 200,
    "GET credit-notes": 200,
    "POST credit-notes": 201,
    "GET credit-notes/<note_id>": 200,
    "POST credit-notes/<note_id>/void": 200,
    "POST payments/<payment_id>/void": 200,
    "POST payments/<payment_id>/reverse": 200,
    "POST webhooks/subscribe": 201,
    "GET webhooks/<webhook_id>": 200,
    "DELETE webhooks/<webhook_id>": 204,
    "GET webhooks": 200,
    "GET communications": 200,
    "GET communications/<invoice_id>": 200,
    "GET me": 200,
    "GET forecast": 200,
    "GET events": 200,
}


def test_every_row_of_the_table_of_endpoints_has_its_route() -> None:
    assert set(map(str, ROUTES)) >= SUCCESS.keys()


@pytest.mark.parametrize("route", [route for route in ROUTES if str(route) in SUCCESS], ids=str)
def test_each_endpoint_answers_with_its_status(account: Account, api: Caller, route: Route) -> None:
    answer = api.send(route.method, address(route, account), route.body)
    assert answer.status == SUCCESS[str(route)]
    assert (answer.headers.get("Content-Type"), bool(answer.body)) == (
        (None, False) if answer.status == 204 else ("application/json", True)
    )


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_trailing_slash_is_no_route(account: Account, api: Caller, route: Route) -> None:
    path, _, query = address(route, account).partition("?")
    with nothing_happens(account):
        is_problem(api.send(route.method, f"{path}/?{query}", route.body), 404, "not_found")


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_an_unknown_query_parameter_is_422_on_every_route(account: Account, api: Caller, route: Route) -> None:
    path = address(route, account)
    with nothing_happens(account):
        answer = api.send(route.method, f"{path}{'&' if '?' in path else '?'}nope=1", route.body)
    is_problem(answer, 422, "unknown_field", "nope")


@pytest.mark.parametrize("path", ["invoices/7", "invoices/7e3aa919-b432-4c2b", "invoices/%00", "webhooks/x", "nope"])
def test_a_malformed_id_is_404(api: Caller, path: str) -> None:
    is_problem(api.get(path), 404, "not_found")


def test_unsubscribing_again_is_404(account: Account, api: Caller) -> None:
    subscription, _ = make.subscription(account, "https://example.com/hook")
    assert api.delete(f"webhooks/{subscription.pk}").status == 204
    is_problem(api.delete(f"webhooks/{subscription.pk}"), 404, "not_found")
    is_problem(api.get(f"webhooks/{subscription.pk}"), 404, "not_found")
    assert api.get("webhooks").json == []


def test_the_communications_of_an_unknown_invoice_are_404(api: Caller) -> None:
    is_problem(api.get(f"communications/{uuid.uuid4()}"), 404, "not_found")


def test_me_says_whose_key_it_is(account: Account) -> None:
    _, key = make.key(account, name="Zapier", scopes=["communications:read"])
    assert Caller(key).get("me").json == {
        "account_id": str(account.pk),
        "account_name": account.name,
        "plan": "free",
        "mode": "live",
        "key_name": "Zapier",
        "scopes": ["communications:read"],
    }


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("escalations", {"GET", "HEAD"}),
        (f"invoices/{make.NOWHERE}", {"GET", "PATCH", "HEAD"}),
        ("webhooks/subscribe", {"POST"}),
        ("/api/openapi.json", {"GET", "HEAD"}),
        ("/api/docs", {"GET", "HEAD"}),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_method_that_is_not_there_is_405_with_allow(
    account: Account, api: Caller, path: str, allowed: set[str], method: str
) -> None:
    answer = api.send(method, path, {"status": "paid"})
    is_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_head_has_the_headers_of_get_and_no_body(account: Account, api: Caller) -> None:
    invoice = make.invoice(account)
    for path in ("invoices", f"invoices/{invoice.pk}", "me"):
        head, got = api.send("HEAD", path), api.get(path)
        assert (head.status, head.body) == (200, b"")
        for name in ("Content-Type", "ETag", "RateLimit-Policy"):
            assert head.headers.get(name) == got.headers.get(name)


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json;q=0", "*/*", "nonsense", ""])
def test_accept_is_ignored_and_406_never_comes(account: Account, api: Caller, accept: str) -> None:
    answer = api.get("invoices", Accept=accept)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    is_problem(api.get("nope", Accept=accept), 404)


@pytest.mark.parametrize("given", ["req-1", "a" * 128, "018f:x.y_z-Z"])
def test_the_clients_request_id_comes_back(api: Caller, given: str) -> None:
    assert api.get("me", X_Request_Id=given).headers["X-Request-Id"] == given
    assert is_problem(api.get("nope", X_Request_Id=given), 404)["request_id"] == given


@pytest.mark.parametrize("given", ["", "a" * 129, "two words", "é", '"><script>', "x\ty"])
def test_a_request_id_that_is_no_sane_token_is_replaced(api: Caller, given: str) -> None:
    ours = api.get("me", X_Request_Id=given).headers["X-Request-Id"]
    assert ours != given
    uuid.UUID(ours)


def test_each_request_without_an_id_gets_its_own(api: Caller) -> None:
    assert len({api.get("me").headers["X-Request-Id"] for _ in range(3)}) == 3
