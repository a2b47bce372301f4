"""Contract §8 and §9: subscribing, and the shapes of what is read about webhooks and the forecast."""

from typing import Any

import pytest

from inflow.accounts.models import Account
from inflow.accounts.plans import LIMITS, Plan
from tests import make
from tests.api.client import PLENTY, Caller, caller, is_problem
from tests.unchanged import nothing_happens
from webhooks.models import Subscription

URL = "https://example.com/hook"
CREATED = "invoice.created"


def test_subscribing_answers_with_the_secret_this_once(account: Account, api: Caller) -> None:
    answer = api.post("webhooks/subscribe", {"target_url": URL, "event": CREATED})
    assert answer.status == 201
    made = answer.json
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "id": str(Subscription.objects.get().pk),
        "target_url": URL,
        "event": CREATED,
        "events": [CREATED],
        "description": None,
        "is_active": True,
        "disabled_reason": None,
        "created_at": made["created_at"],
    }
    assert api.get(f"webhooks/{made['id']}").json == made
    assert api.get("webhooks").json == [made]


@pytest.mark.parametrize("name", ["target_url", "hookUrl", "url"])
def test_the_address_has_three_names(api: Caller, name: str) -> None:
    assert api.post("webhooks/subscribe", {name: URL, "event": CREATED}).json["target_url"] == URL


def test_several_events_are_one_subscription(api: Caller) -> None:
    made = api.post("webhooks/subscribe", {"url": URL, "events": ["payment.recorded", CREATED, CREATED]}).json
    assert made["events"] == [CREATED, "payment.recorded"]


def test_the_same_again_is_200_with_the_existing_one_and_no_secret(account: Account, api: Caller) -> None:
    body = {"url": URL, "events": [CREATED, "payment.recorded"]}
    first = api.post("webhooks/subscribe", body).json
    with nothing_happens(account):
        again = api.post("webhooks/subscribe", {"hookUrl": URL, "events": ["payment.recorded", CREATED]})
    del first["secret"]
    assert (again.status, again.json) == (200, first)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"event": CREATED}, "required", "target_url"),
        ({"url": URL}, "required", "event"),
        ({"url": URL, "hookUrl": f"{URL}2", "event": CREATED}, "contradiction", "target_url"),
        ({"url": URL, "event": CREATED, "events": ["payment.recorded"]}, "contradiction", "event"),
        ({"url": URL, "event": "invoice.deleted"}, "invalid_choice", "event"),
        ({"url": URL, "event": "*"}, "invalid_choice", "event"),
        ({"url": URL, "event": CREATED, "secret": "mine"}, "unknown_field", "secret"),
        ({"url": "ftp://example.com", "event": CREATED}, "forbidden_target", "target_url"),
        ({"url": "https://user:pw@example.com", "event": CREATED}, "forbidden_target", "target_url"),
        ({"url": "https://example.com:8443/", "event": CREATED}, "forbidden_target", "target_url"),
        ({"url": "https://127.0.0.1/", "event": CREATED}, "forbidden_target", "target_url"),
        ({"url": "https://[::1]/", "event": CREATED}, "forbidden_target", "target_url"),
        ({"url": "https://0x7f.1/", "event": CREATED}, "forbidden_target", "target_url"),
        ({"url": "https://exa mple.com/", "event": CREATED}, "forbidden_target", "target_url"),
        ({"url": "example.com", "event": CREATED}, "forbidden_target", "target_url"),
    ],
    ids=str,
)
def test_what_is_wrong_is_422_and_nothing_is_subscribed(
    account: Account, api: Caller, body: dict[str, Any], code: str, field: str
) -> None:
    with nothing_happens(account):
        is_problem(api.post("webhooks/subscribe", body), 422, code, field)


@pytest.mark.parametrize("plan", [Plan.FREE, Plan.STARTER])
def test_beyond_the_plans_number_of_subscriptions_is_422(db: None, plan: Plan) -> None:
    account = make.account(plan=plan, requests_per_minute=PLENTY)
    for number in range(LIMITS[plan].subscriptions):
        make.subscription(account, f"{URL}/{number}")
    with nothing_happens(account):
        answer = caller(account).post("webhooks/subscribe", {"url": URL, "event": CREATED})
        is_problem(answer, 422, "too_many_subscriptions")


def test_the_subscriptions_of_each_plan() -> None:
    assert [LIMITS[plan].subscriptions for plan in Plan] == [5, 20, 50, 200]


def test_the_forecast_says_what_would_be_sent(account: Account, api: Caller) -> None:
    invoice = make.invoice(account, due_in=10)
    entries = api.get("forecast?days=30").json
    assert [row["step"] for row in entries] == [-3, 1, 7, 14]
    entry = entries[0]
    assert entry.keys() == {
        *("invoice_id", "invoice_number", "scheduled_for", "channel", "step", "kind", "recipient"),
        "suppressed_reason",
    }
    assert (entry["invoice_id"], entry["recipient"]) == (str(invoice.pk), invoice.debtor_email)
    assert api.get("forecast?days=1").json == []


def test_the_pages_of_a_forecast_are_those_of_its_first(account: Account, api: Caller) -> None:
    for day in (5, 6, 7):
        make.invoice(account, due_in=day, debtor_email=f"d{day}@example.com")
    whole = api.get("forecast?days=10").json
    first = api.get("forecast?days=10&limit=2")
    make.invoice(account, due_in=4, debtor_email="late@example.com")
    second = api.get(first.headers["Link"].partition("/api/zapier/")[2].partition(">")[0])
    assert first.json + second.json == whole[:4]


@pytest.mark.parametrize("days", ["0", "91", "x", "-1", ""])
def test_the_forecast_takes_1_to_90_days(api: Caller, days: str) -> None:
    is_problem(api.get(f"forecast?days={days}"), 422, field="days")


def test_events_come_in_the_order_of_their_numbers(account: Account, api: Caller) -> None:
    first, second = make.invoice(account), make.invoice(account)
    rows = api.get("events").json
    assert [(row["seq"], row["type"], row["data"]["id"]) for row in rows] == [
        (1, CREATED, str(first.pk)),
        (2, CREATED, str(second.pk)),
    ]
    assert rows[0].keys() == {"seq", "id", "type", "timestamp", "data"}
    assert [row["seq"] for row in api.get("events?after=1").json] == [2]
    assert api.get("events?after=2").json == []
