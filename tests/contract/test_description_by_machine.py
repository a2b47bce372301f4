"""schemathesis sends what the description allows and what it forbids, and holds every answer against it.

For each operation it makes up some hundred requests. `make test-slow` sends every fifth of them, `make nightly` all.
"""

import functools
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckContext, load_all_checks
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from inflow.accounts.models import Account
from inflow.api.schema import FILE
from tests import make
from tests.api.client import PLENTY
from webhooks.models import Delivery

pytestmark = [pytest.mark.django_db, pytest.mark.properties]

# Codes of refusals that no schema can announce, and why it can't. A request that the schema allows may be refused
# with these and with no other.
BEYOND_THE_SCHEMA = {
    "too_many_decimals": "decimals go by the currency: JPY 0, AED 2, KWD 3",
    "too_long": "a decimal has at most 15 digits in all; a schema bounds its value, not its digits",
    "not_positive": 'an amount written as text, such as "0.00"',
    "invalid": "a day that is not in the calendar, such as February 30",
    "before_issue_date": "due_date is compared with issue_date",
    "bad_phone": "what numbers exist goes by the country",
    "duplicate": "an invoice number or a payment's reference is taken once",
    "bad_if_match": "the tool itself writes only letters and digits into some headers, whatever their pattern",
    "illegal_transition": "what may follow goes by the invoice's status",
    "not_true": "new or overdue goes by the due date",
    "contradiction": "two fields together, each of them right",
    "without_hold": "hold_until goes with status on_hold",
    "needs_a_payment": "partially_paid goes by the ledger",
    "cancelled": "goes by the invoice's status",
    "in_the_past": "goes by today",
    "too_far_ahead": "goes by today",
    "too_old": "goes by today",
    "in_the_future": "goes by today",
    "not_alone": "reversal_of goes alone",
    "unknown_payment": "reversal_of names a payment of this invoice",
    "already_reversed": "a payment is reversed once",
    "required": "one of several names is enough: target_url, hookUrl, url; event, events; amount, reversal_of",
    "forbidden_target": "where webhooks may go: public addresses, open ports, no user name",
    "too_many_subscriptions": "goes by the plan",
    "version_mismatch": "If-Match is compared with the stored version",
    "idempotency_key_reused": "goes by what came with the key before",
    "staff_only": "goes by the invoice's status",
    "without_resolving": "a resolution goes with status resolved",
    "without_promise": "promised_on goes with resolution promise",
    "ladder_ended": "goes by the steps that are left",
    "unknown_member": "assignee is a member of the account",
    "live_account": "a clock is a test account's",
    "not_forward": "goes by the clock and by what is there",
    "empty": "a document is not empty",
    "not_a_document": "a document is a PDF, whose structure no schema describes",
    "no_xml": "a document is XML",
    "no_ubl": "a document is a UBL invoice",
    "out_of_range": "a moment of the calendar's middle",
    "no_address": "a contact needs one of two addresses",
    "debtor_mismatch": "goes by the debtors there are",
    "closed": "goes by the invoice's status",
    "read_only": "the currency of a known invoice, in PUT",
}

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_addresses = itertools.count(1)
_django = WSGIHandler()


def _app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Each request from an address of its own: the checks send many without a key."""
    number = next(_addresses)
    environ["REMOTE_ADDR"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return _django(environ, start_response)


OPERATIONS = [
    f"{method.upper()} {path}" for path, methods in json.loads(FILE.read_text())["paths"].items() for method in methods
]
load_all_checks()


@functools.cache
def described() -> BaseSchema:
    return schemathesis.openapi.from_wsgi(
        "/api/openapi.json",
        _app,
        config=schemathesis.Config.from_dict({"generation": {"deterministic": True}}),
    )


@schemathesis.check
def refused_only_for_what_no_schema_says(ctx: CheckContext, response: Any, case: schemathesis.Case[Any]) -> bool | None:
    """`positive_data_acceptance`, but for BEYOND_THE_SCHEMA."""
    if response.status_code in (400, 412, 422):
        problem = response.json()
        codes = {error["code"] for error in problem.get("errors", [problem])}
        if codes <= BEYOND_THE_SCHEMA.keys():
            return None
    return positive_data_acceptance(ctx, response, case)


@pytest.fixture(autouse=True)
def _one_transaction() -> Iterator[None]:
    """As Django's own test client does: a request must not close the connection of the test's transaction."""
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def own(db: None) -> tuple[Account, str]:
    """With a key of every scope."""
    account = make.account(requests_per_minute=PLENTY, requests_per_day=PLENTY)
    return account, make.key(account)[1]


# Random requests for each operation, beside those at the edges of its schema; and every n-th that is sent.
EXAMPLES, EVERY = (20, 1) if "HISTORIES" in os.environ else (5, 5)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_as_described(operation: str, own: tuple[Account, str]) -> None:
    """What is tried is made up here. By schemathesis' own plugin each process would do so for all operations, while it
    looks for its tests, which takes seconds."""
    schema = described()
    (found,) = (each.ok() for each in schema.include(name=operation).get_all_operations())  # type: ignore[union-attr]
    constants = FeedbackSources(constants_value_source=make_constants_value_source(schema))
    attempts = build_operation_test(
        config=schema.config, operation=found, test_func=attempt, given_kwargs={}, feedback=constants
    )
    attempts(own=own, turns=itertools.count())


@settings(
    max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
def attempt(case: schemathesis.Case[Any], own: tuple[Account, str], turns: Iterator[int]) -> None:
    """Each request finds the account as it was at first, so that what came before doesn't matter. A well-formed id is
    one of its own, and a cursor, which nobody can make up, is left out, so that more than their refusal is tried.
    """
    if next(turns) % EVERY:
        return
    account, key = own
    with transaction.atomic():
        for name, value in case.path_parameters.items():
            if _UUID.fullmatch(str(value)) and (made := _made(name, account)):
                case.path_parameters[name] = made
        if case.meta and case.meta.generation.mode == GenerationMode.POSITIVE:
            case.query.pop("cursor", None)
        case.call_and_validate(
            headers={"X-InFlow-Key": key},
            excluded_checks=[positive_data_acceptance],
            additional_checks=[refused_only_for_what_no_schema_says],
        )
        transaction.set_rollback(True)


def _made(name: str, account: Account) -> str | None:
    match name:
        case "invoice_id":
            return str(make.invoice(account).pk)
        case "webhook_id":
            return str(make.subscription(account, "https://example.com/hook")[0].pk)
        case "delivery_id":
            make.invoice(account)
            delivery = Delivery.objects.for_account(account).first()
            return delivery and str(delivery.pk)
    return None
