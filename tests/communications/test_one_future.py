"""One truth about the future: every place that names a debtor's next message names the same moment, at once."""

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from communications.delivery import manual, safeguards
from communications.engine import clock, forecast
from communications.models import CollectionSettings, Communication, Kind, Rescheduling
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.cases import cases
from invoices.debtors import debtors
from invoices.models import Escalation, Invoice
from tests import make
from tests.api.client import caller
from tests.communications.test_ladder import account_at, at
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
MONDAY = "2026-04-06 08:00"


def until(account: Account, moment: str) -> None:
    clock.set_clock(account, at(moment))


def owing(account: Account, number: str = "INV-1", **given: Any) -> Invoice:
    given.setdefault("issue_date", dt.date(2026, 1, 1))
    given.setdefault("due_date", dt.date(2026, 4, 5))
    return make.again(make.invoice(account, invoice_number=number, **given))


def planned(invoice: Invoice) -> Communication:
    return Communication.objects.get(invoice=invoice, status="scheduled", step__isnull=False)


def next_in_forecast(account: Account, days: int = 30) -> dict[str, tuple[dt.datetime, str]]:
    with nothing_happens(account):
        entries = forecast.forecast(account, days).entries
    found: dict[str, tuple[dt.datetime, str]] = {}
    for entry in entries:
        found.setdefault(entry.invoice_number, (entry.scheduled_for, entry.reason))
    return found


def agree(account: Account) -> None:
    """The next contact of each debtor is what the forecast says and the engine then does."""
    account = Account.objects.get(pk=account.pk)
    soonest: dict[Any, tuple[dt.datetime, str]] = {}
    foreseen = next_in_forecast(account)
    for invoice in Invoice.objects.filter(account=account):
        if invoice.invoice_number in foreseen and not foreseen[invoice.invoice_number][1]:
            moment = foreseen[invoice.invoice_number][0]
            if invoice.debtor_id not in soonest or moment < soonest[invoice.debtor_id][0]:
                soonest[invoice.debtor_id] = moment, invoice.invoice_number
    for debtor_id, (moment, _) in soonest.items():
        theirs = Invoice.objects.filter(debtor=debtor_id, next_contact_at__isnull=False)
        assert min(theirs.values_list("next_contact_at", flat=True)) == moment
        rows = Communication.objects.filter(debtor=debtor_id, status="scheduled", step__isnull=False)
        assert all(row.scheduled_for >= moment for row in rows)


def now_of(invoice: Invoice) -> Account:
    """The invoice's account, at its present time."""
    return Account.objects.get(pk=invoice.account_id)


def promise(invoice: Invoice) -> None:
    lifecycle.promise(now_of(invoice), invoice.pk, make.STAFF, dt.date(2026, 4, 10))


def hold(invoice: Invoice) -> None:
    lifecycle.change(now_of(invoice), invoice.pk, make.API, status="on_hold", hold_until=dt.date(2026, 4, 15))


def answer(invoice: Invoice) -> None:
    debtors.record_reply(now_of(invoice), invoice.debtor_id, make.STAFF)


def pay_part(invoice: Invoice) -> None:
    lifecycle.record_payment(now_of(invoice), invoice.pk, make.API, amount=Decimal(100))


def take_case(invoice: Invoice) -> None:
    cases.open_manually(now_of(invoice), invoice.pk, make.STAFF)
    cases.change(now_of(invoice), Escalation.objects.get().pk, make.STAFF, cases.CaseChange(status="acknowledged"))


def write(invoice: Invoice) -> None:
    """Write by hand, and see it leave."""
    request = manual.MessageRequest("manual", "email", "en", "A word", "Please call us about {{ invoice_number }}.")
    seen = manual.preview(now_of(invoice), invoice.pk, make.STAFF, request)
    manual.send(now_of(invoice), invoice.pk, make.STAFF, request, key=uuid.uuid4(), digest=seen.digest)


def resume(invoice: Invoice) -> None:
    lifecycle.change(now_of(invoice), invoice.pk, make.API, status="overdue")


def handle(invoice: Invoice) -> None:
    debtors.mark_reply_handled(now_of(invoice), invoice.debtor_id, make.STAFF)


FACTS: list[tuple[str, Callable[[Invoice], None], str, str]] = [
    ("promise", promise, "hold", "2026-04-15 09:00"),
    ("hold", hold, "hold", "2026-04-16 09:00"),
    ("answer", answer, "answer", "2026-04-10 09:00"),
    ("payment", pay_part, "cap", "2026-04-09 12:00"),
    ("acknowledged", take_case, "hold", "2026-04-14 09:00"),
    ("manual message", write, "cap", "2026-04-09 12:00"),
]


@pytest.mark.parametrize(("fact", "moment"), [(each[1:3], each[3]) for each in FACTS], ids=[each[0] for each in FACTS])
def test_a_fact_moves_the_planned_message_at_once(fact: tuple[Callable[[Invoice], None], str], moment: str) -> None:
    happens, why = fact
    account = account_at(MONDAY)
    invoice = owing(account)
    until(account, "2026-04-06 12:00")
    assert planned(invoice).scheduled_for == at("2026-04-07 09:00")
    happens(invoice)
    row = planned(invoice)
    assert (row.scheduled_for, row.waits_for) == (at(moment), why)
    assert make.again(invoice).next_contact_at == at(moment)
    assert next_in_forecast(account)["INV-1"] == (at(moment), "")
    agree(account)


def test_a_dispute_stops_everything_until_it_is_looked_at_and_its_end_brings_the_message_back() -> None:
    account = account_at(MONDAY)
    invoice = owing(account)
    until(account, "2026-04-06 12:00")
    lifecycle.change(account, invoice.pk, make.API, status="disputed")
    assert planned(invoice).waits_for == "dispute"
    assert planned(invoice).scheduled_for >= at("2026-05-06 12:00")
    assert next_in_forecast(account, 14)["INV-1"][1] == "dispute"
    resume(invoice)
    assert (planned(invoice).scheduled_for, planned(invoice).waits_for) == (at("2026-04-07 09:00"), "")
    assert make.again(invoice).next_contact_at == at("2026-04-07 09:00")
    agree(account)


def test_removing_a_fact_reschedules_again() -> None:
    account = account_at(MONDAY)
    invoice = owing(account)
    until(account, "2026-04-06 12:00")
    for happens, ends in ((promise, resume), (hold, resume), (answer, handle)):
        happens(invoice)
        assert planned(invoice).scheduled_for > at("2026-04-07 09:00")
        ends(invoice)
        assert planned(invoice).scheduled_for == at("2026-04-07 09:00")
        assert planned(invoice).waits_for == ""
    payment = lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(10))
    assert planned(invoice).scheduled_for == at("2026-04-09 12:00")
    lifecycle.reverse_payment(account, invoice.pk, payment.pk, make.STAFF)
    assert planned(invoice).scheduled_for == at("2026-04-07 09:00")


def test_what_concerns_the_debtor_moves_the_messages_about_all_invoices() -> None:
    account = account_at(MONDAY)
    first, second = owing(account, "INV-1"), owing(account, "INV-2")
    later = owing(account, "INV-3", due_date=dt.date(2026, 4, 10))
    until(account, "2026-04-06 12:00")
    answer(first)
    assert {planned(each).scheduled_for for each in (first, second)} == {at("2026-04-10 09:00")}
    handle(first)
    cases.open_manually(account, first.pk, make.STAFF, level=1)
    cases.open_manually(account, first.pk, make.STAFF, level=2)
    for invoice in (first, second, later):
        assert make.again(invoice).next_contact_at is None
    assert {planned(each).waits_for for each in (first, second)} == {"case"}
    level_2 = Escalation.objects.get(level=2)
    done = cases.CaseChange(status="resolved", resolution="ladder")
    cases.change(account, level_2.pk, make.STAFF, done)
    assert {planned(each).scheduled_for for each in (first, second)} == {at("2026-04-07 09:00")}
    assert make.again(later).next_contact_at is not None
    agree(account)


def test_credit_that_covers_holds_the_message_and_its_use_lets_it_go() -> None:
    account = account_at(MONDAY)
    invoice, other = owing(account, "INV-1", amount=100), owing(account, "INV-2", amount=50)
    until(account, "2026-04-06 12:00")
    payment = lifecycle.record_payment(account, other.pk, make.API, amount=Decimal(200))
    assert planned(invoice).waits_for == "credit"
    lifecycle.reverse_payment(account, other.pk, payment.pk, make.STAFF)
    assert planned(invoice).waits_for != "credit"


def test_an_invoice_that_is_not_due_shows_when_its_first_message_may_go() -> None:
    account = account_at(MONDAY)
    weekend = owing(account, "INV-1", due_date=dt.date(2026, 4, 28))  # three days before it is a Saturday
    assert make.again(weekend).next_contact_at == at("2026-04-27 09:00")
    assert next_in_forecast(account)["INV-1"] == (at("2026-04-27 09:00"), "")
    lifecycle.change(account, weekend.pk, make.API, status="on_hold", hold_until=dt.date(2026, 4, 10))
    assert make.again(weekend).next_contact_at == at("2026-04-27 09:00")
    agree(account)


def test_a_message_that_is_sent_moves_the_others_of_its_debtor() -> None:
    account = account_at(MONDAY)
    owing(account, "INV-1")
    until(account, "2026-04-06 12:00")
    second = owing(account, "INV-2", due_date=dt.date(2026, 4, 7))
    until(account, "2026-04-07 09:30")
    assert make.again(second).next_contact_at == at("2026-04-10 09:00")
    agree(account)


@pytest.mark.properties
@pytest.mark.parametrize("times", [2, pytest.param(6, marks=pytest.mark.nightly)])
def test_the_same_story_gives_the_same_messages_whatever_the_ids_and_each_equals_its_forecast(times: int) -> None:
    told = []
    for _ in range(times):
        account = account_at(MONDAY)
        for number, (due, kind) in enumerate([(1, "a"), (1, "b"), (3, "a"), (5, "b"), (6, "a"), (7, "a")]):
            owing(account, f"{number}", due_date=dt.date(2026, 4, due), debtor_email=f"{kind}@x.example")
        until(account, "2026-04-06 12:00")
        expected = forecast.forecast(account, 30).entries
        lines = [(entry.scheduled_for, entry.invoice_number, entry.step, entry.reason) for entry in expected]
        until(account, "2026-05-06 12:00")
        sent = Communication.objects.filter(account=account, status="sent").order_by("sent_at")
        happened = list(sent.values_list("sent_at", "invoice__invoice_number", "step", "subject"))
        assert sorted(line[:3] for line in lines if not line[3]) == sorted(line[:3] for line in happened)
        told.append(sorted(happened))
    assert all(each == told[0] for each in told)


# --- Stopped -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [[], ["email"]])
def test_stopped_messages_have_no_next_contact_and_come_back_with_resume(channels: list[str]) -> None:
    account = account_at(MONDAY)
    late, new = owing(account, "INV-1"), owing(account, "INV-2", due_date=dt.date(2026, 4, 25))
    until(account, "2026-04-06 12:00")
    api = caller(account)

    def shown() -> set[str | None]:
        one = {api.get(f"invoices/{each.pk}").json["next_contact_at"] for each in (late, new)}
        listed = {row["next_contact_at"] for row in api.get("invoices").json}
        assert one == listed
        return one

    before = shown()
    assert None not in before
    rules = CollectionSettings.objects.create(account=account, is_stopped=not channels, stopped_channels=channels)
    stored = set(Invoice.objects.values_list("next_contact_at", flat=True))
    assert shown() == {None}
    assert {reason for _, reason in next_in_forecast(account).values()} == {"stopped"}
    safeguards.resume(account, make.STAFF)
    rules.refresh_from_db()
    assert shown() == before
    assert set(Invoice.objects.values_list("next_contact_at", flat=True)) == stored


# --- What stops no time ------------------------------------------------------------------------------------------


def test_a_pending_thank_you_is_in_the_forecast_and_stops_no_clock() -> None:
    account = account_at(MONDAY)
    CollectionSettings.objects.create(account=account, says_thanks=True)
    account = Account.objects.get(pk=account.pk)
    invoice = owing(account)
    lifecycle.change(account, invoice.pk, make.API, status="paid")
    until(account, "2026-04-06 08:30")
    with nothing_happens(account):
        foreseen = forecast.forecast(account, 30)
    assert foreseen.is_whole
    (entry,) = foreseen.entries
    assert (entry.kind, entry.step, entry.scheduled_for) == ("thank_you", None, at("2026-04-06 09:00"))
    shown = caller(account).get("forecast").json
    assert [(each["kind"], each["step"]) for each in shown] == [("thank_you", None)]
    until(account, "2026-04-06 10:00")
    assert Communication.objects.get(kind=Kind.THANK_YOU).sent_at == at("2026-04-06 09:00")


def test_a_reminder_of_a_promise_is_in_the_forecast() -> None:
    account = account_at(MONDAY)
    CollectionSettings.objects.create(account=account, recalls_promises=True)
    account = Account.objects.get(pk=account.pk)
    invoice = owing(account)
    until(account, "2026-04-06 12:00")
    lifecycle.promise(account, invoice.pk, make.STAFF, dt.date(2026, 4, 10))
    entries = forecast.forecast(account, 30).entries
    assert [(entry.kind, entry.step, entry.scheduled_for) for entry in entries][:2] == [
        ("promise_followup", None, at("2026-04-09 09:00")),
        ("reminder", 1, at("2026-04-15 09:00")),
    ]
    until(account, "2026-04-16 12:00")
    sent = Communication.objects.filter(status="sent").order_by("sent_at")
    assert [row.sent_at for row in sent] == [at("2026-04-09 09:00"), at("2026-04-15 09:00")]


def test_a_message_that_nothing_moves_stops_no_time() -> None:
    account = account_at(MONDAY)
    invoice = owing(account)
    until(account, "2026-04-06 12:00")
    looks: list[None] = []
    clock.leap(
        Account.objects.get(pk=account.pk),
        at("2026-05-06 12:00"),
        send=lambda account, now: None,
        watch=lambda: looks.append(None),
    )
    assert len(looks) < 200
    assert Account.objects.get(pk=account.pk).clock == at("2026-05-06 12:00")
    assert planned(invoice).scheduled_for == at("2026-04-07 09:00")


# --- Settings and calendars --------------------------------------------------------------------------------------


def test_new_hours_and_holidays_reschedule_what_is_planned_in_the_background() -> None:
    account = account_at(MONDAY)
    late, new = owing(account, "INV-1"), owing(account, "INV-2", due_date=dt.date(2026, 4, 28))
    until(account, "2026-04-06 12:00")
    rules = CollectionSettings.objects.create(account=account)
    rules.opens_at = dt.time(11)
    rules.save()
    assert next_in_forecast(account)["INV-1"] == (at("2026-04-07 11:00"), "")
    until(account, "2026-04-06 12:01")
    assert planned(late).scheduled_for == make.again(late).next_contact_at == at("2026-04-07 11:00")
    assert make.again(new).next_contact_at == at("2026-04-27 11:00")
    make.calendar_rule(account, "A day off", day=dt.date(2026, 4, 7))
    until(account, "2026-04-06 12:02")
    assert planned(late).scheduled_for == at("2026-04-08 11:00")
    assert not Rescheduling.objects.exists()
    agree(account)
