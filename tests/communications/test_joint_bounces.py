"""A message about several invoices that bounces or fails is handled as one: its rows stay together."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence

import pytest

from communications import channels
from communications.channels import Refusal
from communications.delivery import sender, status_updates
from communications.delivery.status_updates import Outcome, StatusUpdate
from communications.engine import clock
from communications.models import Address, Communication, PolicyStep, State
from communications.schedule import policies
from inflow.accounts.models import Account
from invoices.models import Escalation, Invoice
from tests import make
from tests.communications.conftest import StartMail
from tests.communications.provider import PHONE
from tests.communications.test_ladder import account_at, at

pytestmark = pytest.mark.django_db
YEAR_LATER = at("2027-01-15 10:00")


def two_invoices(account: Account) -> list[Invoice]:
    """Invoices of one debtor that are due on the same day."""
    return [
        make.invoice(account, due_date=dt.date(2026, 2, 14), debtor_phone=PHONE, invoice_number=f"INV-{number}")
        for number in (1, 2)
    ]


def by_email_and_sms(account: Account) -> None:
    make.gateway(account)
    PolicyStep.objects.filter(policy__account=account).update(channels=["email", "sms"])


def bounce(account: Account, rows: Sequence[Communication], refusal: Refusal) -> None:
    """Apply a bounce as a callback or a delivery report does, to a captured message, which has no provider id."""
    known_as = channels.mail_id(rows[0].message_id)
    Communication.objects.filter(message_id=rows[0].message_id).update(provider_id=known_as)
    update = StatusUpdate(known_as, State.BOUNCED, rows[0].message_id, "reported", refusal)
    assert status_updates.apply(account, rows[0].channel, update)


def messages(account: Account) -> list[tuple[str, set[int | None], int]]:
    """Return the channel, the steps and the number of rows of each message that was sent."""
    found: dict[uuid.UUID, list[Communication]] = defaultdict(list)
    for row in (
        Communication.objects.for_account(account).filter(sent_at__isnull=False).order_by("sent_at", "try_number")
    ):
        found[row.message_id].append(row)
    return [(rows[0].channel, {row.step for row in rows}, len(rows)) for rows in found.values()]


def first_message(account: Account) -> list[Communication]:
    clock.set_clock(account, at("2026-02-11 09:00"))
    rows = list(Communication.objects.for_account(account).filter(status="sent"))
    assert len(rows) == 2
    assert rows[0].message_id == rows[1].message_id
    return rows


@pytest.mark.parametrize(
    ("refusal", "second"), [(Refusal.ADDRESS, "sms"), (Refusal.MAILBOX, "email"), (Refusal.OURS, "email")]
)
def test_its_rows_are_planned_anew_for_one_moment_and_stay_one_message_at_each_step(
    refusal: Refusal, second: str
) -> None:
    account = account_at("2026-02-01 10:00")
    by_email_and_sms(account)
    two_invoices(account)
    bounce(account, first_message(account), refusal)
    planned = Communication.objects.for_account(account).filter(status="scheduled")
    assert set(planned.values_list("channel", flat=True)) == {second}
    assert len(set(planned.values_list("scheduled_for", flat=True))) == 1
    assert planned.count() == 2
    clock.set_clock(account, YEAR_LATER)
    rest = second if refusal == Refusal.ADDRESS else "email"
    assert messages(account) == [
        ("email", {-3}, 2),
        *((rest, {step}, 2) for step in (-3, 1, 7, 14, 21)),
    ]
    assert not Address.objects.filter(invalid_at__isnull=False).exists() or refusal == Refusal.ADDRESS


def test_a_final_refusal_on_the_only_channel_calls_a_person_for_each_invoice_once() -> None:
    account = account_at("2026-02-01 10:00")
    two_invoices(account)
    bounce(account, first_message(account), Refusal.ADDRESS)
    assert list(Escalation.objects.values_list("level", "reason")) == [(1, "no_contact")] * 2
    assert not Communication.objects.filter(status="scheduled").exists()


@pytest.mark.parametrize("first", [0, 1])
def test_invoices_whose_steps_name_other_channels_stay_together(first: int) -> None:
    """The one that leads says the channel; what its own step does not name may come from the other."""
    account = account_at("2026-02-01 10:00")
    by_email_and_sms(account)
    invoices = two_invoices(account)
    other = policies.create(account, "Email alone")
    PolicyStep.objects.filter(policy=other).update(channels=["email"])
    Invoice.objects.filter(pk=invoices[first].pk).update(policy=other)
    bounce(account, first_message(account), Refusal.ADDRESS)
    clock.set_clock(account, at("2026-02-12 09:00"))
    assert messages(account) == [("email", {-3}, 2), ("sms", {-3}, 2)]
    assert not Escalation.objects.exists()


def test_an_invoice_with_another_phone_goes_on_alone() -> None:
    account = account_at("2026-02-01 10:00")
    by_email_and_sms(account)
    one, two = two_invoices(account)
    Invoice.objects.filter(pk=two.pk).update(debtor_phone="")
    type(two.debtor).objects.filter(pk=two.debtor_id).update(phone="")
    bounce(account, first_message(account), Refusal.ADDRESS)
    planned = Communication.objects.for_account(account).filter(status="scheduled")
    assert list(planned.values_list("invoice_id", "channel")) == [(one.pk, "sms")]
    assert Escalation.objects.get().invoice_id == two.pk


@pytest.mark.parametrize("status", [State.SENT, State.SENDING, State.UNKNOWN])
def test_whatever_the_message_was_when_the_bounce_came_its_rows_stay_together(status: State) -> None:
    account = account_at("2026-02-01 10:00")
    by_email_and_sms(account)
    two_invoices(account)
    rows = first_message(account)
    if status != State.SENT:
        Communication.objects.update(status=status)
    if status == State.SENDING:
        Invoice.objects.update(last_step=None)
    bounce(account, rows, Refusal.ADDRESS)
    planned = Communication.objects.for_account(account).filter(status="scheduled")
    assert set(planned.values_list("channel", "try_number")) == {("sms", 2)}
    assert len(set(planned.values_list("scheduled_for", flat=True))) == 1
    assert planned.count() == 2


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("550 5.1.1 User unknown", {("email", "failed", 1), ("sms", "scheduled", 2)}),
        ("552 5.2.2 mailbox full", {("email", "failed", 1), ("email", "scheduled", 2)}),
        ("554 5.7.1 Relay access denied", {("email", "scheduled", 1)}),
        ("421 4.3.2 later", {("email", "scheduled", 1)}),
    ],
)
def test_a_refusal_by_the_mail_server_keeps_them_together(
    start_mail: StartMail, reply: str, expected: set[tuple[str, str, int]]
) -> None:
    start_mail(on_recipient=reply)
    account = make.account()
    by_email_and_sms(account)
    arrived, place = account.now() - dt.timedelta(days=5), make.open_place()
    for _ in range(2):
        given = {"debtor_phone": "", "debtor_email": "a@b.example"}
        made = make.overdue_invoice(account, place=place, created_at=arrived, **given)  # type: ignore[arg-type]
        Invoice.objects.filter(pk=made.pk).update(debtor_phone=PHONE)
        made.debtor.phone = PHONE
        made.debtor.save()
        make.reminder_due(made)
    assert sender.send_due() == 0
    rows = Communication.objects.for_account(account)
    assert set(rows.values_list("channel", "status", "try_number")) == expected
    waiting = rows.filter(status="scheduled")
    assert waiting.count() == 2
    assert len(set(waiting.values_list("scheduled_for", flat=True))) == 1


@pytest.mark.properties
def test_six_identical_runs_come_out_the_same() -> None:
    runs = []
    for _ in range(6):
        account = account_at("2026-02-01 10:00")
        by_email_and_sms(account)
        two_invoices(account)
        bounce(account, first_message(account), Refusal.MAILBOX)
        clock.set_clock(account, YEAR_LATER)
        rows = Communication.objects.for_account(account).filter(sent_at__isnull=False)
        runs.append(sorted(rows.values_list("sent_at", "invoice__invoice_number", "channel", "step", "subject")))
    assert all(run == runs[0] for run in runs)


def test_an_outcome_of_ours_waits_as_one() -> None:
    account = account_at("2026-02-01 10:00")
    two_invoices(account)
    rows = first_message(account)
    Communication.objects.update(status=State.SENDING)
    Invoice.objects.update(last_step=None)
    status_updates.record(rows[0].message_id, Outcome(State.FAILED, "RCPT 554 5.7.1 Relay access denied", Refusal.OURS))
    waiting = Communication.objects.for_account(account).filter(status="scheduled", waits_for="refused")
    assert waiting.count() == 2
    assert len(set(waiting.values_list("scheduled_for", flat=True))) == 1
    clock.set_clock(account, YEAR_LATER)
    assert messages(account) == [("email", {step}, 2) for step in (-3, 1, 7, 14, 21)]
