"""Contract §7: a POST that is sent again has its first effect and its first answer."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from inflow.accounts.models import Account
from inflow.api.models import IdempotentAnswer
from inflow.api.tasks import forget_idempotency_keys
from invoices.models import Invoice, Payment
from invoices.signals import invoices_created
from tests import make
from tests.api.client import Answer, Caller, caller, is_problem
from tests.parallel import at_once
from tests.unchanged import nothing_happens
from webhooks.models import Event, Subscription

INVOICE = {
    "invoice_number": "A-1",
    "debtor_name": "Ahmed Al Rashid",
    "amount": 25000,
    "currency": "AED",
    "due_date": "2026-02-14",
}
HOOK = {"target_url": "https://example.com/hook", "event": "invoice.created"}


def post(api: Caller, body: Any = INVOICE, key: str = "k-1", path: str = "invoices") -> Answer:
    return api.post(path, body, Idempotency_Key=key)


@pytest.mark.parametrize("path", ["invoices", "payments", "subscribe"])
def test_the_same_again_has_the_stored_answer_and_no_second_effect(account: Account, api: Caller, path: str) -> None:
    route, body = {
        "invoices": ("invoices", INVOICE),
        "payments": (f"invoices/{make.invoice(account).pk}/payments", {"amount": 10.5}),
        "subscribe": ("webhooks/subscribe", HOOK),
    }[path]
    first = post(api, body, path=route)
    assert first.status == 201
    assert "Idempotent-Replayed" not in first.headers
    with nothing_happens(account):
        again = post(api, body, path=route)
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"] == "application/json"
    for name in ("Location", "ETag"):
        assert again.headers.get(name) == first.headers.get(name)


def test_the_answer_is_stored_also_when_the_invoice_has_changed_since(account: Account, api: Caller) -> None:
    first = post(api)
    api.patch(f"invoices/{first.json['id']}", {"status": "disputed"})
    assert post(api).body == first.body


def test_a_stored_answer_is_encrypted(account: Account, api: Caller) -> None:
    secret = post(api, HOOK, path="webhooks/subscribe").json["secret"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(a)::text FROM api_idempotentanswer a")
        ((stored,),) = cursor.fetchall()
    assert secret not in stored
    assert "example.com" not in stored


def test_spaces_and_the_order_of_keys_are_no_other_body(account: Account, api: Caller) -> None:
    first = post(api)
    spaced = str(dict(reversed(INVOICE.items()))).replace("'", '"').encode()
    again = api.send("POST", "invoices", spaced, headers={"Idempotency-Key": "k-1"})
    assert again.body == first.body


@pytest.mark.parametrize("change", [{"amount": 1}, {"notes": "x"}, {"amount": 25000.5}], ids=str)
def test_another_body_is_422(account: Account, api: Caller, change: dict[str, Any]) -> None:
    post(api)
    with nothing_happens(account):
        is_problem(post(api, INVOICE | change), 422, "idempotency_key_reused", "Idempotency-Key")


def test_bare_and_quoted_are_the_same_key(account: Account, api: Caller) -> None:
    assert post(api, key='"k-1"').body == post(api, key="k-1").body


@pytest.mark.parametrize("key", ["k", "k" * 255, "~!#$%&'()*+,-./:;<=>?@[]^_`{|}", '"' + "k" * 255 + '"'])
def test_1_to_255_visible_ascii_characters_are_a_key(api: Caller, key: str) -> None:
    assert post(api, key=key).status == 201


@pytest.mark.parametrize("key", ["", " ", '""', '"', '"k', "a b", "k" * 256, "é", "a\tb", 'a"b'])
def test_anything_else_is_400_and_nothing_happens(account: Account, api: Caller, key: str) -> None:
    with nothing_happens(account):
        is_problem(post(api, key=key), 400, "bad_idempotency_key")


def test_the_scope_is_account_route_and_key(account: Account, api: Caller) -> None:
    first = post(api)
    one, two = (f"invoices/{make.invoice(account).pk}/payments" for _ in range(2))
    assert post(api, {"amount": 1}, path=one).json["id"] != post(api, {"amount": 1}, path=two).json["id"]
    assert post(caller(), INVOICE).json["id"] != first.json["id"]
    assert post(caller(account), INVOICE).body == first.body  # the key's, not the API key's


def test_after_24_hours_the_key_is_free_again(account: Account, api: Caller) -> None:
    first = post(api)
    IdempotentAnswer.objects.update(created_at=timezone.now() - dt.timedelta(hours=24, seconds=1))
    assert post(api, INVOICE | {"invoice_number": "INV-2"}).json["id"] != first.json["id"]
    assert Invoice.objects.count() == 2


def test_what_is_older_than_24_hours_is_forgotten(account: Account, api: Caller) -> None:
    post(api)
    post(api, INVOICE | {"invoice_number": "INV-2"}, key="k-2")
    old = IdempotentAnswer.objects.filter(key="k-1")
    old.update(created_at=timezone.now() - dt.timedelta(hours=24, seconds=1))
    assert forget_idempotency_keys() == 1
    assert IdempotentAnswer.objects.get().key == "k-2"


def test_a_refusal_is_not_stored_so_a_corrected_body_may_come_under_its_key(account: Account, api: Caller) -> None:
    with nothing_happens(account):
        is_problem(post(api, INVOICE | {"amount": 0}), 422, "not_positive")
    assert not IdempotentAnswer.objects.exists()
    assert post(api).status == 201


def test_a_key_without_a_scope_cannot_read_a_stored_answer(account: Account, api: Caller) -> None:
    post(api)
    _, reader = make.key(account, scopes=["invoices:read"])
    is_problem(post(Caller(reader)), 403, "scope_missing")


def test_get_and_patch_ignore_the_header(account: Account, api: Caller) -> None:
    invoice = make.invoice(account)
    api.get("invoices", Idempotency_Key="k-1")
    api.patch(f"invoices/{invoice.pk}", {"notes": "one"}, Idempotency_Key="k-1")
    api.patch(f"invoices/{invoice.pk}", {"notes": "two"}, Idempotency_Key="k-1")
    assert make.again(invoice).notes == "two"
    assert not IdempotentAnswer.objects.exists()


# --- At once, and after a crash ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_six_parallel_posts_with_one_key_make_one_invoice() -> None:
    account = make.account(plan="pro")
    _, key = make.key(account)
    answers = [answer for answer in at_once(*[lambda: post(Caller(key))] * 6) if isinstance(answer, Answer)]
    assert len(answers) == 6
    assert {answer.status for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status == 201]
    assert len({answer.body for answer in made}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in made) == 1
    assert Invoice.objects.count() == 1
    assert make.events_of(account) == ["invoice.created"]
    assert post(Caller(key)).body == made[0].body


@pytest.mark.django_db(transaction=True)
def test_a_key_in_flight_is_409_with_retry_after_and_free_when_the_first_ends() -> None:
    account = make.account(plan="pro")
    path = f"invoices/{make.invoice(account).pk}/payments"
    _, key = make.key(account)
    second: list[Answer] = []

    def first() -> Answer:
        return post(Caller(key), {"amount": 5}, path=path)

    # The first waits inside its transaction for the invoice's lock, which this transaction holds.
    with transaction.atomic():
        Invoice.objects.select_for_update().get()
        thread = threading.Thread(target=lambda: second.extend(at_once(first)))  # type: ignore[arg-type]
        thread.start()
        _wait_for_a_blocked_backend()
        answer = post(Caller(key), {"amount": 5}, path=path)
    thread.join(10)
    is_problem(answer, 409, "idempotency_key_in_flight")
    assert int(answer.headers["Retry-After"]) >= 1
    assert second[0].status == 201
    assert post(Caller(key), {"amount": 5}, path=path).body == second[0].body
    assert Payment.objects.count() == 1


def _wait_for_a_blocked_backend() -> int:
    """Its process id."""
    with psycopg.connect(_dsn(), autocommit=True) as watcher:
        for _ in range(500):
            row = watcher.execute(
                "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ).fetchone()
            if row:
                return int(row[0])
            threading.Event().wait(0.01)
    raise AssertionError("nobody waits for a lock")


def _dsn() -> str:
    database = settings.DATABASES["default"]
    return psycopg.conninfo.make_conninfo(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
        dbname=connection.settings_dict["NAME"],
    )


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_dies_between_effect_and_answer_leaves_neither_and_the_key_usable() -> None:
    """The backend is terminated inside the transaction, after the invoice was written."""
    account = make.account(plan="pro")
    _, key = make.key(account)

    def terminate(**_: Any) -> None:
        assert Invoice.objects.count() == 1
        with psycopg.connect(_dsn(), autocommit=True) as other, connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            other.execute("SELECT pg_terminate_backend(%s, 5000)", cursor.fetchone())

    (answer,) = at_once(lambda: _during(terminate, lambda: post(Caller(key))))
    assert isinstance(answer, Answer)
    is_problem(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert not Invoice.objects.exists()
    assert not IdempotentAnswer.objects.exists()
    assert not Event.objects.exists()
    retried = post(Caller(key))
    assert retried.status == 201
    assert "Idempotent-Replayed" not in retried.headers
    assert Invoice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_crash_between_effect_and_answer_leaves_neither_and_the_key_usable() -> None:
    account = make.account(plan="pro")
    _, key = make.key(account)

    def crash(**_: Any) -> None:
        assert Invoice.objects.count() == 1
        raise MemoryError

    with pytest.raises(AssertionError, match="internal"):
        _during(crash, lambda: post(Caller(key)))
    assert not Invoice.objects.exists()
    assert not IdempotentAnswer.objects.exists()
    assert post(Caller(key)).status == 201


def _during(act: Callable[..., None], call: Callable[[], Answer]) -> Answer:
    """The answer of `call`, `act` being one more listener of the change, after those of ours."""
    invoices_created.connect(act)
    try:
        return call()
    finally:
        invoices_created.disconnect(act)


@pytest.mark.django_db(transaction=True)
def test_parallel_subscribes_with_one_key_make_one_subscription() -> None:
    account = make.account(plan="pro")
    _, key = make.key(account)
    answers = at_once(*[lambda: post(Caller(key), HOOK, path="webhooks/subscribe")] * 4)
    assert {answer.status for answer in answers if isinstance(answer, Answer)} <= {201, 409}
    assert Subscription.objects.count() == 1
