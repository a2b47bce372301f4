"""The forecast is what the clock then does, and leaves nothing behind."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import InternalError, connection, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from communications.engine import clock, forecast, sandbox
from communications.engine.errors import DeadlineExceeded, ForecastBusy
from communications.engine.forecast import Entry
from communications.models import ApprovalLimit, CollectionSettings, Communication, PolicyStep
from communications.schedule import policies
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.debtors import debtors
from invoices.models import Invoice
from tests import make
from tests.communications import handing_over
from tests.communications.story import PHONE, STORIES, Story, Teller
from tests.communications.test_histories import HISTORIES, PROVED
from tests.communications.test_ladder import account_at, at
from tests.parallel import at_once
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
MONDAY = "2026-04-06 08:00"
Line = tuple[str, int, str, str, str, str]


def _step(step: int | None) -> int:
    """Return a sortable step; thank-yous and reminders of promises have none."""
    return -1_000 if step is None else step


def told(entries: list[Entry]) -> list[Line]:
    """Who, which step, on which channel, when or why not."""
    return sorted(
        (
            entry.invoice_number,
            _step(entry.step),
            entry.kind,
            f"{entry.channel}:{entry.recipient}",
            entry.reason,
            "" if entry.reason else entry.scheduled_for.isoformat(),
        )
        for entry in entries
    )


def done(account: Account, before: set[object]) -> list[Line]:
    """What the clock did with each message, from the rows alone; a disputed or held invoice without one is no line."""
    lines: list[Line] = []
    for row in Communication.objects.for_account(account).select_related("invoice"):
        if row.pk in before or row.status == "cancelled":
            continue
        reason, when = row.suppressed_reason, ""
        if row.status == "scheduled":
            if row.waits_for in ("", "cap", "window"):
                continue
            reason = row.waits_for
        elif row.status == "held":
            reason = "held"
        elif row.status == "sent":
            when = row.sent_at.isoformat()
        lines.append(
            (row.invoice.invoice_number, _step(row.step), row.kind, f"{row.channel}:{row.recipient}", reason, when)
        )
    return sorted(lines)


def decided(account: Account) -> set[object]:
    rows = Communication.objects.for_account(account).exclude(status__in=("scheduled", "held"))
    return set(rows.values_list("pk", flat=True))


def foreseen(account: Account, days: int) -> list[Entry]:
    with nothing_happens(account):
        foreseen = forecast.forecast(account, days)
    assert (foreseen.is_whole, foreseen.until - account.now() <= dt.timedelta(days=days)) == (True, True)
    entries = foreseen.entries
    assert entries == sorted(entries, key=lambda entry: entry.scheduled_for)
    return entries


def stands_still(account: Account, entry: Entry) -> bool:
    """Whether the line is of an invoice that is disputed, held or a person's, and so has no message."""
    invoice = Invoice.objects.get(pk=entry.invoice_id)
    if Communication.objects.filter(invoice=invoice, step=entry.step, status__in=("scheduled", "held")).exists():
        return False
    why = {"dispute": invoice.status == "disputed", "hold": invoice.status == "on_hold"}
    return why.get(entry.reason, entry.reason == "case" and invoice.escalation_level == 2)


@pytest.mark.properties
@pytest.mark.usefixtures("handed_over")
@settings(PROVED, max_examples=min(HISTORIES, 20))
@given(
    story=STORIES.map(lambda story: story[:10]),
    zone=st.sampled_from(["Asia/Dubai", "America/New_York", "Pacific/Auckland"]),
    days=st.integers(1, 30),
    brake=st.sampled_from(["", "", "stale", "held", "stopped", "no email"]),
    channels=st.sampled_from([[], ["whatsapp", "sms", "email"], ["sms"], ["whatsapp"], ["whatsapp", "email"]]),
    agreed=st.booleans(),
    approved=st.booleans(),
)
def test_a_forecast_is_what_the_clock_then_does(
    story: Story, zone: str, days: int, brake: str, channels: list[str], agreed: bool, approved: bool
) -> None:
    """From any moment, if nothing but time follows: also while refused messages wait, with credit, thanks, reminders of
    promises and several parties."""
    with transaction.atomic():
        teller = Teller(zone)
        by_channel(teller.account, channels, agreed=agreed, approved=approved)
        CollectionSettings.objects.filter(account=teller.account).update(is_stopped=brake == "stopped")
        rules = CollectionSettings.objects.get(account=teller.account)
        if brake == "no email":
            CollectionSettings.objects.update(stopped_channels=["email"])
        elif brake == "stale":
            CollectionSettings.objects.update(stale_after_hours=48)
        elif brake == "held":
            ApprovalLimit.objects.create(settings=rules, currency="AED", amount=100)
        teller.tell([("arrive", 5), ("create", 8), ("arrive", 23), *story])
        account = Account.objects.get(pk=teller.account.pk)
        handing_over.refuse(account, None)  # each message is taken to be accepted
        expected, before = foreseen(account, days), decided(account)
        assert account.clock
        clock.set_clock(account, account.clock + dt.timedelta(days=days))
        assert told([entry for entry in expected if not stands_still(account, entry)]) == done(account, before)
        handing_over.check()
        transaction.set_rollback(True)


def by_channel(account: Account, channels: list[str], *, agreed: bool, approved: bool) -> None:
    """The ladder's steps go by these, in order; every third debtor of a story has a phone."""
    for channel in ("sms", "whatsapp") if channels else ():
        gateway = make.gateway(account, channel)
        if channel == "whatsapp":
            kinds = ("reminder", "follow_up", "final_notice") if approved else ()
            gateway.content_sids = {f"{kind}.en": "HX1" for kind in kinds}
            gateway.save()
    if channels:
        PolicyStep.objects.filter(policy__account=account).update(channels=channels)
    if agreed:
        make.agreed_to_whatsapp(account, PHONE)


def owing(account: Account, **given: object) -> Invoice:
    given.setdefault("issue_date", dt.date(2026, 2, 1))
    given.setdefault("due_date", dt.date(2026, 4, 6))
    return make.again(make.invoice(account, **given))  # type: ignore[arg-type]


def test_who_when_and_which_step() -> None:
    account = account_at(MONDAY)
    owing(account, invoice_number="INV-1")
    owing(account, invoice_number="INV-2", due_date=dt.date(2026, 4, 8))
    lines = [(entry.invoice_number, entry.step, f"{entry.scheduled_for:%m-%d %H}") for entry in foreseen(account, 10)]
    # The limits of contact bring the second's reminder together with the first's follow-up.
    assert lines == [("INV-1", 1, "04-07 05"), ("INV-2", 1, "04-10 05"), ("INV-1", 7, "04-14 05")]
    assert {entry.debtor for entry in foreseen(account, 10)} == {"Ahmed Al Rashid, Gulf Trading LLC"}


def test_why_not() -> None:
    account = account_at(MONDAY)
    for number, (due, email) in enumerate([(1, "a@x.example"), (2, "b@x.example"), (3, ""), (4, "d@x.example")]):
        owing(account, invoice_number=str(number), due_date=dt.date(2026, 4, due), debtor_email=email, amount=900)
    disputed, held, _, out = Invoice.objects.order_by("invoice_number")
    lifecycle.change(account, disputed.pk, make.API, status="disputed")
    lifecycle.change(account, held.pk, make.API, status="on_hold", hold_until=dt.date(2026, 9, 1))
    debtors.opt_out(account, out.debtor_id, make.STAFF)
    reasons = {(entry.invoice_number, entry.reason) for entry in foreseen(account, 5)}
    assert reasons == {("0", "dispute"), ("1", "hold"), ("2", "no_contact"), ("3", "opted_out")}


def test_what_a_switch_keeps_back_is_told_at_the_moment_it_would_have_gone() -> None:
    account = account_at(MONDAY)
    CollectionSettings.objects.create(account=account, is_stopped=True)
    owing(account)
    (entry,) = foreseen(account, 20)
    assert (entry.reason, entry.step, entry.scheduled_for) == ("stopped", 1, at("2026-04-07 09:00"))


def test_an_edited_policy_lets_no_clock_stand_still_until_the_next_message() -> None:
    account = account_at(MONDAY)
    owing(account, due_date=dt.date(2026, 3, 1))
    clock.set_clock(account, at("2026-04-06 12:00"))
    policies.edit(policies.default_for(account), policies.DEFAULT)
    looks: list[None] = []
    clock.leap(account, at("2026-04-08 08:00"), watch=lambda: looks.append(None))
    assert len(looks) < 10
    assert Communication.objects.get(status="sent").sent_at == at("2026-04-07 09:00")


def test_a_live_account_s_forecast_begins_now_and_moves_no_clock() -> None:
    account = make.account()
    late = make.overdue_invoice(account)
    soon = make.invoice(account, due_in=20, debtor_email="other@example.com")
    entries = foreseen(account, 30)
    assert {entry.invoice_id for entry in entries} == {late.pk, soon.pk}
    assert all(timezone.now() < entry.scheduled_for < timezone.now() + dt.timedelta(days=30) for entry in entries)
    assert Account.objects.get(pk=account.pk).clock is None


def test_nobody_else_is_in_it() -> None:
    account, other = account_at(MONDAY), account_at(MONDAY)
    owing(other)
    with nothing_happens(other):
        assert foreseen(account, 30) == []
    with sandbox.sandbox(account) as staged:
        assert list(Account.objects.all()) == [staged]
        assert not Invoice.objects.exists()


def test_the_preview_of_a_policy_is_what_switching_it_on_then_does() -> None:
    account = account_at(MONDAY)
    for number in range(4):
        invoice = owing(
            account, due_date=dt.date(2026, 4, 4 + 2 * number), debtor_email=f"d@debtor{number}.example", amount=500
        )
        lifecycle.set_policy(account, invoice.pk, make.STAFF, policy_id=None, is_chased=False)
    invoices = Invoice.objects.for_account(account)
    ids = list(invoices.values_list("pk", flat=True))
    for enter in (False, True):
        with nothing_happens(account):
            entries = forecast.preview(account, ids, None, make.STAFF, overdue_enter=enter, days=10).entries
        assert len({entry.invoice_id for entry in entries}) == (4 if enter else 3)
    before = decided(account)
    policies.switch_on(account, invoices, None, make.STAFF, overdue_enter=True)
    assert account.clock
    clock.set_clock(account, account.clock + dt.timedelta(days=10))
    assert told(entries) == done(account, before)


def fail(changed: int) -> None:
    assert changed == 1
    raise ZeroDivisionError


def test_the_stage_can_touch_nothing_real_and_is_cleared_when_something_breaks() -> None:
    account = account_at(MONDAY)
    owing(account)
    with nothing_happens(account):
        with pytest.raises(InternalError, match="read-only"), sandbox.sandbox(account):
            policies.default_for(account).steps.update(offset_days=99)
        with pytest.raises(ZeroDivisionError), sandbox.sandbox(account):
            fail(Invoice.objects.update(notes="changed"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'")
        assert cursor.fetchone() == (0,)


def test_a_forecast_that_takes_too_long_tells_what_comes_before_the_moment_it_got_to() -> None:
    account = account_at(MONDAY)
    owing(account)
    looks = iter([None, None])

    class Impatient(sandbox.Deadline):
        def check(self) -> None:
            if next(looks, "late"):
                raise DeadlineExceeded

    with nothing_happens(account):
        foreseen = forecast.forecast(account, 30, deadline=Impatient(60))
    assert not foreseen.is_whole
    assert all(entry.scheduled_for < foreseen.until < at("2026-04-30 00:00") for entry in foreseen.entries)


@pytest.mark.django_db(transaction=True)
def test_while_one_looks_ahead_others_pay_and_the_clock_goes_on() -> None:
    account = account_at(MONDAY)
    first, second = owing(account), owing(account, due_date=dt.date(2026, 4, 7))
    make.subscription(account, "https://hooks.example/x", ["invoice.status_changed"])
    with sandbox.sandbox(account) as staged:
        clock.leap(staged, at("2026-05-01 08:00"))
        assert Communication.objects.filter(status="sent").count() > 4

        def pay() -> None:
            lifecycle.record_payment(account, first.pk, make.API, amount=Decimal(25_000))

        def move() -> None:
            clock.set_clock(Account.objects.get(pk=account.pk), at("2026-04-06 12:00"))

        def look() -> None:
            forecast.forecast(account, 1)

        paid, moved, looked = at_once(pay, move, look)
        assert (paid, moved) == (None, None)
        assert isinstance(looked, ForecastBusy)
    assert make.again(first).status == "paid"
    assert make.again(second).status == "new"
    assert Communication.objects.filter(status="sent").count() == 0
