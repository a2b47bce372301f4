"""GET /api/zapier/events: nothing is missed, and what is gone is said to be gone."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from inflow.accounts.models import Account, Scope
from tests import make
from tests.api.client import Caller, caller, is_problem
from tests.parallel import at_once
from webhooks import retention
from webhooks.models import Attempt, Delivery, Event, EventType, Subscription
from webhooks.outbox import put

pytestmark = pytest.mark.django_db


def announce(account: Account, count: int = 1) -> None:
    with transaction.atomic():
        for number in range(count):
            put(account, EventType.INVOICE_CREATED, {"number": number, "amount": 25000.5})


def seqs(rows: list[dict[str, Any]]) -> list[int]:
    return [row["seq"] for row in rows]


def aged(account: Account, days: float, up_to: int) -> None:
    """Make the account's events up to this number so old. They are written anew: the database refuses to change one."""
    old = list(Event.objects.for_account(account).filter(seq__lte=up_to))
    kept = list(Delivery.objects.filter(event__in=old))
    Attempt.objects.filter(delivery__in=kept).delete()
    Delivery.objects.filter(event__in=old).delete()
    Event.objects.filter(pk__in=[event.pk for event in old]).delete()
    for event in old:
        event.created_at = timezone.now() - dt.timedelta(days=days)
    Event.objects.bulk_create(old)
    Delivery.objects.bulk_create(kept)


def test_an_event_says_of_an_invoice_what_the_answer_says() -> None:
    account = make.account()
    api = caller(account)
    new = {"debtor_name": "Ahmed \u0639", "amount": 25000.5, "currency": "AED", "due_date": "2036-02-14", "notes": '"'}
    created = api.post("invoices", {"invoice_number": "INV-1", **new}).json
    changed = api.patch(f"invoices/{created['id']}", {"status": "on_hold"}).json
    assert (created["amount"], changed["status"], changed["version"]) == (25000.5, "on_hold", created["version"] + 1)
    told = [json.loads(body)["data"] for body in Event.objects.order_by("seq").values_list("body", flat=True)]
    assert told == [created, changed | {"previous_status": "new", "previous_payment_status": "unpaid"}]


def test_events_come_in_the_order_of_their_numbers() -> None:
    account = make.account()
    make.account("Another LLC")
    announce(account, 5)
    announce(make.account("A Third LLC"), 2)
    api = caller(account)
    rows = api.get("events").json
    assert seqs(rows) == [1, 2, 3, 4, 5]
    for row, event in zip(rows, Event.objects.for_account(account).order_by("seq"), strict=True):
        assert row.keys() == {"seq", "id", "type", "timestamp", "data"}
        assert (row["id"], row["type"]) == (event.pk, "invoice.created")
        assert row["timestamp"].endswith("Z")
        assert row["data"] == {"number": row["seq"] - 1, "amount": 25000.5}
    assert seqs(api.get("events?after=3").json) == [4, 5]
    assert api.get("events?after=5").json == []
    assert api.get("events?after=99").json == []


def test_pages_go_on_from_the_last_number() -> None:
    account = make.account(requests_per_minute=100_000)
    announce(account, 25)
    api = caller(account)
    page: str | None = "events?after=4&limit=10"
    seen: list[int] = []
    while page:
        answer = api.get(page)
        seen += seqs(answer.json)
        page = answer.next
        announce(account)
    assert seen[:21] == list(range(5, 26))
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=", "limit=0", "since=3", "after=1&after=2"])
def test_a_query_that_makes_no_sense_is_refused(query: str) -> None:
    is_problem(caller().get(f"events?{query}"), 422)


def test_the_scope_is_needed() -> None:
    account = make.account()
    _, key = make.key(account, scopes=[Scope.INVOICES_READ])
    is_problem(Caller(key).get("events"), 403, "scope_missing")


def test_what_is_older_than_what_is_kept_is_gone() -> None:
    account = make.account()
    announce(account, 10)
    aged(account, 31, up_to=6)
    assert not retention.delete_old()
    api = caller(account)
    for after in (0, 5):
        is_problem(api.get(f"events?after={after}"), 410, "events_gone")
    assert seqs(api.get("events?after=6").json) == [7, 8, 9, 10]
    assert seqs(api.get("events").json) == [7, 8, 9, 10]


def test_it_is_gone_also_where_nothing_is_kept() -> None:
    account = make.account()
    announce(account, 3)
    aged(account, 31, up_to=3)
    assert not retention.delete_old()
    api = caller(account)
    is_problem(api.get("events?after=2"), 410, "events_gone")
    assert api.get("events?after=3").json == []
    assert api.get("events").json == []
    announce(account)
    assert seqs(api.get("events?after=3").json) == [4]


@pytest.mark.django_db(transaction=True)
def test_a_reader_never_sees_a_number_before_a_lower_one_is_there() -> None:
    account = make.account()

    def write() -> None:
        for _ in range(20):
            announce(account, 2)

    def read() -> None:
        last = 0
        for _ in range(60):
            found = list(
                Event.objects.for_account(account).filter(seq__gt=last).order_by("seq").values_list("seq", flat=True)
            )
            assert found == list(range(last + 1, last + 1 + len(found))), (last, found)
            last += len(found)

    assert at_once(write, write, read, write, read) == [None] * 5
    assert Event.objects.count() == 120


# --- Retention ---------------------------------------------------------------------------------------------------


def test_old_events_go_with_their_deliveries_and_attempts_in_batches(
    settings: Any, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    settings.WEBHOOK_EVENTS_DAYS = 20
    account = make.account()
    subscription, _ = make.subscription(account, "https://hooks.example.com/")
    announce(account, 50)
    aged(account, 21, up_to=30)
    Delivery.objects.update(status="delivered", next_attempt_at=None)
    Attempt.objects.bulk_create(
        Attempt(delivery=delivery, at=timezone.now(), ms=1, status=200) for delivery in Delivery.objects.all()
    )
    with django_assert_max_num_queries(12):
        assert not retention.delete_old(batch=7)
    assert list(Event.objects.order_by("seq").values_list("seq", flat=True)) == list(range(31, 51))
    assert Delivery.objects.count() == Attempt.objects.count() == 20
    assert Subscription.objects.get() == subscription


def test_an_old_event_that_is_still_to_be_sent_stays_and_what_follows_it_too() -> None:
    account = make.account()
    make.subscription(account, "https://hooks.example.com/")
    announce(account, 10)
    aged(account, 31, up_to=10)
    Delivery.objects.exclude(event__seq=4).update(status="delivered", next_attempt_at=None)
    assert not retention.delete_old(batch=3)
    assert list(Event.objects.order_by("seq").values_list("seq", flat=True)) == list(range(4, 11))


def test_attempts_have_a_time_of_their_own(settings: Any) -> None:
    settings.WEBHOOK_ATTEMPTS_DAYS = 3
    account = make.account()
    make.subscription(account, "https://hooks.example.com/")
    announce(account)
    delivery = Delivery.objects.get()
    for days in (5, 4, 2, 1):
        at = timezone.now() - dt.timedelta(days=days)
        Attempt.objects.create(delivery=delivery, at=at, ms=1, status=500)
    assert not retention.delete_old(batch=1)
    assert Attempt.objects.count() == 2
    assert Event.objects.count() == Delivery.objects.count() == 1


def test_a_run_is_bounded_in_time_and_says_that_more_is_left() -> None:
    account = make.account()
    announce(account, 5)
    aged(account, 31, up_to=5)
    assert retention.delete_old(batch=2, run_s=0)
    assert Event.objects.count() == 3
    assert not retention.delete_old(batch=2)
    assert not Event.objects.exists()


def test_a_subscription_that_ended_long_ago_goes_with_its_secrets() -> None:
    account = make.account()
    old, _ = make.subscription(account, "https://hooks.example.com/old")
    recent, _ = make.subscription(account, "https://hooks.example.com/recent")
    live, _ = make.subscription(account, "https://hooks.example.com/live")
    for subscription, days in ((old, 31), (recent, 29)):
        at = timezone.now() - dt.timedelta(days=days)
        Subscription.objects.filter(pk=subscription.pk).update(deleted_at=at, is_active=False)
    retention.delete_old()
    assert set(Subscription.objects.all()) == {recent, live}
