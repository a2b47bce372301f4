"""Contract §5: every error is a problem document that says enough and nothing it should not."""

import json

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client

from inflow.accounts.models import Account, ApiKey
from tests import make
from tests.api.client import Caller, is_problem
from tests.unchanged import nothing_happens
from webhooks.models import Subscription


def test_a_problem_has_these_members(api: Caller) -> None:
    answer = api.get("invoices/7e3aa919-b432-4c2b-9a6e-0123456789ab", X_Request_Id="req-7")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {
        "type": "urn:inflow:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such resource.",
        "instance": "/api/zapier/invoices/7e3aa919-b432-4c2b-9a6e-0123456789ab",
        "code": "not_found",
        "request_id": "req-7",
    }


def test_a_422_names_each_field_with_code_and_message(api: Caller) -> None:
    problem = is_problem(api.post("webhooks/subscribe", {"target_url": 5, "events": ["invoice.created", "x"]}), 422)
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [
        ("target_url", "invalid"),
        ("events.1", "invalid_choice"),
    ]
    assert problem["detail"] == " ".join(error["message"] for error in problem["errors"])


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "unparseable"),
        (b"{}", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{}", "multipart/form-data; boundary=x", 415, "unsupported_media_type"),
        (b"{}", "application/vnd.api+json", 415, "unsupported_media_type"),
        (b"{}", "nonsense", 415, "unsupported_media_type"),
        (b'{"notes": "' + b"x" * 300 * 1024 + b'"}', "application/json", 413, "body_too_large"),
    ],
    ids=["broken", "form", "text", "multipart", "vendor", "nonsense", "300 KiB"],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_body_that_cannot_be_read_is_refused(
    account: Account, api: Caller, method: str, body: bytes, content_type: str, status: int, code: str
) -> None:
    path = f"invoices/{make.invoice(account).pk}" if method == "PATCH" else "invoices"
    with nothing_happens(account):
        is_problem(api.send(method, path, body, content_type=content_type), status, code)


@pytest.mark.parametrize("content_type", ["application/json", "APPLICATION/JSON", "application/json; charset=utf-8"])
def test_json_is_json_however_its_type_is_written(account: Account, api: Caller, content_type: str) -> None:
    path = f"invoices/{make.invoice(account).pk}"
    assert api.send("PATCH", path, b'{"notes": "x"}', content_type=content_type).status == 200


def test_a_body_of_256_kib_is_read(api: Caller) -> None:
    body = b"{}".ljust(django_settings.API_MAX_BODY_BYTES)
    is_problem(api.send("POST", "invoices", body), 422, "required")
    is_problem(api.send("POST", "invoices", body + b" "), 413)


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nope", "/api/zapier", "/api/zapier/invoices%00", "/api/%ff"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_no_route_under_api_is_a_problem_and_never_html(api: Caller, path: str, method: str) -> None:
    is_problem(api.send(method, path), 404, "not_found")


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/docs"])
def test_a_post_to_what_is_read_only_meets_no_csrf_page(path: str) -> None:
    response = Client(enforce_csrf_checks=True).post(path, {"a": "b"})
    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")
    assert response["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:80:80", 'a"b', "a b", ""])
def test_a_host_that_is_not_ours_is_a_json_400(api: Caller, host: str) -> None:
    is_problem(api.get("invoices", Host=host), 400, "bad_request")


def test_a_crash_of_ours_is_a_500_that_shows_nothing_of_it(account: Account, api: Caller) -> None:
    """A column that is gone stands for a bug of ours."""
    invoice = make.invoice(account, amount=100, amount_paid=10)
    with connection.cursor() as cursor:
        cursor.execute("ALTER VIEW invoices_payment RENAME COLUMN method TO methods")
    client = Client(raise_request_exception=False, headers={"X-InFlow-Key": str(api.key)})
    response = client.get(f"/api/zapier/invoices/{invoice.pk}/payments")
    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    problem = json.loads(response.content)
    assert problem["code"] == "internal"
    assert problem["request_id"] == response["X-Request-Id"]
    for hint in (b"method", b"SELECT", b"Traceback", b"psycopg", str(api.key).encode()):
        assert hint not in response.content.replace(b"/payments", b"")


def test_no_key_and_no_secret_is_ever_echoed(account: Account, api: Caller) -> None:
    key = str(api.key)
    secret = api.post("webhooks/subscribe", {"url": "https://example.com/hook", "event": "invoice.created"}).json[
        "secret"
    ]
    webhook = Subscription.objects.for_account(account).get()
    answers = [
        api.get("me"),
        api.get("webhooks"),
        api.get(f"webhooks/{webhook.pk}"),
        api.post("webhooks/subscribe", {"url": "https://example.com/hook", "event": "invoice.created"}),
        api.post("invoices", {"X-InFlow-Key": key}),
        Caller(key[:-1]).get("invoices"),
    ]
    digest = ApiKey.objects.filter(account=account).values_list("digest", flat=True).get()
    for answer in answers:
        for hidden in (key, key[7:], digest, secret, webhook.sealed_secret):
            assert hidden.encode() not in answer.body


def test_the_detail_names_every_faulty_field(api: Caller) -> None:
    body = {"invoice_number": "", "debtor_name": "Sara", "amount": "much", "currency": "AED", "colour": "red"}
    detail = is_problem(api.post("invoices", body), 422)["detail"]
    assert all(f"{name}: " in detail for name in ("invoice_number", "amount", "due_date", "colour"))
    fraction = {
        "invoice_number": "A-1",
        "debtor_name": "A",
        "amount": 10.005,
        "currency": "AED",
        "due_date": "2026-03-01",
    }
    problem = is_problem(api.post("invoices", fraction), 422, "too_many_decimals", "amount")
    assert problem["detail"] == problem["errors"][0]["message"] == "amount: AED has 2 decimals at most."
    many = is_problem(api.post("invoices", {f"unknown_{number}": 1 for number in range(30)}), 422)["detail"]
    assert many.count("There is no such field.") <= 10
    assert "more." in many
