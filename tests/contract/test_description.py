"""Contract §2: /api/openapi.json and /api/docs are the contract itself, and agree with the code."""

import json
import re
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from drf_spectacular.validation import validate_schema

from communications.api import representation as communications_representation
from communications.models import Communication
from inflow.accounts.models import Account
from inflow.api import schema
from invoices.api import receipt_representation, representation
from tests import make
from tests.api.client import Caller
from tests.api.routes import ROUTES
from tests.contract.test_seed import CREATE_EXAMPLE
from webhooks.models import TEST_EVENT, EventType

API: dict[str, Any] = json.loads(schema.FILE.read_text())
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path.removeprefix('/api/zapier/')}": operation
    for path, methods in API["paths"].items()
    for method, operation in methods.items()
}


def test_the_committed_description_is_what_the_code_generates() -> None:
    assert schema.FILE.read_text() == schema.generate(), "run: python manage.py openapi"


def test_it_is_valid_openapi_3_1(db: None) -> None:
    answer = Caller(None).get("/api/openapi.json")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json["openapi"].startswith("3.1.")
    validate_schema(answer.json)  # type: ignore[no-untyped-call]


def test_every_route_is_described_and_every_description_has_its_route() -> None:
    assert OPERATIONS.keys() == {re.sub("<([a-z_]+)>", r"{\1}", str(route)) for route in ROUTES}


def test_a_description_of_an_operation_stands_above_its_scope() -> None:
    described = OPERATIONS["POST invoices/{invoice_id}/disputes"]["description"]
    assert described.startswith("The disputed amount is not chased; the rest is.")
    assert described.endswith("\n\nScope: `invoices:write`.")


def test_each_operation_says_its_key_its_scope_and_the_errors_that_any_may_answer() -> None:
    assert API["components"]["securitySchemes"] == {"key": {"type": "apiKey", "in": "header", "name": "X-InFlow-Key"}}
    for route in ROUTES:
        operation = OPERATIONS[re.sub("<([a-z_]+)>", r"{\1}", str(route))]
        assert operation["security"] == [{"key": []}]
        assert operation["description"].split("\n\n")[-1] == (f"Scope: `{route.scope}`." if route.scope else "Any key.")
        assert operation["responses"].keys() >= {"401", "403", "429", "503"}
        for status, response in operation["responses"].items():
            if status >= "400":
                assert response["content"].keys() == {"application/problem+json"}
            else:
                assert "RateLimit" in response["headers"]
        assert "Retry-After" in operation["responses"]["429"]["headers"]
        if "requestBody" in operation:
            assert operation["responses"].keys() >= {"400", "413", "415", "422"}
        if route.is_list:
            assert operation["responses"].keys() >= {"400", "422"}
            assert "Link" in operation["responses"]["200"]["headers"]
        assert ("404" in operation["responses"]) is ("<" in route.path)


def test_no_description_allows_what_the_code_refuses_as_unknown() -> None:
    for name, operation in OPERATIONS.items():
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            (media,) = operation["requestBody"]["content"].values()
            component = media["schema"]["$ref"].rpartition("/")[2]
            assert API["components"]["schemas"][component]["additionalProperties"] is False, name


_COMMUNICATION = {name.removeprefix("invoice__") for name in communications_representation.COLUMNS} | {"copies"}


@pytest.mark.parametrize(
    ("component", "fields"),
    [
        ("Invoice", set(representation.FIELDS)),
        ("Payment", {name.removesuffix("_id") for name in representation.PAYMENT_COLUMNS}),
        ("Receipt", {*receipt_representation.RECEIPT_COLUMNS, "allocations"}),
        ("CreditNote", {*receipt_representation.CREDIT_NOTE_COLUMNS, "open"} - {"unallocated"}),
        ("Communication", _COMMUNICATION),
    ],
)
def test_the_described_fields_are_those_that_are_written(component: str, fields: set[str]) -> None:
    described = API["components"]["schemas"][component]
    assert described["properties"].keys() == fields
    assert set(described["required"]) == fields


def test_the_fields_of_a_communication_are_the_contracts(account: Account, api: Caller) -> None:
    sent: Communication = make.sent_reminder(account)
    (row,) = api.get("communications").json
    assert list(row) == [
        *("id", "message_id", "invoice_id", "invoice_number", "kind", "channel", "status", "suppressed_reason"),
        *("recipient", "language", "subject", "body", "step", "scheduled_for", "sent_at", "delivered_at"),
        *("created_at", "error", "copies"),
    ]
    assert (row["id"], row["invoice_number"]) == (str(sent.pk), sent.invoice.invoice_number)
    assert (row["status"], row["channel"], row["recipient"]) == ("sent", "email", sent.recipient)


def test_the_seeds_example_is_in_it() -> None:
    (media,) = OPERATIONS["POST invoices"]["requestBody"]["content"].values()
    (example,) = media["examples"].values()
    body = re.search(r"-d '(.*)'", CREATE_EXAMPLE, re.DOTALL)
    assert body
    assert example["value"] == json.loads(body[1])


def test_the_webhooks_section_describes_every_event() -> None:
    assert set(API["webhooks"]) == {*EventType.values, TEST_EVENT}
    for name, entry in API["webhooks"].items():
        body = entry["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert body["properties"]["type"] == {"const": name}
        assert set(body["required"]) == {"id", "type", "timestamp", "api_version", "data"}


def test_the_documentation_refers_to_no_other_host_and_has_a_strict_policy(db: None) -> None:
    answer = Caller(None).get("/api/docs")
    page = answer.body.decode()
    assert answer.headers["Content-Type"].startswith("text/html")
    policy = dict(directive.split(" ", 1) for directive in answer.headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    assert "//" not in page
    scripts = re.findall(r'<script src="([^"]+)"></script>', page)
    assert page.count("<script") == len(scripts) == 2
    for address in [*scripts, *re.findall(r'<link [^>]*href="([^"]+)"', page)]:
        assert address.startswith("/static/")
        assert finders.find(address.removeprefix("/static/")), address
    assert 'data-description="/api/openapi.json"' in page
