"""When not to write, one message for several invoices, promises, rounds: each rule on an account's own clock."""

import contextlib
import datetime as dt
import itertools
import uuid
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import Count

from communications.engine import clock
from communications.models import CollectionSettings, Communication
from communications.schedule import policies
from inflow.accounts.models import Account
from invoices import lifecycle, narrative
from invoices.debtors import debtors
from invoices.models import Escalation, Invoice, Promise, TimelineEntry
from tests import make
from tests.communications.test_ladder import account_at, at, cases, sent

pytestmark = pytest.mark.django_db

MONDAY = "2026-03-02 08:00"


def owing(account: Account, **given: object) -> Invoice:
    given.setdefault("issue_date", dt.date(2026, 1, 1))
    return make.again(make.invoice(account, **given))  # type: ignore[arg-type]


def until(account: Account, text: str) -> None:
    clock.set_clock(account, at(text))


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def why(invoice: Invoice, kind: str = "postponed") -> list[str]:
    return [
        narrative.in_english(entry) for entry in TimelineEntry.objects.filter(invoice=invoice, kind=kind).order_by("id")
    ]


def test_several_invoices_of_one_debtor_are_one_message_that_lists_all_that_is_open() -> None:
    account = account_at(MONDAY)
    for number, (due, amount) in enumerate([("2026-02-20", 100), ("2026-02-27", 200), ("2026-04-30", 400)]):
        owing(account, invoice_number=f"INV-{number}", due_date=dt.date.fromisoformat(due), amount=amount)
    disputed = owing(account, invoice_number="INV-contested", due_date=dt.date(2026, 2, 1))
    lifecycle.change(account, disputed.pk, make.API, status="disputed")
    until(account, "2026-03-03 12:00")
    rows = list(Communication.objects.filter(status="sent").order_by("invoice__invoice_number"))
    assert [row.invoice.invoice_number for row in rows] == ["INV-0", "INV-1"]
    assert len({(row.message_id, row.body, row.sent_at) for row in rows}) == 1
    assert [row.amount for row in rows] == [100, 200]
    body = rows[0].body
    assert "Total past due: AED 300.00" in body
    assert body.index("Past due:") < body.index("INV-0") < body.index("INV-1") < body.index("Not yet due:")
    assert body.index("Not yet due:") < body.index("INV-2: AED 400.00")
    assert "INV-contested" not in body
    assert make.again(rows[0].invoice).last_step == 1


def test_the_highest_step_sets_the_subject_and_currencies_are_not_added_up() -> None:
    account = account_at(MONDAY)
    owing(account, due_date=dt.date(2026, 2, 20), amount=100)
    until(account, "2026-03-03 12:00")
    owing(account, due_date=dt.date(2026, 3, 8), amount=50, currency="USD")
    until(account, "2026-03-10 12:00")
    (message,) = {row.message_id: row for row in Communication.objects.filter(status="sent", step=7)}.values()
    assert message.subject == "Still open: AED 100.00 + USD 50.00"
    assert Communication.objects.filter(message_id=message.message_id).count() == 2


def test_a_debtor_is_contacted_once_in_three_days_and_twice_in_seven_over_all_invoices() -> None:
    account = account_at(MONDAY)
    for day in range(12):
        owing(account, due_date=dt.date(2026, 3, 1) + dt.timedelta(days=day))
    until(account, "2026-03-31 12:00")
    moments = sorted(set(Communication.objects.filter(status="sent").values_list("sent_at", flat=True)))
    assert len(moments) >= 6
    for first, second in itertools.pairwise(moments):
        assert second - first >= dt.timedelta(hours=72)
    for first, third in zip(moments, moments[2:], strict=False):
        assert third - first >= dt.timedelta(hours=168)


def test_a_payment_is_a_contact_and_an_opening_one_is_not() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, due_date=dt.date(2026, 3, 3), amount=1_000, amount_paid=100)
    until(account, "2026-03-03 10:00")
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(100))
    until(account, "2026-03-20 10:00")
    assert sent(account)[0] == ("reminder", "03-06 10:00")


def test_an_unhandled_answer_waits_three_working_days_and_a_handled_one_no_longer() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, due_date=dt.date(2026, 3, 2))
    debtors.record_reply(account, invoice.debtor_id, make.STAFF, text="I have paid.")
    until(account, "2026-03-20 10:00")
    assert sent(account)[0] == ("reminder", "03-06 09:00")
    assert "a reply from the debtor has not been handled" in why(invoice)[0]
    other = account_at(MONDAY)
    invoice = owing(other, due_date=dt.date(2026, 3, 2))
    debtors.record_reply(other, invoice.debtor_id, make.STAFF)
    until(other, "2026-03-04 09:30")
    debtors.mark_reply_handled(other, invoice.debtor_id, make.STAFF)
    until(other, "2026-03-04 12:00")
    assert sent(other) == [("reminder", "03-04 09:30")]


def test_an_opt_out_is_final_and_survives_another_invoice() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, due_date=dt.date(2026, 3, 2))
    debtors.opt_out(account, invoice.debtor_id, make.STAFF, reason="By telephone.")
    owing(account, due_date=dt.date(2026, 3, 2))
    until(account, "2026-06-01 12:00")
    assert sent(account) == []
    assert set(Communication.objects.values_list("suppressed_reason", flat=True)) == {"opted_out"}
    assert [level for level, _, _ in cases(account)] == [1, 1, 2, 2]


def test_credit_that_covers_what_is_due_is_to_be_applied_first() -> None:
    account = account_at(MONDAY)
    paid = owing(account, due_date=dt.date(2026, 3, 30), amount=100)
    lifecycle.record_payment(account, paid.pk, make.API, amount=Decimal(700))
    invoice = owing(account, due_date=dt.date(2026, 3, 2), amount=500)
    until(account, "2026-03-12 12:00")
    assert sent(account) == []
    assert "credit covers the amount due; apply it" in why(invoice)[-1]


def test_the_kill_switch_stops_what_is_planned_and_lets_it_go_again() -> None:
    account = account_at(MONDAY)
    owing(account, due_date=dt.date(2026, 3, 2))
    settings = CollectionSettings.objects.create(account=account, stopped_channels=["email"])
    until(account, "2026-03-04 12:00")
    assert sent(account) == []
    settings.stopped_channels = []
    settings.save()
    until(account, "2026-03-06 12:00")
    assert sent(account) == [("reminder", "03-05 09:00")]


def test_a_promise_holds_until_two_working_days_after_it_and_is_then_broken() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, due_date=dt.date(2026, 3, 1))
    made = lifecycle.promise(account, invoice.pk, make.STAFF, dt.date(2026, 3, 5))  # a Thursday
    assert made.hold_until == dt.date(2026, 3, 9)
    until(account, "2026-03-09 23:59")
    assert make.again(invoice).status == "on_hold"
    until(account, "2026-03-10 12:00")
    assert Promise.objects.get().status == "broken"
    assert cases(account) == [(1, "promise_broken", "03-10 00:00")]
    assert "promise.broken" in make.events_of(account)
    assert sent(account) == [("reminder", "03-10 09:00")]


@pytest.mark.parametrize(("paid", "status"), [(25_000, "kept"), (400, "kept"), (399, "broken")])
def test_a_promise_is_kept_by_what_was_promised(paid: int, status: str) -> None:
    account = account_at(MONDAY)
    invoice = owing(account, due_date=dt.date(2026, 3, 1))
    lifecycle.promise(account, invoice.pk, make.STAFF, dt.date(2026, 3, 5), amount=Decimal(400))
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(paid))
    until(account, "2026-03-12 12:00")
    assert Promise.objects.get().status == status
    assert Escalation.objects.exists() == (status == "broken")


def test_a_due_date_a_week_later_is_a_new_round_and_a_smaller_move_repeats_no_step() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, due_date=dt.date(2026, 3, 2))
    until(account, "2026-03-24 12:00")
    assert len(sent(account)) == 4
    lifecycle.move_due_date(account, invoice.pk, make.STAFF, dt.date(2026, 3, 8))
    until(account, "2026-03-29 00:00")
    assert len(sent(account)) == 4
    assert make.again(invoice).escalation_level == 1
    lifecycle.move_due_date(account, invoice.pk, make.STAFF, dt.date(2026, 4, 10))
    moved = make.again(invoice)
    assert (moved.status, moved.round, moved.escalation_level) == ("new", 1, 0)
    until(account, "2026-05-30 12:00")
    assert [kind for kind, _ in sent(account)[4:]] == ["reminder", "reminder", "follow_up", "follow_up", "final_notice"]


def test_a_dispute_of_thirty_days_raises_the_next_level_once() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, due_date=dt.date(2026, 3, 1))
    until(account, "2026-03-04 10:00")
    lifecycle.change(account, invoice.pk, make.API, status="disputed")
    until(account, "2026-08-01 12:00")
    assert [(level, reason) for level, reason, _ in cases(account)] == [(1, "dispute")]
    assert len(sent(account)) == 1
    lifecycle.change(account, invoice.pk, make.API, status="overdue")
    until(account, "2026-12-01 12:00")
    assert [kind for kind, _ in sent(account)] == ["reminder", "follow_up", "follow_up", "final_notice"]


def test_a_new_due_date_of_a_long_dispute_gives_it_thirty_days_more_and_no_silence() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, due_date=dt.date(2026, 3, 1))
    lifecycle.change(account, invoice.pk, make.API, status="disputed")
    until(account, "2026-04-10 12:00")
    assert cases(account) == [(1, "dispute", "04-01 08:00")]
    lifecycle.move_due_date(account, invoice.pk, make.STAFF, dt.date(2026, 4, 30))
    moved = make.again(invoice)
    assert (moved.status, moved.escalation_level, moved.next_contact_at) == ("disputed", 0, at("2026-05-10 12:00"))
    until(account, "2026-08-01 12:00")
    assert cases(account) == [(1, "dispute", "04-01 08:00"), (1, "dispute", "05-10 12:00")]


def test_without_a_contact_the_case_opens_at_the_first_step_after_the_due_date() -> None:
    account = account_at(MONDAY)
    invoice = owing(account, due_date=dt.date(2026, 3, 12), debtor_email="")
    assert why(invoice, "warning") == ["The debtor has no contact details: add an email address."]
    until(account, "2026-03-12 23:00")
    assert cases(account) == []
    until(account, "2026-03-20 12:00")
    assert cases(account) == [(1, "no_contact", "03-13 09:00")]


def test_what_is_not_chased_is_left_alone() -> None:
    account = account_at(MONDAY)
    for number in range(6):
        invoice = owing(account, debtor_email=f"d{number}@example.com")
        lifecycle.set_policy(account, invoice.pk, make.STAFF, policy_id=None, is_chased=False)
    until(account, "2026-05-16 12:00")
    assert sent(account) == []
    assert policies.switch_on(account, Invoice.objects.all(), None, make.STAFF, overdue_enter=False) == 0


@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.nightly)])
def test_a_policy_switched_on_over_many_old_invoices_floods_nobody(count: int) -> None:
    """One message a debtor, however many of its invoices enter; none before the next day; then two in seven days."""
    account = account_at(MONDAY)
    Account.objects.filter(pk=account.pk).update(clock=at("2026-03-16 12:00"))
    account.refresh_from_db()
    first = [
        owing(account, due_date=dt.date(2026, 1, 5), debtor_email=f"d{number}@example.com")
        for number in range(count // 12)
    ]
    others = [
        {"id": uuid.uuid4(), "invoice_number": f"{number}", "due_date": dt.date(2026, 1, 6) + dt.timedelta(number % 50)}
        for number in range(count - len(first))
    ]
    Invoice.objects.bulk_create(Invoice(**first[i % len(first)].as_stored() | other) for i, other in enumerate(others))
    Invoice.objects.update(is_chased=False, next_contact_at=None)
    assert not Communication.objects.exists()
    invoices = Invoice.objects.for_account(account)
    assert policies.count_entries(account, invoices) == policies.EntryCounts(overdue=count, upcoming=0)
    assert policies.switch_on(account, invoices, None, make.STAFF, overdue_enter=True) == count
    until(account, "2026-03-16 23:59")
    assert sent(account) == []
    until(account, "2026-03-17 12:00")
    rows = Communication.objects.filter(status="sent")
    assert (rows.count(), {row.step for row in rows}) == (count, {1})
    by_debtor = rows.order_by().values("debtor").annotate(messages=Count("message_id", distinct=True))
    assert [row["messages"] for row in by_debtor] == [1] * len(first)
    until(account, "2026-03-22 12:00")
    assert rows.count() == count


@pytest.mark.properties
@pytest.mark.parametrize("days", [1, 3, 30])
def test_a_clock_that_stood_still_writes_once_to_each_debtor_and_every_ladder_goes_on(days: int) -> None:
    account = account_at("2026-01-15 08:00")
    for number in range(8):
        owing(
            account, due_date=dt.date(2026, 2, 1) + dt.timedelta(days=number), debtor_email=f"d{number % 4}@example.com"
        )
    until(account, "2026-02-03 18:30")
    back = at("2026-02-03 18:30") + dt.timedelta(days=days, hours=15)
    before = Communication.objects.filter(status="sent").count()
    Account.objects.update(clock=back)  # nobody looked in between
    account.refresh_from_db()
    clock.set_clock(account, back + dt.timedelta(minutes=1))
    resumed = (
        Communication.objects.filter(status="sent", sent_at__gte=back)
        .order_by()
        .values("debtor", "message_id")
        .distinct()
    )
    debtors_written_to = [row["debtor"] for row in resumed]
    assert len(debtors_written_to) == len(set(debtors_written_to))
    assert Communication.objects.filter(status="sent").count() >= before
    until(account, "2026-07-01 12:00")
    for invoice in Invoice.objects.for_account(account):
        rows = Communication.objects.filter(invoice=invoice, status="sent", step__gt=0).order_by("sent_at")
        assert [row.step for row in rows] == [1, 7, 14, 21]
        assert list(
            Escalation.objects.filter(invoice=invoice).order_by("opened_at").values_list("level", flat=True)
        ) == [
            1,
            2,
        ]


def lengths() -> list[tuple[str, int, int]]:
    """A pause of each kind, on each of many days of the ladder, of many lengths."""
    return [(kind, day, days) for kind in ("on_hold", "disputed") for day in (0, 6, 22) for days in (1, 9, 64)]


@pytest.mark.properties
def test_a_dispute_or_a_hold_of_any_length_on_any_day_ends_in_order_and_in_one_message() -> None:
    account = account_at("2026-01-28 08:00")
    due = dt.date(2026, 2, 1)
    pauses = {
        owing(account, due_date=due, debtor_email=f"d{number}@example.com").pk: pause
        for number, pause in enumerate(lengths())
    }
    for today in sorted({day for _, day, _ in lengths()} | {day + days for _, day, days in lengths()}):
        clock.set_clock(account, at(f"{due + dt.timedelta(days=today)} 06:00"))
        for pk, (kind, day, days) in pauses.items():
            date = due + dt.timedelta(days=day)
            if today == day:
                ends = date + dt.timedelta(days=days - 1) if kind == "on_hold" else None
                lifecycle.change(account, pk, make.API, status=kind, hold_until=ends)
            if kind == "disputed" and today == day + days:
                lifecycle.change(account, pk, make.API, status="overdue")
    until(account, "2026-09-01 12:00")
    for pk, (kind, day, days) in pauses.items():
        rows = list(Communication.objects.filter(invoice=pk, status="sent", step__gt=0).order_by("sent_at"))
        assert [row.step for row in rows] == [1, 7, 14, 21], (kind, day, days)
        moments = [row.sent_at for row in rows if row.sent_at]
        began, ended = (at(f"{due + dt.timedelta(days=after)} 06:00") for after in (day, day + days))
        assert not [moment for moment in moments if began < moment < ended], (kind, day, days)
        assert all(later - earlier >= dt.timedelta(days=3) for earlier, later in itertools.pairwise(moments))
        levels = Escalation.objects.filter(invoice=pk).order_by("opened_at", "level").values_list("level", flat=True)
        assert set(levels) == {1, 2}, (kind, day, days)


def test_the_steps_of_a_schedule_are_those_that_are_stored_however_they_were_changed() -> None:
    account = make.account()
    invoice = owing(account, due_date=dt.date(2026, 3, 6))
    policy = policies.default_for(account)
    as_read = policies.default_for(account)

    def days() -> list[int]:
        return [step.offset_days for step in policies.steps_of(make.again(invoice))]

    def rename() -> None:
        as_read.name = "Renamed"
        as_read.save()

    changes: list[tuple[Callable[[], object], list[int]]] = [
        (lambda: None, [-3, 1, 7, 14, 21, 35]),
        (policy.steps.filter(offset_days=1).delete, [-3, 7, 14, 21, 35]),
        (lambda: policy.steps.filter(offset_days=7).update(offset_days=8), [-3, 8, 14, 21, 35]),
        (lambda: policy.steps.create(offset_days=2, kind="reminder"), [-3, 2, 8, 14, 21, 35]),
        (lambda: policies.edit(policy, [policies.Step(5, "reminder")]), [5]),
        (rename, [5]),
        (lambda: run("UPDATE communications_policystep SET offset_days = 6"), [6]),
    ]
    for change, expected in changes:
        change()
        assert days() == days() == expected
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        policies.edit(policy, policies.DEFAULT)
        assert len(days()) == 6
        raise ZeroDivisionError
    assert days() == [6]
    another = policies.create(account, "Another")
    another.steps.all().delete()
    policy.steps.update(policy=another)
    assert days() == []
    Invoice.objects.update(policy=another)
    assert days() == [6]


def test_an_edited_policy_counts_at_once_also_where_a_message_is_planned() -> None:
    account = account_at("2026-03-07 08:00")  # a Saturday
    invoice = owing(account, due_date=dt.date(2026, 3, 6))
    until(account, "2026-03-07 12:00")
    policy = policies.default_for(account)
    policies.edit(policy, [*policies.DEFAULT, policies.Step(50, "follow_up")])
    until(account, "2026-03-08 12:00")
    assert make.again(invoice).next_contact_at == at("2026-03-09 09:00")
    policies.edit(policy, [policies.Step(5, "follow_up", escalates_to=1)])
    until(account, "2026-03-08 12:01")
    assert [row.status for row in Communication.objects.order_by("step")] == ["cancelled", "scheduled"]
    until(account, "2026-03-20 12:00")
    assert sent(account) == [("follow_up", "03-11 09:00")]
    assert cases(account) == [(1, "policy_step", "03-11 09:00")]
