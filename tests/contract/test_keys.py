"""Contract §1: who is calling. Every kind of bad key has one answer, and a key may do what its scopes say."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.request import Request

from inflow.accounts import keys
from inflow.accounts.models import Account, Scope
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from tests import make
from tests.api.client import Caller, is_problem
from tests.api.routes import ROUTES, Route, address
from tests.unchanged import nothing_happens


def _missing(account: Account) -> str | None:
    return None


def _misspelt(account: Account) -> str:
    _, key = make.key(account)
    return key[:-1] + ("0" if key[-1] != "0" else "1")


def _unknown(account: Account) -> str:
    row, key = make.key(account)
    row.delete()
    return key


def _revoked(account: Account) -> str:
    row, key = make.key(account)
    keys.revoke(row, actor="admin@example.com")
    return key


def _expired(account: Account) -> str:
    return make.key(account, expires_at=timezone.now() - dt.timedelta(seconds=1))[1]


BAD_KEYS: list[Callable[[Account], str | None]] = [
    _missing,
    lambda account: "",
    lambda account: "inflow_your_key",
    lambda account: "x" * 60_000,
    lambda account: "ключ",
    lambda account: f"{make.key(account)[1]}, {make.key(account)[1]}",
    lambda account: f"Bearer {make.key(account)[1]}",
    _misspelt,
    _unknown,
    _revoked,
    _expired,
]


def test_each_kind_of_bad_key_has_the_same_answer(account: Account) -> None:
    make.invoice(account)
    answers = [Caller(bad(account)).get("invoices") for bad in BAD_KEYS]
    bodies = []
    for answer in answers:
        problem = is_problem(answer, 401, "invalid_key")
        assert answer.headers["WWW-Authenticate"] == 'InFlow-Key realm="api"'
        assert "RateLimit" not in answer.headers
        bodies.append({name: value for name, value in problem.items() if name != "request_id"})
    assert all(body == bodies[0] for body in bodies)


@pytest.mark.parametrize("name", ["key", "api_key", "X-InFlow-Key"])
def test_a_key_in_the_query_string_is_no_key(account: Account, name: str) -> None:
    _, key = make.key(account)
    answer = Caller(None).get(f"invoices?{name}={key}")
    is_problem(answer, 401, "invalid_key")
    assert key.encode() not in answer.body


def test_a_revoked_key_is_refused_from_the_next_request_on(account: Account) -> None:
    row, key = make.key(account)
    caller = Caller(key)
    assert caller.get("me").status == 200
    keys.revoke(row, actor="admin@example.com")
    is_problem(caller.get("me"), 401)


def test_a_body_that_cannot_be_read_is_told_of_after_the_key_the_limit_and_the_scope(account: Account) -> None:
    """Also where the body is looked into before the key is found, for what will be asked."""
    row, key = make.key(account, scopes=["invoices:write"])
    reader = Caller(make.key(account, scopes=["invoices:read"])[1])
    for _ in range(2):
        is_problem(Caller(key).send("POST", "invoices", b"{"), 400)
        is_problem(reader.send("POST", "invoices", b"{"), 403)
        is_problem(Caller(key).send("POST", "invoices", b"a=1", content_type="text/plain"), 415)
    Account.objects.filter(pk=account.pk).update(requests_per_minute=1)
    is_problem(Caller(key).send("POST", "invoices", b"{"), 429)
    keys.revoke(row, actor="admin@example.com")
    is_problem(Caller(key).send("POST", "invoices", b"{"), 401)


@pytest.mark.parametrize("email", ["a\x00b@example.com", ["x@example.com"], {"a": 1}, 7, "x" * 100_000, "\u2028"])
def test_an_email_that_is_none_is_told_of_by_a_process_that_knows_the_key(account: Account, email: object) -> None:
    _, key = make.key(account)
    assert Caller(key).get("me").status == 200
    new = {"invoice_number": "INV-1", "debtor_name": "Ahmed", "amount": 1, "currency": "AED", "due_date": "2036-02-14"}
    answer = Caller(key).post("invoices", {**new, "debtor_email": email})
    is_problem(answer, 422)
    assert {error["field"] for error in answer.json["errors"]} == {"debtor_email"}


def test_a_rotated_key_works_beside_its_successor_until_the_overlap_ends(account: Account) -> None:
    row, key = make.key(account, scopes=["invoices:read"])
    _, new = keys.rotate(row, overlap=dt.timedelta(hours=1))
    assert Caller(key).get("invoices").status == Caller(new).get("invoices").status == 200
    assert Caller(new).get("me").json["scopes"] == ["invoices:read"]
    type(row).objects.filter(pk=row.pk).update(expires_at=timezone.now())
    is_problem(Caller(key).get("invoices"), 401)
    assert Caller(new).get("invoices").status == 200


def test_a_test_accounts_key_says_so(db: None) -> None:
    _, key = make.key(make.account(is_test=True))
    assert key.startswith("inflow_test_")
    assert Caller(key).get("me").json["mode"] == "test"


@pytest.mark.parametrize("route", [route for route in ROUTES if route.scope], ids=str)
def test_a_missing_scope_is_403_names_it_and_changes_nothing(account: Account, route: Route) -> None:
    path = address(route, account)
    others = [scope for scope in Scope.values if scope != route.scope]
    _, key = make.key(account, scopes=others)
    with nothing_happens(account):
        problem = is_problem(Caller(key).send(route.method, path, route.body), 403, "scope_missing")
    assert problem["detail"] == f"This API key lacks the scope {route.scope}."


def test_an_action_whose_scope_was_forgotten_is_open_to_nobody(account: Account) -> None:
    class Forgotten(ApiViewSet):
        def list(self, request: Request) -> ApiResponse:
            return ApiResponse(["secret"])

    request = RequestFactory().get("/", headers={"X-InFlow-Key": make.key(account)[1]})
    with pytest.raises(KeyError, match="list"):
        Forgotten.as_view({"get": "list"})(request)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_suspended_account_is_403_on_every_route_and_nothing_changes(account: Account, route: Route) -> None:
    path = address(route, account)
    _, key = make.key(account)
    Account.objects.filter(pk=account.pk).update(suspended_at=timezone.now())
    with nothing_happens(account):
        is_problem(Caller(key).send(route.method, path, route.body), 403, "account_suspended")
    Account.objects.filter(pk=account.pk).update(suspended_at=None)
    assert Caller(key).get("me").status == 200


# A number that is another account's is a new one.
@pytest.mark.parametrize("route", [each for each in ROUTES if "_id>" in each.path], ids=str)
def test_another_accounts_id_is_404_as_if_there_were_none_and_nothing_changes(
    account: Account, api: Caller, route: Route
) -> None:
    other = make.account("Oryx")
    foreign, none = address(route, other), address(route, other, made_up=True)
    with nothing_happens(other), nothing_happens(account):
        problems = [is_problem(api.send(route.method, path, route.body), 404, "not_found") for path in (foreign, none)]
    for problem in problems:
        del problem["instance"], problem["request_id"]
    assert problems[0] == problems[1]
