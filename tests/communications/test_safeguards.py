"""What stops messages: payments that nobody recorded, the switch, a second pair of eyes, a rule of the channel."""

import datetime as dt
from decimal import Decimal

import pytest

from communications.delivery import gate, safeguards
from communications.engine import clock
from communications.models import ApprovalLimit, CollectionSettings, Communication, State
from communications.schedule import ladder
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account
from invoices import lifecycle, narrative
from invoices.cases import cases
from invoices.models import Escalation, Invoice, TimelineEntry
from invoices.writing import NotFound, Refused
from tests import make
from tests.communications import history
from tests.communications.test_ladder import account_at, at, sent
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
MONDAY = "2026-04-06 08:00"
COLLEAGUE = Actor("second@example.com", Channel.DASHBOARD)


def owing(account: Account, **given: object) -> Invoice:
    given.setdefault("issue_date", dt.date(2026, 2, 1))
    given.setdefault("due_date", dt.date(2026, 4, 6))
    return make.again(make.invoice(account, **given))  # type: ignore[arg-type]


def until(account: Account, text: str) -> None:
    clock.set_clock(account, at(text))
    history.check(account)


def why(invoice: Invoice, *kinds: str) -> list[str]:
    entries = TimelineEntry.objects.filter(invoice=invoice, kind__in=kinds or ["postponed"])
    return [narrative.in_english(entry) for entry in entries.order_by("id")]


# --- Payment data ------------------------------------------------------------------------------------------------


def test_messages_wait_while_no_payment_was_recorded_or_synced() -> None:
    account = account_at(MONDAY)
    CollectionSettings.objects.create(account=account, stale_after_hours=48)
    invoice = owing(account)
    until(account, "2026-04-08 12:00")
    assert sent(account) == []
    assert why(invoice) == [
        "Reminder postponed to 2026-04-07 11:00 (Asia/Dubai): "
        "payment data is stale: no payment was recorded or synced recently."
    ]
    assert safeguards.record_sync(account, make.STAFF) == 1
    until(account, "2026-04-08 13:00")
    assert sent(account) == [("reminder", "04-08 12:00")]
    until(account, "2026-04-16 12:00")
    assert sent(account) == [("reminder", "04-08 12:00")]


def test_a_payment_of_anybody_keeps_the_data_fresh_for_so_many_hours() -> None:
    account = account_at(MONDAY)
    CollectionSettings.objects.create(account=account, stale_after_hours=48)
    other = owing(account, debtor_email="other@example.com", due_date=dt.date(2026, 7, 1))
    owing(account)
    until(account, "2026-04-06 12:00")
    lifecycle.record_payment(account, other.pk, make.API, amount=Decimal(1))
    until(account, "2026-04-16 12:00")
    assert sent(account) == [("reminder", "04-07 09:00")]
    lifecycle.record_payment(account, other.pk, make.API, amount=Decimal(1))
    until(account, "2026-04-16 16:00")
    assert sent(account)[1:] == [("follow_up", "04-16 13:00")]


def test_freshness_is_off_by_default() -> None:
    assert not safeguards.is_stale(CollectionSettings(account=make.account()), at(MONDAY))


def test_another_account_s_payments_are_not_ours() -> None:
    account, other = account_at(MONDAY), account_at(MONDAY)
    rules = CollectionSettings.objects.create(account=account, stale_after_hours=48)
    lifecycle.record_payment(other, owing(other).pk, make.API, amount=Decimal(1))
    assert safeguards.is_stale(rules, at(MONDAY))
    lifecycle.record_payment(account, owing(account).pk, make.API, amount=Decimal(1))
    assert not safeguards.is_stale(rules, at(MONDAY))


# --- The switch --------------------------------------------------------------------------------------------------


def test_resuming_lets_go_what_the_switch_held_within_hours_and_limits() -> None:
    account = account_at(MONDAY)
    CollectionSettings.objects.create(account=account, is_stopped=True, stopped_channels=["sms"])
    first, second = owing(account), owing(account, due_date=dt.date(2026, 4, 7))
    late = owing(account, due_date=dt.date(2026, 4, 20), debtor_email="late@example.com")
    until(account, "2026-04-09 20:00")
    assert sent(account) == []
    held = Communication.objects.filter(waits_for="stopped")
    assert {row.invoice for row in held} == {first, second}
    assert safeguards.resume(account, make.STAFF) == 2
    rules = CollectionSettings.objects.get()
    assert (rules.is_stopped, rules.stopped_channels) == (False, [])
    assert why(first, "released") == ["Messages were resumed: reminder scheduled for 2026-04-10 09:00 (Asia/Dubai)."]
    assert why(late, "released") == []
    until(account, "2026-04-10 10:00")
    assert sent(account) == [("reminder", "04-10 09:00")] * 2
    assert Communication.objects.filter(status="sent").values("message_id").distinct().count() == 1


def test_resuming_is_of_one_account_and_wakes_nothing_that_was_paid() -> None:
    account, other = account_at(MONDAY), account_at(MONDAY)
    for each in (account, other):
        CollectionSettings.objects.create(account=each, is_stopped=True)
        owing(each)
        until(each, "2026-04-08 12:00")
    lifecycle.change(account, Invoice.objects.for_account(account).get().pk, make.API, status="paid")
    with nothing_happens(other):
        assert safeguards.resume(account, make.STAFF) == 0
    assert CollectionSettings.objects.get(account=other).is_stopped


# --- A second pair of eyes ---------------------------------------------------------------------------------------


def held_notice(**given: object) -> tuple[Account, Communication]:
    """An account whose final notice of AED 25,000 is held, above a limit of AED 20,000."""
    account = account_at("2026-02-02 08:00")
    rules = CollectionSettings.objects.create(account=account)
    ApprovalLimit.objects.create(settings=rules, currency="AED", amount=20_000)
    owing(account, due_date=dt.date(2026, 4, 6), **given)
    until(account, "2026-04-27 20:00")
    return account, Communication.objects.get(kind="final_notice")


def test_a_final_notice_above_the_amount_is_held_and_somebody_is_called_in() -> None:
    account, row = held_notice()
    assert row.status == State.HELD
    assert why(row.invoice, "held") == ["Final notice for AED 25,000.00 held for approval."]
    case = Escalation.objects.get()
    assert (case.level, case.notes) == (1, "A final notice needs approval.")
    assert "escalation.created" in make.events_of(account)
    until(account, "2026-08-01 12:00")
    assert len(sent(account)) == 4  # nothing else goes meanwhile


@pytest.mark.parametrize("given", [{"amount": 20_000}, {"amount": 90_000, "currency": "SAR"}])
def test_what_is_not_above_it_or_in_another_currency_goes(given: dict[str, object]) -> None:
    _, row = held_notice(**given)
    assert row.status == State.SENT


def test_a_part_payment_below_the_amount_lets_the_notice_go() -> None:
    account = account_at("2026-02-02 08:00")
    ApprovalLimit.objects.create(
        settings=CollectionSettings.objects.create(account=account), currency="AED", amount=100
    )
    invoice = owing(account, amount=150)
    until(account, "2026-04-20 20:00")
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(50))
    until(account, "2026-04-27 20:00")
    assert Communication.objects.get(kind="final_notice").status == State.SENT


def test_released_it_goes_after_the_cool_off_and_the_ladder_goes_on() -> None:
    account, row = held_notice()
    released = safeguards.approve(account, row.pk, COLLEAGUE)
    assert (released.status, released.approved_by) == (State.SCHEDULED, COLLEAGUE.name)
    assert released.scheduled_for == at("2026-04-29 09:00")  # a day later it is evening
    assert "scheduled for 2026-04-29 09:00 (Asia/Dubai) unless it is recalled" in why(row.invoice, "approved")[0]
    until(account, "2026-06-30 12:00")
    assert sent(account)[-1] == ("final_notice", "04-29 09:00")
    assert list(Escalation.objects.order_by("level").values_list("level", flat=True)) == [1, 2]


def test_within_the_cool_off_it_can_be_called_back() -> None:
    account, row = held_notice()
    safeguards.approve(account, row.pk, COLLEAGUE)
    safeguards.withdraw_approval(account, row.pk, make.STAFF)
    until(account, "2026-05-20 12:00")
    row.refresh_from_db()
    assert (row.status, row.approved_by) == (State.HELD, "")
    assert why(row.invoice, "held")[-1] == "Final notice recalled."


def test_cancelled_the_step_is_done_without_it() -> None:
    account, row = held_notice()
    safeguards.cancel(account, row.pk, COLLEAGUE, reason="They are an old customer.")
    until(account, "2026-06-30 12:00")
    assert Communication.objects.get(pk=row.pk).status == State.CANCELLED
    assert ("final_notice", "04-27 09:00") not in sent(account)
    assert sorted(Escalation.objects.values_list("level", flat=True)) == [1, 2]
    assert Invoice.objects.get().last_step == 35


def test_who_registered_the_invoice_does_not_release_its_final_notice() -> None:
    account, row = held_notice(actor=make.STAFF)
    with nothing_happens(account), pytest.raises(Refused, match="another user"):
        safeguards.approve(account, row.pk, make.STAFF)
    assert safeguards.approve(account, row.pk, COLLEAGUE).status == State.SCHEDULED


def test_what_is_not_held_any_more_is_not_released_nor_cancelled_twice() -> None:
    account, row = held_notice()
    other = make.account()
    for verb in (safeguards.approve, safeguards.cancel, safeguards.withdraw_approval):
        with nothing_happens(account), pytest.raises(NotFound):
            verb(other, row.pk, COLLEAGUE)
    with nothing_happens(account), pytest.raises(Refused):
        safeguards.withdraw_approval(account, row.pk, COLLEAGUE)
    safeguards.approve(account, row.pk, COLLEAGUE)
    for verb in (safeguards.approve, safeguards.cancel):
        with nothing_happens(account), pytest.raises(Refused):
            verb(account, row.pk, COLLEAGUE)


def test_a_payment_ends_what_is_held() -> None:
    account, row = held_notice()
    lifecycle.change(account, row.invoice_id, make.API, status="paid")
    row.refresh_from_db()
    assert (row.status, row.suppressed_reason) == (State.SUPPRESSED, "paid")
    with pytest.raises(Refused):
        safeguards.approve(account, row.pk, COLLEAGUE)


def test_a_new_due_date_ends_what_is_held_and_begins_a_new_round() -> None:
    account, row = held_notice()
    lifecycle.move_due_date(account, row.invoice_id, make.STAFF, dt.date(2026, 5, 4))
    row.refresh_from_db()
    assert row.status == State.CANCELLED
    until(account, "2026-05-06 12:00")
    assert sent(account)[-2:] == [("reminder", "05-01 09:00"), ("reminder", "05-05 09:00")]


def test_a_held_notice_is_never_nobody_s() -> None:
    account, row = held_notice()
    resolved = cases.CaseChange(status="resolved", resolution="ladder")
    cases.change(account, Escalation.objects.get().pk, COLLEAGUE, resolved)
    assert Escalation.objects.exclude(status="resolved").count() == 1
    on_hold = cases.CaseChange(status="resolved", resolution="hold", hold_until=dt.date(2026, 5, 10))
    cases.change(account, Escalation.objects.exclude(status="resolved").get().pk, COLLEAGUE, on_hold)
    assert not Escalation.objects.exclude(status="resolved").exists()
    until(account, "2026-05-11 12:00")
    assert Escalation.objects.exclude(status="resolved").count() == 1
    assert Communication.objects.get(pk=row.pk).status == State.HELD


# --- The channel's rules -----------------------------------------------------------------------------------------


def test_the_rules_of_sms_are_asked_at_the_gate() -> None:
    account = account_at(MONDAY)
    make.gateway(account)
    invoice = owing(account, invoice_number="0501234567")
    clock.set_clock(account, at("2026-04-07 08:30"))
    row = Communication.objects.get()
    row.channel, row.invoice = "sms", invoice
    case = gate.Case(account, invoice.debtor, {invoice.pk: invoice}, [row], ladder.rules_of(account), account.now())
    assert gate.breaches(row, case, "Invoice 0501234567: please pay.") == []
    problems = gate.breaches(row, case, "Invoice 0501234567: call 050 765 4321 or see falcon.ae")
    assert [problem.code for problem in problems] == ["link", "phone_number"]
    row.channel = "email"
    assert gate.breaches(row, case, "See falcon.ae") == []
