"""What an integrator does with a subscription: /api/zapier/webhooks/…"""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from standardwebhooks import WebhookVerificationError

from communications.channels import gateways
from inflow.accounts import encryption
from inflow.accounts.models import Account, AuditEntry, Scope
from tests import make
from tests.api.client import Caller, caller, is_problem
from tests.receiver import Answer, Receiver
from webhooks import endpoints
from webhooks.delivery.sending import deliver_due
from webhooks.models import Attempt, Delivery, DeliveryStatus, Event, EventType, Subscription
from webhooks.outbox import put

pytestmark = pytest.mark.django_db

URL = "https://hooks.example.com/inflow"


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.TRY_OUT = True


@pytest.fixture
def account() -> Account:
    return make.account(plan="enterprise", requests_per_minute=100_000)


def announce(account: Account, count: int = 1) -> None:
    with transaction.atomic():
        for number in range(count):
            put(account, EventType.INVOICE_CREATED, {"number": number})


def turn_off(subscription: Subscription) -> None:
    assert endpoints.disable(subscription.pk, endpoints.REASON_FAILING, DeliveryStatus.SKIPPED)


# --- Reading -----------------------------------------------------------------------------------------------------


def test_subscriptions_are_listed_newest_first_in_pages_and_without_a_secret(account: Account) -> None:
    made = [make.subscription(account, f"{URL}/{number}")[0] for number in range(5)]
    ended, _ = make.subscription(account, f"{URL}/ended")
    Subscription.objects.filter(pk=ended.pk).update(deleted_at=timezone.now(), is_active=False)
    make.subscription(make.account("Another LLC"), URL)
    api = caller(account)
    first = api.get("webhooks?limit=3")
    assert first.next
    second = api.get(first.next)
    assert second.next is None
    listed = first.json + second.json
    assert [row["id"] for row in listed] == [str(each.pk) for each in reversed(made)]
    for row in listed:
        names = {"id", "target_url", "event", "events", "is_active", "disabled_reason", "created_at", "description"}
        assert row.keys() == names
        assert api.get(f"webhooks/{row['id']}").json == row
    assert "whsec_" not in first.body.decode() + second.body.decode()


def test_a_disabled_subscription_says_why(account: Account) -> None:
    subscription, _ = make.subscription(account, URL)
    turn_off(subscription)
    found = caller(account).get(f"webhooks/{subscription.pk}").json
    assert (found["is_active"], found["disabled_reason"]) == (False, "failing")


ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("DELETE", "", None),
    ("POST", "/test", None),
    ("POST", "/rotate-secret", None),
    ("POST", "/enable", None),
    ("POST", "/replay", {"since": "2026-03-01T00:00:00Z"}),
    ("GET", "/deliveries", None),
    ("POST", f"/deliveries/{make.NOWHERE}/replay", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=[f"{route[0]} {route[1]}" for route in ROUTES])
def test_another_accounts_subscription_and_an_ended_one_are_not_there(method: str, path: str, body: Any) -> None:
    owner = make.account("Owner LLC")
    theirs, _ = make.subscription(owner, URL)
    before = Subscription.objects.values().get(pk=theirs.pk)
    stranger = caller()
    is_problem(stranger.send(method, f"webhooks/{theirs.pk}{path}", body), 404, "not_found")
    is_problem(stranger.send(method, f"webhooks/{uuid.uuid4()}{path}", body), 404, "not_found")
    assert Subscription.objects.values().get(pk=theirs.pk) == before
    Subscription.objects.filter(pk=theirs.pk).update(deleted_at=timezone.now(), is_active=False)
    is_problem(caller(owner).send(method, f"webhooks/{theirs.pk}{path}", body), 404, "not_found")
    assert not Event.objects.exists()


@pytest.mark.parametrize(("method", "path", "body"), [("GET", "s", None), *ROUTES])
def test_the_scope_is_needed(account: Account, method: str, path: str, body: Any) -> None:
    theirs, _ = make.subscription(account, URL)
    before = Subscription.objects.values().get(pk=theirs.pk)
    _, key = make.key(account, scopes=[Scope.INVOICES_READ, Scope.INVOICES_WRITE, Scope.COMMUNICATIONS_READ])
    target = "webhooks" if path == "s" else f"webhooks/{theirs.pk}{path}"
    problem = is_problem(Caller(key).send(method, target, body), 403, "scope_missing")
    assert Scope.WEBHOOKS_MANAGE in problem["detail"]
    assert Subscription.objects.values().get(pk=theirs.pk) == before


# --- Test events, secrets, enabling ------------------------------------------------------------------------------


def test_a_test_event_goes_to_this_subscription_alone(account: Account) -> None:
    with Receiver() as receiver, Receiver() as other:
        subscription, secret = make.subscription(account, receiver.url, [EventType.PAYMENT_RECORDED])
        make.subscription(account, other.url)
        answer = caller(account).post(f"webhooks/{subscription.pk}/test", None)
        assert answer.status == 202
        deliver_due()
        [request] = receiver.requests
        assert other.requests == []
    event = request.verified(secret)
    assert (event["id"], event["type"]) == (answer.json["event_id"], "webhook.test")
    assert event["data"]["webhook"]["id"] == str(subscription.pk)


def test_nobody_subscribes_to_test_events(account: Account) -> None:
    answer = caller(account).post("webhooks/subscribe", {"target_url": URL, "event": "webhook.test"})
    is_problem(answer, 422, field="event")
    assert not Subscription.objects.exists()


def test_a_rotated_secret_is_shown_once_and_both_sign(account: Account) -> None:
    with Receiver() as receiver:
        subscription, old = make.subscription(account, receiver.url)
        api = caller(account)
        answer = api.post(f"webhooks/{subscription.pk}/rotate-secret", None)
        assert answer.status == 200
        new = answer.json["secret"]
        assert new.startswith("whsec_")
        assert new != old
        assert "secret" not in api.get(f"webhooks/{subscription.pk}").json
        announce(account)
        deliver_due()
        [request] = receiver.requests
        assert request.verified(old) == request.verified(new)


def test_a_second_rotation_keeps_the_secret_in_use_and_revoking_ends_it(account: Account) -> None:
    with Receiver() as receiver:
        subscription, in_use = make.subscription(account, receiver.url)
        api = caller(account)
        address = f"webhooks/{subscription.pk}/rotate-secret"
        for body in (None, {}, {"revoke": False}):
            new = api.post(address, body).json["secret"]
        announce(account)
        deliver_due()
        assert receiver.requests[0].verified(in_use) == receiver.requests[0].verified(new)
        newest = api.post(address, {"revoke": True}).json["secret"]
        announce(account)
        deliver_due()
        receiver.requests[1].verified(newest)
        for ended in (in_use, new):
            with pytest.raises(WebhookVerificationError):
                receiver.requests[1].verified(ended)


def test_what_a_key_does_to_a_webhook_is_in_the_audit_log(account: Account) -> None:
    api = caller(account)
    made = api.post("webhooks/subscribe", {"target_url": URL, "event": "invoice.created"}).json["id"]
    api.post("webhooks/subscribe", {"target_url": URL, "event": "invoice.created"})  # which changes nothing
    api.post(f"webhooks/{made}/rotate-secret", {"revoke": True})
    Subscription.objects.update(is_active=False)
    api.post(f"webhooks/{made}/enable", None)
    api.post(f"webhooks/{made}/enable", None)
    api.delete(f"webhooks/{made}")
    api.delete(f"webhooks/{made}")
    entries = AuditEntry.objects.filter(account=account, target=URL).order_by("id")
    done = [(each.action, each.detail, each.actor != "") for each in entries]
    assert done == [
        ("subscription.created", {}, True),
        ("subscription.secret_rotated", {"revoke": True}, True),
        ("subscription.enabled", {}, True),
        ("subscription.ended", {}, True),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"revoke": "perhaps"},
        {"revoke": "yes"},
        {"revoke": 1},
        {"revoke": "true"},
        {"revoke": []},
        {"revoked": True},
    ],
)
def test_a_rotation_that_is_not_understood_rotates_nothing(account: Account, body: dict[str, Any]) -> None:
    subscription, _ = make.subscription(account, URL)
    is_problem(caller(account).post(f"webhooks/{subscription.pk}/rotate-secret", body), 422)
    assert Subscription.objects.get().sealed_secret == subscription.sealed_secret


def test_a_rotation_sent_again_under_its_key_is_one_rotation(account: Account) -> None:
    subscription, _ = make.subscription(account, URL)
    api, address = caller(account), f"webhooks/{subscription.pk}/rotate-secret"
    first, again = (api.post(address, None, Idempotency_Key="rotation-1") for _ in range(2))
    assert first.json["secret"] == again.json["secret"]
    assert len(Subscription.objects.get().earlier_secrets) == 1


def test_what_is_gone_does_not_count_against_the_plan_and_comes_back_only_where_there_is_room() -> None:
    account = make.account(requests_per_minute=100_000)  # free: 5
    gone = [make.subscription(account, f"{URL}/{number}")[0] for number in range(5)]
    for subscription in gone:
        endpoints.disable(subscription.pk, endpoints.REASON_GONE, DeliveryStatus.CANCELLED)
    api = caller(account)
    for number in range(5):
        made = api.post("webhooks/subscribe", {"url": f"{URL}/new/{number}", "event": "invoice.created"})
        assert made.status == 201
        if number < 2:
            turn_off(Subscription.objects.get(pk=made.json["id"]))
    too_many = api.post("webhooks/subscribe", {"url": f"{URL}/sixth", "event": "invoice.created"})
    is_problem(too_many, 422, "too_many_subscriptions")
    assert "2 of them are disabled" in too_many.json["detail"]
    is_problem(api.post(f"webhooks/{gone[0].pk}/enable", None), 422, "too_many_subscriptions")
    as_before = {"url": gone[0].target_url, "events": gone[0].events}
    is_problem(api.post("webhooks/subscribe", as_before), 422, "too_many_subscriptions")
    assert Subscription.objects.filter(is_active=True).count() == 3
    failing = Subscription.objects.filter(disabled_reason="failing").first()
    assert failing
    assert api.post(f"webhooks/{failing.pk}/enable", None).status == 200  # it has kept its place
    assert api.delete(f"webhooks/{failing.pk}").status == 204
    assert api.post(f"webhooks/{gone[0].pk}/enable", None).status == 200
    is_problem(api.post(f"webhooks/{gone[1].pk}/enable", None), 422, "too_many_subscriptions")


def test_a_disabled_subscription_is_enabled_and_sent_to_again(account: Account) -> None:
    with Receiver() as receiver:
        subscription, _ = make.subscription(account, receiver.url)
        turn_off(subscription)
        answer = caller(account).post(f"webhooks/{subscription.pk}/enable", None)
        assert (answer.status, answer.json["is_active"], answer.json["disabled_reason"]) == (200, True, None)
        assert caller(account).post(f"webhooks/{subscription.pk}/enable", None).status == 200
        announce(account)
        assert deliver_due() == 1


@pytest.mark.parametrize(
    ("path", "body"), [("test", None), ("replay", {"since": "2026-03-01T00:00:00Z"}), ("deliveries/{}/replay", None)]
)
def test_nothing_is_put_on_its_way_to_a_disabled_subscription(account: Account, path: str, body: Any) -> None:
    subscription, _ = make.subscription(account, URL)
    announce(account)
    turn_off(subscription)
    delivery = Delivery.objects.get()
    answer = caller(account).post(f"webhooks/{subscription.pk}/{path.format(delivery.pk)}", body)
    is_problem(answer, 422, "disabled")
    assert Event.objects.count() == 1
    assert Delivery.objects.get().status == "skipped"


# --- Deliveries and replays --------------------------------------------------------------------------------------


def test_deliveries_are_listed_with_their_attempts(account: Account) -> None:
    with Receiver(Answer(500)) as receiver:
        subscription, _ = make.subscription(account, receiver.url)
        announce(account)
        deliver_due()
        Delivery.objects.update(next_attempt_at=timezone.now())
        receiver.answer = Answer(201)
        deliver_due()
    silent, _ = make.subscription(account, "http://127.0.0.1:9/")
    announce(account)
    deliver_due()
    [_, found] = caller(account).get(f"webhooks/{subscription.pk}/deliveries").json
    event = Event.objects.order_by("seq")[0]
    assert found.keys() == {"id", "event_id", "type", "status", "next_attempt_at", "created_at", "attempts"}
    assert (found["event_id"], found["type"]) == (event.pk, "invoice.created")
    assert (found["status"], found["next_attempt_at"]) == ("delivered", None)
    assert [(each["status"], each["error"]) for each in found["attempts"]] == [(500, None), (201, None)]
    for each in found["attempts"]:
        assert each.keys() == {"at", "ms", "status", "error"}
        assert each["at"].endswith("Z")
        assert 0 <= each["ms"] < 10_000
    [waiting] = caller(account).get(f"webhooks/{silent.pk}/deliveries").json
    assert waiting["status"] == "pending"
    assert waiting["next_attempt_at"].endswith("Z")
    assert [(each["status"], each["error"]) for each in waiting["attempts"]] == [(None, "connection")]


def test_deliveries_come_in_pages_that_miss_and_repeat_none(
    account: Account, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    subscription, _ = make.subscription(account, URL)
    announce(account, 25)  # at one moment each: pages turn within equal times
    Delivery.objects.update(created_at=timezone.now())
    api = caller(account)
    seen: list[str] = []
    page: str | None = f"webhooks/{subscription.pk}/deliveries?limit=10"
    while page:
        with django_assert_max_num_queries(8):
            answer = api.get(page)
        announce(account)
        seen += [row["id"] for row in answer.json]
        page = answer.next
    assert len(seen) == len(set(seen)) == 25


@pytest.mark.parametrize("status", ["delivered", "failed", "skipped", "cancelled"])
def test_one_delivery_is_sent_again_with_the_same_id(account: Account, status: str) -> None:
    with Receiver() as receiver:
        subscription, secret = make.subscription(account, receiver.url)
        announce(account, 3)
        deliver_due()
        receiver.requests.clear()
        Delivery.objects.update(status=status)
        delivery = Delivery.objects.select_related("event").first()
        assert delivery
        answer = caller(account).post(f"webhooks/{subscription.pk}/deliveries/{delivery.pk}/replay", None)
        assert answer.status == 202
        assert (answer.json["id"], answer.json["status"]) == (str(delivery.pk), "pending")
        assert deliver_due() == 1
        [request] = receiver.requests
    assert request.verified(secret)["id"] == delivery.event_id
    assert request.body.decode() == delivery.event.body
    assert delivery.attempts.count() == 2


def test_everything_since_a_time_is_sent_again(account: Account) -> None:
    with Receiver() as receiver:
        subscription, _ = make.subscription(account, receiver.url)
        other, _ = make.subscription(account, receiver.url + "/other")
        announce(account, 4)
        deliver_due()
        times = [timezone.now() - dt.timedelta(hours=hours) for hours in (4, 3, 2, 1)]
        for time, delivery in zip(times, Delivery.objects.filter(subscription=subscription), strict=True):
            Delivery.objects.filter(pk=delivery.pk).update(created_at=time)
        receiver.requests.clear()
        answer = caller(account).post(f"webhooks/{subscription.pk}/replay", {"since": times[1].isoformat()})
        assert (answer.status, answer.json) == (202, {"deliveries": 3})
        assert deliver_due() == 3
        assert {request.path for request in receiver.requests} == {"/hook"}
    assert Attempt.objects.filter(delivery__subscription=other).count() == 4


def test_what_was_skipped_is_delivered_by_a_replay(account: Account) -> None:
    with Receiver() as receiver:
        subscription, _ = make.subscription(account, receiver.url)
        turn_off(subscription)
        announce(account, 3)
        assert deliver_due() == 0
        api = caller(account)
        api.post(f"webhooks/{subscription.pk}/enable", None)
        since = (timezone.now() - dt.timedelta(hours=1)).isoformat()
        assert api.post(f"webhooks/{subscription.pk}/replay", {"since": since}).json == {"deliveries": 3}
        assert deliver_due() == 3
        assert len({request.headers["webhook-id"] for request in receiver.requests}) == 3


def test_what_is_older_than_14_days_is_not_sent_again(account: Account) -> None:
    subscription, _ = make.subscription(account, URL)
    announce(account)
    old = timezone.now() - dt.timedelta(days=14, minutes=1)
    Delivery.objects.update(status="delivered", next_attempt_at=None, created_at=old)
    api, delivery = caller(account), Delivery.objects.get()
    is_problem(api.post(f"webhooks/{subscription.pk}/deliveries/{delivery.pk}/replay", None), 422, "too_old")
    answer = api.post(f"webhooks/{subscription.pk}/replay", {"since": old.isoformat()})
    is_problem(answer, 422, "too_old", field="since")
    assert Delivery.objects.get().status == "delivered"


@pytest.mark.parametrize(
    "body", [None, {}, {"since": None}, {"since": "yesterday"}, {"since": "2026-03-01"}, {"since": 5}, []]
)
def test_a_replay_without_a_moment_is_refused(account: Account, body: Any) -> None:
    subscription, _ = make.subscription(account, URL)
    announce(account)
    Delivery.objects.update(status="delivered", next_attempt_at=None)
    answer = caller(account).post(f"webhooks/{subscription.pk}/replay", body)
    assert answer.status in (415, 422)
    assert Delivery.objects.get().status == "delivered"


def test_a_replay_leaves_alone_what_a_worker_is_sending(account: Account) -> None:
    subscription, _ = make.subscription(account, URL)
    announce(account)
    lease = uuid.uuid4()
    until = timezone.now() + dt.timedelta(seconds=20)
    Delivery.objects.update(lease=lease, next_attempt_at=until)
    delivery = Delivery.objects.get()
    assert caller(account).post(f"webhooks/{subscription.pk}/deliveries/{delivery.pk}/replay", None).status == 202
    delivery.refresh_from_db()
    assert (delivery.lease, delivery.next_attempt_at) == (lease, until)


# --- Secrets at rest ---------------------------------------------------------------------------------------------


def test_secrets_are_stored_sealed_and_move_to_a_new_key(account: Account, settings: Any) -> None:
    subscription, old = make.subscription(account, URL)
    new = caller(account).post(f"webhooks/{subscription.pk}/rotate-secret", None).json["secret"]
    stored = Subscription.objects.get()
    assert "whsec_" not in f"{stored.sealed_secret} {stored.earlier_secrets}"
    gateway = make.gateway(account)
    fresh = "Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyMTI="
    settings.FIELD_KEYS = [fresh, *settings.FIELD_KEYS]
    call_command("reseal_secrets", verbosity=0)
    settings.FIELD_KEYS = [fresh]
    stored.refresh_from_db()
    assert encryption.decrypt(stored.sealed_secret) == new
    assert encryption.decrypt(stored.earlier_secrets[0]["sealed"]) == old
    gateway.refresh_from_db()
    assert gateways.token_of(gateway) == make.TOKEN


def test_a_secret_that_no_key_opens_is_named_and_left_as_it_is(account: Account) -> None:
    subscription, _ = make.subscription(account, URL)
    make.subscription(account, f"{URL}/2")
    Subscription.objects.filter(pk=subscription.pk).update(sealed_secret="gAAAAA")
    with pytest.raises(CommandError, match=str(subscription.pk)):
        call_command("reseal_secrets", verbosity=0)
    subscription.refresh_from_db()
    assert subscription.sealed_secret == "gAAAAA"


def test_a_subscription_is_changed_and_keeps_its_secret(account: Account) -> None:
    api = caller(account)
    made = api.post("webhooks/subscribe", {"target_url": "https://a.example/hook", "event": "invoice.created"}).json
    sealed = Subscription.objects.get().sealed_secret
    change = {"target_url": "https://b.example/hook", "events": ["invoice.created", "payment.recorded"]}
    answer = api.patch(f"webhooks/{made['id']}", {**change, "description": "Ledger"})
    assert answer.status == 200, answer.body
    assert {name: answer.json[name] for name in (*change, "description")} == {**change, "description": "Ledger"}
    assert answer.json == api.get(f"webhooks/{made['id']}").json
    assert Subscription.objects.get().sealed_secret == sealed
    assert AuditEntry.objects.filter(action="subscription.changed").count() == 1
    api.patch(f"webhooks/{made['id']}", change)
    assert AuditEntry.objects.filter(action="subscription.changed").count() == 1


def test_a_changed_subscription_must_be_allowed_and_unique(account: Account) -> None:
    api = caller(account)
    first, second = (
        api.post("webhooks/subscribe", {"target_url": f"https://{host}.example/", "event": "invoice.created"}).json[
            "id"
        ]
        for host in ("a", "b")
    )
    is_problem(api.patch(f"webhooks/{second}", {"target_url": "https://a.example/"}), 422, field="target_url")
    is_problem(api.patch(f"webhooks/{second}", {"target_url": "https://10.0.0.1/"}), 422, field="target_url")
    is_problem(api.patch(f"webhooks/{second}", {"events": []}), 422)
    is_problem(api.patch(f"webhooks/{second}", {"event": "invoice.created"}), 422)
    is_problem(api.patch(f"webhooks/{make.NOWHERE}", {"description": "x"}), 404)
    assert Subscription.objects.get(pk=second).target_url == "https://b.example/"
    api.delete(f"webhooks/{first}")
    is_problem(api.patch(f"webhooks/{first}", {"description": "x"}), 404)
