"""A test account's clock that takes long to move: a request does some seconds of it, a worker the rest."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.forms import ModelForm

from communications.engine import clock, leaps
from communications.models import ClockLeap, Communication, Rescheduling
from communications.schedule import replanning
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from invoices import lifecycle
from invoices.models import Escalation, Invoice
from tests import make
from tests.api.client import PLENTY, caller, is_problem
from tests.dashboard.world import logged_in
from webhooks.models import Event

pytestmark = pytest.mark.django_db

BEGIN = dt.datetime(2026, 1, 15, 6, tzinfo=dt.UTC)
TARGET = dt.datetime(2026, 3, 22, tzinfo=dt.UTC)
MOVE = {"now": "2026-03-22T00:00:00Z"}


@pytest.fixture(autouse=True)
def _no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaps, "REQUEST_SECONDS", 0)


@pytest.fixture
def account() -> Account:
    return account_with(3)


def account_with(count: int) -> Account:
    account = make.account(is_test=True, requests_per_minute=PLENTY, requests_per_day=PLENTY)
    clock.set_clock(account, BEGIN)
    for number in range(count):
        owing(account, number)
    return account


def owing(account: Account, number: int, **fields: Any) -> Invoice:
    return make.invoice(
        account,
        invoice_number=f"L-{number}",
        debtor_company=f"Company {number} LLC",
        debtor_email=f"debtor{number}@leap.example",
        due_date=dt.date(2026, 2, 14),
        **fields,
    )


def arrive(account: Account) -> None:
    for _ in range(1_000):
        if not leaps.work(account.pk, seconds=0):
            return
    raise AssertionError("the clock does not arrive")


def done(account: Account) -> list[Any]:
    """What happened to the account, message by message and case by case."""
    rows = (
        Communication.objects.for_account(account).filter(status="sent").order_by("sent_at", "invoice__invoice_number")
    )
    cases = Escalation.objects.for_account(account).order_by("opened_at", "invoice__invoice_number")
    events = Event.objects.filter(account=account).order_by("type")
    return [
        list(rows.values_list("invoice__invoice_number", "kind", "sent_at")),
        list(cases.values_list("invoice__invoice_number", "level", "opened_at")),
        list(events.values_list("type", flat=True)),
    ]


def test_a_worker_does_what_the_request_has_no_time_for(account: Account) -> None:
    api = caller(account)
    assert api.get("test/clock").json == {
        "now": "2026-01-15T06:00:00Z",
        "sent": 0,
        "escalated": 0,
        "status": "set",
        "advancing_to": None,
    }
    answer = api.post("test/clock", MOVE)
    assert (answer.status, answer.headers["Location"]) == (202, "/api/zapier/test/clock")
    assert (answer.json["status"], answer.json["advancing_to"]) == ("advancing", MOVE["now"])
    assert answer.json["now"] < MOVE["now"]
    before = answer.json
    for _ in range(12):
        assert leaps.work(account.pk, seconds=0)
    between = api.get("test/clock").json
    assert between["status"] == "advancing"
    assert before["now"] < between["now"] < MOVE["now"]
    arrive(account)
    assert api.get("test/clock").json == {
        "now": MOVE["now"],
        "sent": 15,
        "escalated": 6,
        "status": "set",
        "advancing_to": None,
    }
    at_once = account_with(3)
    clock.set_clock(at_once, TARGET)
    assert done(account) == done(at_once)


def test_a_leap_that_is_done_in_time_is_answered_as_before(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaps, "REQUEST_SECONDS", 60)
    answer = caller(account).post("test/clock", MOVE)
    assert (answer.status, answer.json) == (200, {"now": MOVE["now"], "sent": 15, "escalated": 6})
    assert leaps.waiting() == []


def test_a_second_leap_waits_for_the_first(account: Account) -> None:
    api = caller(account)
    assert api.post("test/clock", MOVE).status == 202
    refused = api.post("test/clock", {"now": "2026-05-01T00:00:00Z"})
    is_problem(refused, 409, "clock_busy")
    assert int(refused.headers["Retry-After"]) >= 1
    arrive(account)
    assert api.post("test/clock", {"now": "2026-03-22T00:00:01Z"}).status in (200, 202)


def test_only_a_test_accounts_clock_is_shown(db: None) -> None:
    api = caller(make.account())
    is_problem(api.get("test/clock"), 403, "live_account")
    is_problem(api.post("test/clock", MOVE), 403, "live_account")


@pytest.mark.faults
@pytest.mark.parametrize("after", [1, 4, 9, 14, 22, 31])
def test_a_worker_that_is_killed_is_followed_by_one_that_goes_on_and_sends_nothing_twice(
    account: Account, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller(account).post("test/clock", MOVE)
    checks = iter(range(after))

    def killed() -> None:
        if next(checks, None) is None:
            raise SystemExit

    run = clock.run
    monkeypatch.setattr(clock, "run", lambda account, target, watch: run(account, target, watch=killed))
    with pytest.raises(SystemExit):
        leaps.work(account.pk)
    monkeypatch.setattr(clock, "run", run)
    assert leaps.waiting() == []  # its claim holds
    ClockLeap.objects.update(claimed_until=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert [account_id for account_id, _release in leaps.waiting()] == [account.pk]
    arrive(account)
    at_once = account_with(3)
    clock.set_clock(at_once, TARGET)
    assert done(account) == done(at_once)


def test_of_two_wake_ups_for_one_turn_one_does_it(account: Account) -> None:
    caller(account).post("test/clock", MOVE)
    ((account_id, release),) = leaps.waiting()
    assert leaps.work(account_id, release, seconds=0)
    shown = Account.objects.get(pk=account.pk).clock
    assert not leaps.work(account_id, release, seconds=0)
    assert Account.objects.get(pk=account.pk).clock == shown
    ((_, following),) = leaps.waiting()
    assert following != release


def _halfway(account: Account) -> Account:
    caller(account).post("test/clock", MOVE)
    while not Communication.objects.for_account(account).filter(status="sent").exists():
        assert leaps.work(account.pk, seconds=0)
    return Account.objects.get(pk=account.pk)


def test_what_is_paid_while_the_clock_advances_is_not_chased_any_more(account: Account) -> None:
    now = _halfway(account)
    first = Invoice.objects.for_account(account).get(invoice_number="L-1")
    lifecycle.record_payment(now, first.pk, make.API, amount=Decimal(25_000))
    sent = Communication.objects.filter(invoice=first, status="sent")
    before = sent.count()
    arrive(account)
    assert sent.count() == before
    assert Communication.objects.for_account(account).filter(status="sent").count() == 10 + before


def test_an_invoice_that_arrives_while_the_clock_advances_arrives_at_the_time_that_it_shows(account: Account) -> None:
    now = _halfway(account)
    body = {"invoice_number": "L-9", "debtor_name": "Late", "debtor_email": "late@leap.example", "amount": 5}
    answer = caller(account).post("invoices", {**body, "currency": "AED", "due_date": "2026-02-20"})
    assert answer.status == 201
    late = Invoice.objects.get(pk=answer.json["id"])
    assert late.issue_date == dt.date(2026, 2, 11) == now.today()
    arrive(account)
    assert Communication.objects.filter(invoice=late, status="sent").count() >= 4
    assert make.again(late).status == "overdue"


def test_settings_that_a_person_saves_meanwhile_do_not_take_the_clock_back(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form was read before the clock moved, and is saved after."""
    valid = ModelForm.is_valid

    def is_valid(form: Any) -> bool:
        found = valid(form)
        clock.set_clock(Account.objects.get(pk=account.pk), TARGET)
        return found

    monkeypatch.setattr(ModelForm, "is_valid", is_valid)
    fields = {"time_zone": "Asia/Dubai", "language": "ar", "subdivision": ""}
    person = logged_in(make.user(account, Role.ADMIN))
    assert person.post(f"/admin/accounts/account/{account.pk}/change/", fields).status_code == 302
    stored = Account.objects.get(pk=account.pk)
    assert (stored.language, stored.clock) == ("ar", TARGET)


def test_rescheduling_that_is_cut_goes_on_after_the_last_debtor(account: Account) -> None:
    replanning.request([account.pk])
    checks = iter([None, None])

    def cut() -> None:
        next(checks)

    with pytest.raises(StopIteration):
        replanning.run_requested(account, watch=cut)
    debtors = sorted(Invoice.objects.for_account(account).values_list("debtor_id", flat=True))
    assert Rescheduling.objects.get().after == debtors[1]
    seen: list[None] = []
    replanning.run_requested(account, watch=lambda: seen.append(None))
    assert len(seen) == 1
    assert not Rescheduling.objects.exists()
