"""An event is part of the change it tells of: written with it, undone with it, in the order of the commits."""

import datetime as dt
import json
import threading
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from communications.delivery import sender
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.models import Invoice
from tests import make
from tests.parallel import at_once
from tests.receiver import Answer, Receiver
from webhooks.delivery import claims, sending
from webhooks.models import Attempt, Delivery, DeliveryStatus, Event, EventCounter, EventType, Subscription

pytestmark = pytest.mark.django_db

TARGET = "https://hooks.example.com/inflow"


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


@pytest.fixture
def loopback(settings: Settings) -> None:
    """Webhooks may go to this machine, as under `make run`."""
    settings.TRY_OUT = True


class Api:
    """What a GET shows to the account."""

    def __init__(self, account: Account) -> None:
        self.client, (_, self.key) = Client(), make.key(account)

    def get(self, path: str) -> Any:
        response = self.client.get(f"/api/zapier/{path}", headers={"X-InFlow-Key": self.key})
        assert response.status_code == 200
        return response.json()


def newest(type: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(Event.objects.filter(type=type).latest("seq").body)
    assert set(body) == {"id", "type", "timestamp", "api_version", "data"}
    assert (body["type"], body["api_version"]) == (type, "2026-03-01")
    data: dict[str, Any] = body["data"]
    return data


def test_a_change_that_is_rolled_back_leaves_no_event_and_no_delivery(account: Account) -> None:
    make.subscription(account, TARGET, make.ALL_EVENTS)
    with transaction.atomic():
        invoice = make.invoice(account)
        lifecycle.change(account, invoice.pk, make.API, status="paid")
        assert Delivery.objects.count() == 3
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()
    assert not EventCounter.objects.exists()
    make.invoice(account)
    assert Event.objects.get().seq == 1


@pytest.mark.django_db(transaction=True)
def test_a_change_whose_event_can_not_be_written_does_not_commit() -> None:
    account = make.account()
    invoice = make.invoice(account)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE webhooks_event ADD CONSTRAINT outbox_is_full CHECK (seq < 2) NOT VALID")
    try:
        for verb in (
            partial(make.invoice, account),
            partial(lifecycle.change, account, invoice.pk, make.API, status="disputed"),
        ):
            with pytest.raises(IntegrityError, match="outbox_is_full"):
                verb()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE webhooks_event DROP CONSTRAINT outbox_is_full")
    assert Invoice.objects.get().status == "new"
    assert make.events_of(account) == ["invoice.created"]


def test_each_subscriber_of_the_event_gets_a_delivery_and_nobody_else(account: Account) -> None:
    created, _ = make.subscription(account, f"{TARGET}/1", [EventType.INVOICE_CREATED])
    both, _ = make.subscription(account, f"{TARGET}/2", [EventType.INVOICE_CREATED, EventType.INVOICE_STATUS_CHANGED])
    make.subscription(account, f"{TARGET}/3", [EventType.ESCALATION_CREATED])
    make.subscription(make.account("Oryx"), TARGET, make.ALL_EVENTS)
    invoice = make.invoice(account)
    lifecycle.change(account, invoice.pk, make.API, status="disputed")
    told = Delivery.objects.order_by("event__seq", "subscription__target_url")
    assert list(told.values_list("event__type", "subscription")) == [
        ("invoice.created", created.pk),
        ("invoice.created", both.pk),
        ("invoice.status_changed", both.pk),
    ]
    assert {delivery.status for delivery in told} == {"pending"}


def test_an_event_without_subscribers_is_kept(account: Account) -> None:
    make.invoice(account)
    assert make.events_of(account) == ["invoice.created"]
    assert not Delivery.objects.exists()


def test_what_a_disabled_subscription_misses_is_kept_as_skipped(account: Account) -> None:
    subscription, _ = make.subscription(account, TARGET)
    Subscription.objects.update(is_active=False)
    make.invoice(account)
    delivery = Delivery.objects.get(subscription=subscription)
    assert (delivery.status, delivery.next_attempt_at) == ("skipped", None)


def test_the_data_is_what_a_get_shows_after_the_commit(account: Account) -> None:
    api = Api(account)
    invoice = make.invoice(account, due_in=-10, amount="1000.50", amount_paid=100, notes="of two lines\n\u2026")
    path = f"invoices/{invoice.pk}"
    assert newest("invoice.created") == api.get(path)

    changes: list[tuple[str, str, Callable[[], object]]] = [
        ("new", "partially_paid", partial(lifecycle.age, account, invoice.pk)),
        ("overdue", "partially_paid", partial(lifecycle.change, account, invoice.pk, make.API, status="on_hold")),
        ("on_hold", "partially_paid", partial(lifecycle.change, account, invoice.pk, make.STAFF, status="overdue")),
        ("overdue", "partially_paid", partial(lifecycle.change, account, invoice.pk, make.API, status="paid")),
        ("paid", "paid", partial(lifecycle.change, account, invoice.pk, make.API, payment_status="unpaid")),
    ]
    for status, payment_status, change in changes:
        change()
        previous = {"previous_status": status, "previous_payment_status": payment_status}
        assert newest("invoice.status_changed") == api.get(path) | previous

    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal("1000.50"), reference="FT-1")
    data = newest("payment.recorded")
    assert data.pop("invoice") == api.get(path)
    receipt = {name: data.pop(name) for name in ("currency", "debtor_id", "allocations")}
    assert receipt == {name: api.get(f"payments/{payment.pk}")[name] for name in receipt}
    assert data == next(entry for entry in api.get(f"{path}/payments") if entry["id"] == str(payment.pk))


def test_the_data_of_a_message_is_what_a_get_shows(account: Account) -> None:
    api = Api(account)
    invoice = make.overdue_invoice(account, place=make.open_place(), language="ar")
    make.reminder_due(invoice)
    assert sender.send_due() == 1
    assert [newest("communication.sent")] == api.get(f"communications/{invoice.pk}")


@pytest.mark.django_db(transaction=True)
def test_numbers_have_no_gaps_and_follow_the_commits() -> None:
    account, other = make.account(), make.account("Oryx")
    finished = threading.Event()
    seen: list[list[int]] = []

    def write(one: Account) -> None:
        for number in range(6):
            invoice = make.invoice(one)
            if number % 2:
                lifecycle.change(one, invoice.pk, make.API, status="paid")
            with transaction.atomic():
                make.invoice(one)
                transaction.set_rollback(True)

    def read() -> None:
        while not finished.is_set():
            seen.append(list(Event.objects.for_account(account).order_by("seq").values_list("seq", flat=True)))
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    results = at_once(*[partial(write, account)] * 7, partial(write, other))
    finished.set()
    reader.join()
    assert results == [None] * 8
    for one, writers in ((account, 7), (other, 1)):
        numbers = Event.objects.for_account(one).order_by("seq").values_list("seq", flat=True)
        assert list(numbers) == list(range(1, 12 * writers + 1))
    assert len(seen) > 1
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen), "a number came after a later one"


@pytest.mark.django_db(transaction=True)
def test_the_accounts_counter_is_locked_after_all_else_is_written() -> None:
    """So that writers of an account wait for each other's commit alone: a row that is refused is so before."""
    account = make.account()
    make.invoice(account, invoice_number="INV-1")
    results: list[object] = []

    def write() -> None:
        try:
            make.invoice(account, invoice_number="INV-1")
        except lifecycle.Refused as refusal:
            results.append(refusal.code)
        connection.close()

    writer = threading.Thread(target=write)
    with transaction.atomic():
        EventCounter.objects.select_for_update().get(account=account)
        writer.start()
        writer.join(10)
        assert results == ["duplicate"]
    writer.join()


@pytest.mark.usefixtures("loopback")
def test_a_receiver_can_verify_what_it_is_sent(account: Account) -> None:
    with Receiver() as receiver:
        _, secret = make.subscription(account, receiver.url)
        invoice = make.invoice(account, debtor_name="أحمد الراشد")
        assert sending.deliver_due() == 1
        assert sending.deliver_due() == 0
    (request,) = receiver.requests
    event = Event.objects.get()
    assert request.verified(secret) == json.loads(event.body)
    assert request.body == event.body.encode()
    assert request.headers["webhook-id"] == event.pk
    assert request.headers["content-type"] == "application/json"
    assert abs(int(request.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 10
    assert request.json["data"]["id"] == str(invoice.pk)
    delivery, attempt = Delivery.objects.get(), Attempt.objects.get()
    assert (delivery.status, delivery.attempts_made, delivery.next_attempt_at) == ("delivered", 1, None)
    assert (attempt.status, attempt.error, attempt.response) == (200, "", "ok")


@pytest.mark.usefixtures("loopback")
def test_the_next_try_is_a_time_in_the_row_and_has_the_same_id(account: Account) -> None:
    with Receiver(Answer(500, b"down")) as receiver:
        _, secret = make.subscription(account, receiver.url)
        make.invoice(account)
        before = timezone.now()
        assert sending.deliver_due() == 1
        waits = Delivery.objects.get()
        assert (waits.status, waits.attempts_made) == ("pending", 1)
        assert waits.next_attempt_at is not None
        assert dt.timedelta(seconds=5) <= waits.next_attempt_at - before <= dt.timedelta(seconds=7)
        assert sending.deliver_due() == 0

        receiver.answer = Answer(204, b"")
        Delivery.objects.update(next_attempt_at=timezone.now())
        assert sending.deliver_due() == 1
        first, second = receiver.requests
    assert first.verified(secret) == second.verified(secret)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert Delivery.objects.get().status == "delivered"
    assert list(Attempt.objects.order_by("at").values_list("status", flat=True)) == [500, 204]


def test_a_worker_that_comes_back_after_its_lease_changes_nothing(account: Account) -> None:
    subscription, _ = make.subscription(account, TARGET)
    make.invoice(account)
    now = timezone.now()
    (slow,) = claims.claim([subscription.pk], 1, now)
    assert claims.claim([subscription.pk], 1, now) == []
    (fast,) = claims.claim([subscription.pk], 1, now + claims.LEASE + dt.timedelta(seconds=1))
    assert [item.id for item in slow.items] == [item.id for item in fast.items]
    assert claims.record([record_of(slow, DeliveryStatus.FAILED, 500)]) == set()
    assert Delivery.objects.get().lease == fast.lease
    assert not Attempt.objects.exists()
    assert claims.record([record_of(fast, DeliveryStatus.DELIVERED, 200)]) == {fast.items[0].id}
    assert (Delivery.objects.get().status, Attempt.objects.get().status) == ("delivered", 200)


def record_of(lane: claims.Lane, status: DeliveryStatus, http_status: int) -> claims.Record:
    (item,) = lane.items
    return claims.Record(
        delivery_id=item.id,
        lease=lane.lease,
        status=status,
        next_attempt_at=None,
        attempts_made=1,
        at=timezone.now(),
        ms=1,
        http_status=http_status,
        error="",
        response="",
    )
