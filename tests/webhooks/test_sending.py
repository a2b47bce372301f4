"""The delivery engine, from the row to the receiver and back."""

import datetime as dt
import threading
from collections import Counter
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from inflow.accounts.encryption import encrypt
from inflow.accounts.models import Account
from tests import make
from tests.receiver import Answer, Receiver, Request
from tests.webhooks import wire, workers
from webhooks import outbox, subscriptions
from webhooks.delivery import claims, outcomes
from webhooks.delivery import signing as signatures
from webhooks.delivery.claims import Record
from webhooks.delivery.sending import deliver_due
from webhooks.models import Attempt, Delivery, DeliveryStatus, EventType, Subscription
from webhooks.outbox import put


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.TRY_OUT = True


def announce(account: Account, count: int = 1) -> None:
    with transaction.atomic():
        for number in range(count):
            put(account, EventType.INVOICE_CREATED, {"number": number})


def claim(account: Account) -> list[claims.Lane]:
    """Everything of the account that may be claimed now."""
    wanted = Subscription.objects.for_account(account).values_list("pk", flat=True)
    return claims.claim(list(wanted), 100, timezone.now())


def now_due(deliveries: Any = None) -> int:
    """As if the time of their next try had come."""
    rows = Delivery.objects.all() if deliveries is None else deliveries
    return int(rows.filter(status="pending").update(next_attempt_at=timezone.now(), lease=None))


def failed(lane: claims.Lane, item: claims.Item) -> Record:
    return Record(
        delivery_id=item.id,
        lease=lane.lease,
        status=DeliveryStatus.PENDING,
        next_attempt_at=timezone.now(),
        attempts_made=item.attempts_made + 1,
        at=timezone.now(),
        ms=3,
        http_status=500,
        error="",
        response="",
    )


# --- One delivery ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_is_due_is_sent_once_signed_and_recorded() -> None:
    account = make.account()
    with Receiver(Answer(200, b"thanks")) as receiver:
        _, secret = make.subscription(account, receiver.url)
        for _ in range(30):
            make.invoice(account)
        assert deliver_due() == 30
        assert deliver_due() == 0
        assert len(receiver.requests) == 30
    assert {request.verified(secret)["type"] for request in receiver.requests} == {"invoice.created"}
    for delivery in Delivery.objects.all():
        assert (delivery.status, delivery.attempts_made, delivery.next_attempt_at) == ("delivered", 1, None)
        assert delivery.lease is None
        attempt = delivery.attempts.get()
        assert (attempt.status, attempt.error, attempt.response) == (200, "", "thanks")


@pytest.mark.django_db
def test_each_try_has_the_same_id_and_a_timestamp_of_its_own() -> None:
    account = make.account()
    with Receiver(Answer(500)) as receiver:
        _, secret = make.subscription(account, receiver.url)
        make.invoice(account)
        for _ in range(10):
            assert deliver_due() == 1
            now_due()
        assert deliver_due() == 0
        assert len(receiver.requests) == 10
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.body for request in receiver.requests}) == 1
    for request in receiver.requests:
        request.verified(secret)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts_made, delivery.next_attempt_at) == ("failed", 10, None)
    assert delivery.attempts.count() == 10


@pytest.mark.django_db
def test_what_fails_waits_for_its_next_step() -> None:
    account = make.account()
    with Receiver(Answer(503, headers={"Retry-After": "9"})) as receiver:
        make.subscription(account, receiver.url)
        make.invoice(account)
        began = timezone.now()
        assert deliver_due() == 1
        assert deliver_due() == 0
    delivery = Delivery.objects.get()
    assert delivery.status == "pending"
    assert delivery.next_attempt_at is not None
    assert 9 <= (delivery.next_attempt_at - began).total_seconds() <= 11


@pytest.mark.django_db
def test_an_attempt_cannot_be_changed() -> None:
    account = make.account()
    with Receiver() as receiver:
        make.subscription(account, receiver.url)
        make.invoice(account)
        deliver_due()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Attempt.objects.update(status=500)
    assert Attempt.objects.get().status == 200


@pytest.mark.django_db
def test_an_answer_that_postgresql_would_refuse_is_stored() -> None:
    account = make.account()
    with Receiver(Answer(500, b"\0\xff<script>")) as receiver:
        make.subscription(account, receiver.url)
        make.invoice(account)
        assert deliver_due() == 1
    assert Attempt.objects.get().response == "\ufffd\ufffd<script>"


@pytest.mark.django_db
def test_a_secret_that_no_key_opens_is_a_failed_try_and_harms_no_other() -> None:
    account = make.account(plan="enterprise")
    with Receiver() as receiver:
        broken, _ = make.subscription(account, receiver.url + "/broken")
        make.subscription(account, receiver.url)
        Subscription.objects.filter(pk=broken.pk).update(sealed_secret="gAAAAA")
        make.invoice(account)
        assert deliver_due() == 2
        assert [request.path for request in receiver.requests] == ["/hook"]
    assert Attempt.objects.get(delivery__subscription=broken).error == "secret_unreadable"
    assert Delivery.objects.get(subscription=broken).status == "pending"


def signing(request: Request, secrets: list[str]) -> list[bool]:
    """Return which of the secrets signed a request."""
    given = request.headers["webhook-signature"].split()
    timestamp = int(request.headers["webhook-timestamp"])
    made = [signatures.sign(secret, request.headers["webhook-id"], timestamp, request.body) for secret in secrets]
    assert set(given) <= set(made)
    return [each in given for each in made]


@pytest.mark.django_db
def test_the_secrets_of_the_last_day_sign_however_often_it_was_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    account, began = make.account(), timezone.now()
    with Receiver() as receiver:

        def signed_by(secrets: list[str]) -> list[bool]:
            receiver.requests.clear()
            make.invoice(account)
            deliver_due()
            [request] = receiver.requests
            return signing(request, secrets)

        subscription, first = make.subscription(account, receiver.url)
        secrets = [first]
        for hours in (0, 1, 23):
            monkeypatch.setattr(timezone, "now", lambda hours=hours: began + dt.timedelta(hours=hours))
            secrets.append(subscriptions.rotate_secret(subscription))
            monkeypatch.undo()
        assert signed_by(secrets) == [True, True, True, True]
        stored = Subscription.objects.get()
        now = began + dt.timedelta(hours=24)
        assert len(subscriptions.earlier_signing_secrets(stored.earlier_secrets, now)) == 2  # the first has had its day
        assert subscriptions.earlier_signing_secrets(stored.earlier_secrets, now + dt.timedelta(hours=24)) == []
        secrets += [subscriptions.rotate_secret(subscription) for _ in range(3)]
        assert signed_by(secrets) == [False, False, True, True, True, True, True]
        secrets.append(subscriptions.rotate_secret(subscription, revoke=True))
        assert signed_by(secrets) == [False] * 7 + [True]
        secrets.append(subscriptions.rotate_secret(subscription))
        assert signed_by(secrets) == [False] * 7 + [True, True]


@pytest.mark.django_db
def test_secrets_sealed_under_a_retired_key_still_sign(settings: Any) -> None:
    account = make.account()
    with Receiver() as receiver:
        _, secret = make.subscription(account, receiver.url)
        settings.FIELD_KEYS = ["Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyMTI=", *settings.FIELD_KEYS]
        assert encrypt("x") != encrypt("x")
        make.invoice(account)
        deliver_due()
        receiver.requests[0].verified(secret)


# --- Leases ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_one_worker_holds_no_other_gets_until_its_lease_is_over() -> None:
    account = make.account()
    make.subscription(account, "http://127.0.0.1:9/")
    announce(account, 3)
    [*lanes] = claim(account)
    assert sum(len(lane.items) for lane in lanes) == 3
    assert claim(account) == []
    assert claims.find_due(timezone.now()).fast == []
    later = timezone.now() + claims.LEASE
    assert len(claims.find_due(later).fast) == 1
    again = claims.claim(claims.find_due(later).fast, 10, later)
    assert {item.id for lane in again for item in lane.items} == {item.id for lane in lanes for item in lane.items}


@pytest.mark.django_db
def test_a_late_finishers_write_is_ignored() -> None:
    account = make.account()
    make.subscription(account, "http://127.0.0.1:9/")
    announce(account)
    [late] = claim(account)
    now_due()
    [current] = claim(account)
    before = Delivery.objects.values().get()
    assert claims.record([failed(late, late.items[0])]) == set()
    claims.release([(late.items[0].id, late.lease)])
    assert Delivery.objects.values().get() == before
    assert not Attempt.objects.exists()
    assert claims.record([failed(current, current.items[0])]) == {current.items[0].id}
    assert Attempt.objects.count() == 1


@pytest.mark.django_db
def test_a_lease_is_longer_than_a_lane_can_take() -> None:
    from webhooks.delivery import sending, transport

    assert claims.LEASE.total_seconds() > sending.LANE_S + transport.TOTAL_S + 5


@pytest.mark.django_db
def test_an_endpoint_has_two_lanes_over_all_workers() -> None:
    account = make.account()
    make.subscription(account, "http://127.0.0.1:9/")
    announce(account, 50)
    lanes = claim(account)
    assert [len(lane.items) for lane in lanes] == [claims.ROWS, claims.ROWS]
    assert claim(account) == []
    done = [failed(lanes[0], item) for item in lanes[0].items]
    claims.record(done[:-1])
    assert claim(account) == []
    claims.record(done[-1:])
    [one] = claim(account)
    assert one.lease not in {lane.lease for lane in lanes}


@pytest.mark.django_db
def test_a_slow_endpoints_lane_holds_one_delivery() -> None:
    account = make.account()
    make.subscription(account, "http://127.0.0.1:9/")
    Subscription.objects.update(is_slow=True)
    announce(account, 50)
    assert len(claims.find_due(timezone.now()).slow) == 1
    assert [len(lane.items) for lane in claim(account)] == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_is_being_claimed_is_left_to_its_claimant() -> None:
    account = make.account()
    subscription, _ = make.subscription(account, "http://127.0.0.1:9/")
    announce(account, 3)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
            held.set()
            release.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    assert claim(account) == []
    release.set()
    holder.join()
    assert len(claim(account)) == 2


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_of_a_thousand_due_rows_two_workers_send_none_twice() -> None:
    account = make.account(plan="enterprise")
    with Receiver() as receiver:
        for number in range(20):
            make.subscription(account, f"{receiver.url}/{number}")
        announce(account, 50)
        with workers.drains(2) as processes:
            for process in processes:
                assert process.stdin
                process.stdin.write("\n")
                process.stdin.flush()
            made = [int(process.communicate(timeout=60)[0]) for process in processes]
        sent = Counter((request.path, request.headers["webhook-id"]) for request in receiver.requests)
    assert sum(made) == 1000
    assert min(made) > 0, "one worker did it all"
    assert len(sent) == 1000
    assert set(sent.values()) == {1}
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}
    assert Attempt.objects.count() == 1000


# --- Fairness ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_at_most_two_requests_are_in_flight_at_an_endpoint() -> None:
    account = make.account(plan="enterprise")
    lock, flying, most = threading.Lock(), Counter[str](), Counter[str]()
    leave = threading.Event()

    def count(request: Request) -> Answer:
        with lock:
            flying[request.path] += 1
            most[request.path] = max(most[request.path], flying[request.path])
        leave.wait(0.02)
        with lock:
            flying[request.path] -= 1
        return Answer()

    with Receiver(count) as receiver:
        for number in range(3):
            make.subscription(account, f"{receiver.url}/{number}")
        announce(account, 60)
        assert deliver_due() == 180
    assert set(most.values()) == {2}


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_hangs_with_500_due_does_not_delay_another_with_10() -> None:
    hanging, good = make.account("Hanging LLC"), make.account("Good LLC")

    def hang(connection: Any) -> None:
        wire.request(connection)
        threading.Event().wait(30)

    with Receiver() as receiver, wire.server(hang) as url, workers.celery():
        make.subscription(hanging, url)
        make.subscription(good, receiver.url)
        announce(hanging, 500)
        deadline = timezone.now() + dt.timedelta(seconds=5)
        while not Delivery.objects.filter(account=hanging, lease__isnull=False).exists():
            assert timezone.now() < deadline, "nobody is hanging"
        for _ in range(3):
            announce(good, 10)
            receiver.wait_for(10, within_s=3)
            receiver.requests.clear()
        assert Delivery.objects.filter(account=hanging, lease__isnull=False).values("lease").distinct().count() <= 2


@pytest.mark.django_db
def test_many_endpoints_that_are_a_little_slow_are_served_side_by_side() -> None:
    account = make.account(plan="enterprise")
    with Receiver(Answer(after_s=0.3)) as receiver:
        for number in range(40):
            make.subscription(account, f"{receiver.url}/{number}")
        announce(account, 2)
        began = timezone.now()
        assert deliver_due() == 80
    assert (timezone.now() - began).total_seconds() < 3  # one after the other: 24


@pytest.mark.django_db
def test_what_falls_due_while_an_answer_is_awaited_is_sent_meanwhile() -> None:
    account, late = make.account(), make.account("Late LLC")
    seen: list[str] = []

    def answer(request: Request) -> Answer:
        seen.append(request.path)
        return Answer(after_s=1.0 if request.path == "/slow" else 0)

    with Receiver(answer) as receiver:
        make.subscription(account, f"http://127.0.0.1:{receiver.port}/slow")
        make.subscription(late, f"http://127.0.0.1:{receiver.port}/late")
        announce(account)
        announce(late)
        soon = timezone.now() + dt.timedelta(seconds=0.3)
        Delivery.objects.filter(account=late).update(next_attempt_at=soon)
        assert deliver_due() == 2
        [slow, fast] = Attempt.objects.order_by("at")
    assert seen == ["/slow", "/late"]
    assert soon <= fast.at
    assert (fast.at - slow.at).total_seconds() < 0.9


@pytest.mark.django_db
def test_all_endpoints_fail_together_and_come_back_spread() -> None:
    account = make.account(plan="enterprise")
    with Receiver(Answer(500)) as receiver:
        for number in range(20):
            make.subscription(account, f"{receiver.url}/{number}")
        announce(account, 20)
        deliver_due()
        now_due()
        began = timezone.now()
        deliver_due()
        took = (timezone.now() - began).total_seconds()
    waits = [
        (at - began).total_seconds()
        for at in Delivery.objects.filter(attempts_made=2).values_list("next_attempt_at", flat=True)
    ]
    step = outcomes.SCHEDULE_S[2]
    assert len(waits) == 400
    assert min(waits) >= step
    assert max(waits) <= step * 1.2 + took
    by_six_seconds = Counter(int((wait - step) // 6) for wait in waits)
    assert max(by_six_seconds.values()) <= 80  # of 40 on average


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_told_to_end_finishes_its_sends_and_gives_back_the_rest() -> None:
    account = make.account()
    with Receiver(Answer(after_s=0.1)) as receiver, workers.celery() as worker:
        make.subscription(account, receiver.url)
        announce(account, 200)
        receiver.wait_for(5)
        worker.terminate()
        assert worker.wait(8) == 0
        sent = {request.headers["webhook-id"] for request in receiver.requests}
    assert len(sent) < 100, "it went on to the end"
    pending = Delivery.objects.filter(account=account, status="pending")
    assert not pending.filter(lease__isnull=False).exists()
    assert {delivery.event_id for delivery in Delivery.objects.filter(account=account, status="delivered")} == sent
    assert pending.count() == 200 - len(sent)


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_database_connections_broke_takes_new_ones() -> None:
    account = make.account()
    with Receiver() as receiver, workers.celery():
        make.subscription(account, receiver.url)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchone()[0] >= 1
        for count in (1, 2, 3, 4):
            announce(account)
            receiver.wait_for(count, within_s=3)


# --- Wake-ups ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_one_wake_up_at_a_time_is_on_its_way(settings: Any) -> None:
    from django.core.cache import cache

    cache.delete(outbox.WOKEN)
    account = make.account()
    make.subscription(account, "http://127.0.0.1:9/")
    before = queued()
    for _ in range(5):
        make.invoice(account)
    assert queued() == before + 1
    cache.delete(outbox.WOKEN)  # as its task does first
    make.invoice(account)
    assert queued() == before + 2


@pytest.mark.django_db(transaction=True)
def test_nobody_is_woken_where_nobody_listens_or_nothing_is_committed() -> None:
    from django.core.cache import cache

    cache.delete(outbox.WOKEN)
    account = make.account()
    before = queued()
    make.invoice(account)
    make.subscription(account, "http://127.0.0.1:9/")
    with transaction.atomic():
        make.invoice(account)
        transaction.set_rollback(True)
    assert queued() == before
    assert not Delivery.objects.exists()


def queued() -> int:
    from inflow.celery import app

    with app.connection_for_read() as broker:
        return int(broker.default_channel.client.llen("webhooks"))
