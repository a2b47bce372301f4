"""A worker whose clock is wrong does nothing; what one did nevertheless is taken back at the next right tick."""

import datetime as dt
import inspect
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery.signals import task_revoked
from django.core.mail import EmailMessage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from structlog.testing import capture_logs

from communications.delivery import sender
from communications.engine import clock, healing
from communications.models import Communication, SenderHealth
from inflow.accounts import passwords
from inflow.accounts.models import Account
from inflow.accounts.tasks import send_login_mail
from inflow.celery import app
from inflow.restores import walltime
from invoices import lifecycle
from invoices.models import Escalation, Invoice, Promise, TimelineEntry
from tests import make
from tests.communications.conftest import StartMail, mail, start_mail  # noqa: F401
from tests.mailserver import MailServer
from tests.receiver import Answer, Receiver
from tests.unchanged import nothing_happens
from webhooks import retention
from webhooks.delivery.sending import deliver_due
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)
AHEAD = 12 * DAY


@pytest.fixture(autouse=True)
def _compared_anew(settings: Any) -> Iterator[None]:
    settings.TRY_OUT = True
    walltime.forget()
    yield
    walltime.forget()


@contextmanager
def wrong_by(difference: dt.timedelta) -> Iterator[None]:
    """This process's clock is wrong; PostgreSQL's is right."""

    def now() -> dt.datetime:
        return dt.datetime.now(dt.UTC) + difference

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", now)
        patch.setattr(Account, "now", lambda self: self.clock or now())
        yield


@contextmanager
def both_wrong_by(difference: dt.timedelta) -> Iterator[None]:
    """As on one machine: PostgreSQL's clock says the same, so that the difference is not seen."""
    with wrong_by(difference), pytest.MonkeyPatch.context() as patch:
        patch.setattr(walltime, "TOLERATED", dt.timedelta(days=10_000))
        yield


def tick() -> None:
    lifecycle.age_due(timezone.now())
    clock.take_steps(timezone.now())


def state(invoice: Invoice) -> tuple[str, dt.date | None]:
    now = make.again(invoice)
    return now.status, now.hold_until


# --- Refusing ------------------------------------------------------------------------------------------------------


def due_reminder(account: Account) -> Communication:
    return make.reminder_due(make.overdue_invoice(account, place=make.open_place()))


@pytest.mark.parametrize("difference", [AHEAD, -AHEAD, dt.timedelta(seconds=33), dt.timedelta(seconds=-33)], ids=str)
def test_nothing_is_done_by_a_wrong_clock(mail: MailServer, difference: dt.timedelta) -> None:  # noqa: F811
    account = make.account()
    with Receiver() as receiver:
        make.subscription(account, receiver.url)
        for due_in in (-1, 0, 5):
            make.invoice(account, due_in=due_in)
        held = make.invoice(account, due_in=-20)
        lifecycle.promise(account, held.pk, make.STAFF, account.today() + DAY)
        due_reminder(account)
        with wrong_by(difference), nothing_happens(account):
            assert lifecycle.age_due(timezone.now()) == 0
            assert clock.take_steps(timezone.now()) == 0
            assert sender.send_due() == 0
            assert deliver_due() == 0
            assert not retention.delete_old()
            assert clock.tick() == 0
        assert (mail.mails, receiver.requests) == ([], [])
        assert lifecycle.age_due(timezone.now()) == 1
        assert sender.send_due() == 1
        assert deliver_due() > 0


app.loader.import_default_modules()
TASKS = sorted(name for name in app.tasks if not name.startswith("celery."))


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("difference", [AHEAD, -AHEAD], ids=str)
def test_no_task_looks_at_anything_but_the_clock(difference: dt.timedelta, name: str) -> None:
    task = app.tasks[name]
    arguments = [str(uuid.uuid4()) for _ in inspect.signature(task.run).parameters]
    with wrong_by(difference), CaptureQueriesContext(connection) as queries:
        assert task(*arguments) is None
    assert [query["sql"] for query in queries] == ["SELECT clock_timestamp()"]


def test_a_link_to_set_a_password_is_not_mailed_by_a_clock_that_is_ahead(mailoutbox: list[EmailMessage]) -> None:
    person = make.user(make.account())
    passwords.request(person.email, "en")
    with wrong_by(AHEAD):
        send_login_mail()
    assert not mailoutbox
    send_login_mail()
    assert len(mailoutbox) == 1


def test_a_task_outlives_the_difference_of_clocks_that_are_tolerated(settings: Any) -> None:
    """Celery compares the moment that `beat` wrote with the worker's own clock."""
    expiring = {
        name: entry["options"]["expires"]
        for name, entry in settings.CELERY_BEAT_SCHEDULE.items()
        if "expires" in entry.get("options", {})
    }
    assert "send-due-messages" in expiring
    assert min(expiring.values()) > 2 * walltime.TOLERATED.total_seconds() + 60


def test_an_expired_task_is_logged_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inflow.celery._logged_at", -1e9)
    with capture_logs() as logs:
        for _ in range(3):
            task_revoked.send(sender=send_login_mail, request=None, terminated=False, signum=None, expired=True)
    assert [(entry["event"], entry["task"]) for entry in logs] == [("task_expired", send_login_mail.name)]


@pytest.mark.parametrize("seconds", [27, -27])
def test_half_a_minute_is_tolerated(seconds: int) -> None:
    make.invoice(make.account(), due_in=-5)
    with wrong_by(dt.timedelta(seconds=seconds)):
        assert lifecycle.age_due(timezone.now()) == 1


def test_a_wrong_clock_is_logged_once_and_so_is_a_right_one() -> None:
    with capture_logs() as logs:
        for _ in range(2):
            with wrong_by(AHEAD):
                for _ in range(10):
                    tick()
                    sender.send_due()
                    deliver_due()
            for _ in range(3):
                tick()
    told = [(entry["event"], entry.get("ahead_s")) for entry in logs if entry["event"].startswith("clock_is_")]
    once = [("clock_is_wrong", AHEAD.total_seconds()), ("clock_is_right_again", None)]
    assert [(event, round(ahead, -1) if ahead else ahead) for event, ahead in told] == once * 2


def test_a_clock_that_jumps_is_seen_at_once() -> None:
    assert walltime.is_right()
    with wrong_by(dt.timedelta(minutes=1)):
        assert not walltime.is_right()
    assert walltime.is_right()


def test_the_clocks_are_not_compared_for_each_delivery(django_assert_num_queries: Callable[..., Any]) -> None:
    assert walltime.is_right()
    with django_assert_num_queries(0):
        for _ in range(100):
            assert walltime.is_right()


def test_a_slow_database_is_no_wrong_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def __enter__(self) -> "Slow":
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing to close."""

        def execute(self, _: str) -> None:
            """It took 40 s."""
            monkeypatch.setattr(time, "monotonic", lambda: 1_040.0)

        def fetchone(self) -> list[dt.datetime]:
            return [timezone.now() + dt.timedelta(seconds=39)]

    monkeypatch.setattr(time, "monotonic", lambda: 1_000.0)
    monkeypatch.setattr(connection, "cursor", Slow)
    assert walltime.is_right()


def test_an_account_with_its_own_clock_does_not_mind() -> None:
    account = make.account(is_test=True)
    clock.set_clock(account, dt.datetime(2026, 3, 2, 6, 30, tzinfo=dt.UTC))
    invoice = make.invoice(account, due_in=2)
    with wrong_by(AHEAD):
        clock.set_clock(account, dt.datetime(2026, 3, 9, 6, 30, tzinfo=dt.UTC))
    assert make.again(invoice).status == "overdue"
    tick()
    assert make.again(invoice).status == "overdue"


# --- Healing -------------------------------------------------------------------------------------------------------


def test_what_became_overdue_too_early_is_new_again_and_what_is_overdue_stays_so() -> None:
    account = make.account()
    early = [make.invoice(account, due_in=days) for days in (0, 3, 11)]
    overdue = make.invoice(account, due_in=-3)
    paid = make.invoice(account, due_in=3)
    with both_wrong_by(AHEAD):
        tick()
        lifecycle.record_payment(account, paid.pk, make.STAFF, amount=paid.amount)
    assert {make.again(each).status for each in (*early, overdue)} == {"overdue"}
    tick()
    assert [state(each)[0] for each in early] == ["new"] * 3
    assert (state(overdue)[0], state(paid)[0]) == ("overdue", "paid")
    assert lifecycle.count_underived() == 0
    with nothing_happens(account):
        tick()
    with both_wrong_by(4 * DAY):  # its day comes
        tick()
    assert [state(each)[0] for each in early] == ["overdue", "overdue", "new"]


def test_a_hold_that_was_ended_too_early_holds_again() -> None:
    account = make.account()
    until = account.today() + 5 * DAY
    held = [make.invoice(account, due_in=days) for days in (-5, 3, 30)]
    for invoice in held:
        lifecycle.change(account, invoice.pk, make.API, status="on_hold", hold_until=until)
    over = make.invoice(account, due_in=30)
    lifecycle.change(account, over.pk, make.API, status="on_hold", hold_until=until)
    with both_wrong_by(AHEAD):
        tick()
    assert {state(invoice) for invoice in (*held, over)} == {("overdue", None), ("new", None)}
    lifecycle.change(account, over.pk, make.STAFF, status="disputed")
    tick()
    assert {state(invoice) for invoice in held} == {("on_hold", until)}
    assert state(over) == ("disputed", None)


def test_what_a_person_did_since_stays() -> None:
    account = make.account()
    invoice = make.invoice(account, due_in=-5)
    lifecycle.change(account, invoice.pk, make.API, status="on_hold", hold_until=account.today() + 5 * DAY)
    with both_wrong_by(AHEAD):
        tick()
    until = account.today() + 2 * DAY
    lifecycle.change(account, invoice.pk, make.STAFF, status="on_hold", hold_until=until)
    tick()
    assert state(invoice) == ("on_hold", until)
    lifecycle.change(account, invoice.pk, make.STAFF, status="overdue")
    tick()
    assert state(invoice) == ("overdue", None)


def test_a_promise_that_was_broken_too_early_is_open_again_and_nobody_has_its_case() -> None:
    account = make.account()
    invoice = make.overdue_invoice(account)
    promise = lifecycle.promise(account, invoice.pk, make.STAFF, account.today() + 2 * DAY)
    with both_wrong_by(AHEAD):
        tick()
    promise.refresh_from_db()
    case = Escalation.objects.get(invoice=invoice)
    assert (promise.status, case.reason, case.status) == ("broken", "promise_broken", "open")
    tick()
    promise.refresh_from_db()
    case.refresh_from_db()
    assert (promise.status, state(invoice)) == ("open", ("on_hold", promise.hold_until))
    assert (case.status, case.resolution, make.again(invoice).escalation_level) == ("resolved", "too_early", 0)
    assert make.events_of(account).count("promise.broken") == 1  # what was told stays told
    with both_wrong_by(20 * DAY):
        tick()
    promise.refresh_from_db()
    assert promise.status == "broken"
    assert Escalation.objects.filter(invoice=invoice, status="open", reason="promise_broken").count() == 1


def test_a_case_that_somebody_has_taken_on_stays_theirs() -> None:
    account = make.account()
    invoice = make.overdue_invoice(account)
    lifecycle.promise(account, invoice.pk, make.STAFF, account.today() + 2 * DAY)
    with both_wrong_by(AHEAD):
        tick()
    Escalation.objects.update(status="acknowledged")
    tick()
    assert Escalation.objects.get().status == "acknowledged"


def test_reminders_that_were_planned_too_early_are_planned_for_their_day() -> None:
    account = make.account()
    invoice = make.invoice(account, due_in=30)
    expected = make.again(invoice).next_contact_at, make.again(invoice).next_check_at
    with both_wrong_by(35 * DAY):
        tick()
        early = Communication.objects.get()
        assert early.status == "scheduled"
    tick()
    clock.tick()  # what was requested for the background
    early.refresh_from_db()
    assert early.status == "cancelled"
    assert make.again(invoice).last_step is None
    assert (make.again(invoice).next_contact_at, make.again(invoice).next_check_at) == expected
    with nothing_happens(account):
        clock.tick()


def test_steps_without_a_message_that_were_taken_too_early_are_taken_again_on_their_day() -> None:
    account = make.account()
    invoice = make.overdue_invoice(account, due_in=-22)
    Invoice.objects.filter(pk=invoice.pk).update(last_step=21, next_check_at=timezone.now() + 13 * DAY)
    make.escalation(make.again(invoice))
    with both_wrong_by(20 * DAY):
        tick()
    assert (make.again(invoice).last_step, make.again(invoice).escalation_level) == (35, 2)
    tick()
    healed = make.again(invoice)
    assert healed.escalation_level == 1
    assert healed.last_step != 35
    assert Escalation.objects.get(level=2).resolution == "too_early"


def test_a_dispute_that_was_raised_too_early_is_raised_when_its_time_has_come() -> None:
    account = make.account()
    invoice = make.overdue_invoice(account)
    lifecycle.change(account, invoice.pk, make.STAFF, status="disputed")

    def cases() -> list[tuple[int, str, str]]:
        found = Escalation.objects.filter(invoice=invoice, reason="dispute").order_by("opened_at")
        return list(found.values_list("level", "status", "resolution"))

    with both_wrong_by(40 * DAY):
        tick()
    assert cases() == [(1, "open", "")]
    tick()
    assert cases() == [(1, "resolved", "too_early")]
    assert make.again(invoice).status == "disputed"
    with both_wrong_by(41 * DAY):
        tick()
    assert (1, "open", "") in cases()


def test_a_case_about_something_that_happened_stays() -> None:
    account = make.account()
    invoice = make.overdue_invoice(account)
    with both_wrong_by(AHEAD):
        tick()
        make.escalation(make.again(invoice))
        Escalation.objects.update(reason="reversal")
    tick()
    assert Escalation.objects.get().status == "open"


def test_a_pause_does_not_last_until_a_moment_that_a_wrong_clock_took_for_now() -> None:
    with both_wrong_by(AHEAD):
        tick()
        SenderHealth.objects.create(key="email", paused_until=timezone.now() + dt.timedelta(minutes=15))
    tick()
    assert SenderHealth.objects.filter(paused_until__lte=timezone.now()).exists()


def test_what_a_wrong_clock_put_off_is_sent_again_in_time() -> None:
    account = make.account()
    with Receiver(Answer(500)) as receiver:
        make.subscription(account, receiver.url)
        make.invoice(account)
        with both_wrong_by(AHEAD):
            deliver_due()
        retention.delete_old()
        delivery = Delivery.objects.get()
        assert delivery.next_attempt_at
        assert delivery.next_attempt_at <= timezone.now()


def test_an_account_that_moves_west_is_looked_at_by_its_new_day_and_no_hold_returns() -> None:
    """The day went back, and no clock was wrong."""
    account = make.account(time_zone=make.EARLIEST_ZONE)
    late = make.account(time_zone=make.LATEST_ZONE)
    invoice = make.invoice(account, due_date=late.today(), issue_date=late.today())
    held = make.invoice(account, due_in=20)
    lifecycle.change(account, held.pk, make.API, status="on_hold", hold_until=account.today())
    lifecycle.age_due(timezone.now())
    assert make.again(invoice).status == "overdue"
    Account.objects.filter(pk=account.pk).update(time_zone=make.LATEST_ZONE)
    lifecycle.age_due(timezone.now())
    assert make.again(invoice).status == "new"
    assert state(held)[0] == "on_hold"


def test_nothing_is_mended_while_no_clock_was_wrong() -> None:
    account = make.account()
    make.overdue_invoice(account)
    tick()
    with nothing_happens(account):
        assert not healing.mend_if_ahead()
    assert not TimelineEntry.objects.filter(kind="cancelled").exists()
    assert not Promise.objects.exists()
