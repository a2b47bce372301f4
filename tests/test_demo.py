"""The demo account: made once, true to the engine's own rules, and silent towards the world."""

import datetime as dt
import shutil
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count, Sum
from django.http import HttpRequest
from django.test import Client, override_settings
from django.utils import timezone

import inflow.urls  # before a test sets TRY_OUT
from communications.delivery import sender
from communications.engine import clock
from communications.engine.errors import ClockBackwards
from communications.models import LEFT_US, Address, Communication, Medium, Reply, State
from communications.schedule import ladder
from communications.schedule.calendar import place_of
from inflow.accounts import keys
from inflow.accounts.encryption import decrypt
from inflow.accounts.models import Account, ApiKey, User
from inflow.dashboard.demo import account as demo
from inflow.dashboard.demo import deliveries
from inflow.dashboard.demo.story import PLOTS
from invoices import derivation, lifecycle
from invoices.models import Escalation, Invoice, Payment, Promise, Receipt, Status, TimelineEntry
from webhooks.delivery import signing
from webhooks.models import Attempt, Delivery, Event, EventCounter, Subscription


def seed(path: Path, port: int = 8123) -> dict[str, str]:
    call_command("seed_demo", port=port, credentials_file=str(path))
    return credentials(path)


def play() -> None:
    call_command("play_demo", port=8123)


def credentials(path: Path) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in path.read_text().splitlines())


@pytest.fixture
def trying_out(db: None, settings: Any) -> None:
    settings.TRY_OUT = True


@pytest.fixture(scope="module")
def demo_file(module_transaction: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the demo once, for all tests that begin with it. Those that begin with nothing come before."""
    folder = tmp_path_factory.mktemp("demo")
    with override_settings(TRY_OUT=True, OUTBOX_DIR=folder / "outbox"):
        seed(folder / "demo.txt")
        play()
    return folder / "demo.txt"


@pytest.fixture
def seeded(demo_file: Path, trying_out: None, tmp_path: Path) -> dict[str, str]:
    return credentials(Path(shutil.copy(demo_file, tmp_path)))


def counts() -> list[int]:
    tables: tuple[Any, ...] = (Account, User, ApiKey, Invoice, Payment, TimelineEntry, Communication, Event, Delivery)
    return [table.objects.count() for table in (*tables, Attempt, Subscription)]


@pytest.mark.django_db
def test_it_refuses_outside_of_try_out(settings: Any, tmp_path: Path) -> None:
    settings.TRY_OUT = False
    with pytest.raises(CommandError, match="TRY_OUT"):
        seed(tmp_path / "demo.txt")
    with pytest.raises(CommandError, match="TRY_OUT"):
        play()
    assert not (tmp_path / "demo.txt").exists()
    assert not Account.objects.exists()


def test_before_its_past_is_played_the_credentials_work_and_nothing_is_there(trying_out: None, tmp_path: Path) -> None:
    credentials = seed(tmp_path / "demo.txt")
    assert not demo.has_past()
    response = Client().get("/api/zapier/invoices", headers={"X-InFlow-Key": credentials["API key"]})
    assert (response.status_code, response.json()) == (200, [])


def test_a_file_left_by_a_start_that_died_before_its_commit_is_replaced(trying_out: None, tmp_path: Path) -> None:
    path = tmp_path / "demo.txt"
    with transaction.atomic():
        stale = seed(path)
        transaction.set_rollback(True)
    assert not Account.objects.exists()
    fresh = seed(path)
    assert fresh["API key"] != stale["API key"]
    assert keys.find(fresh["API key"])


def test_a_file_that_cannot_be_written_leaves_nothing_behind(trying_out: None, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        seed(tmp_path / "nowhere" / "demo.txt")
    assert not Account.objects.exists()


@pytest.mark.faults
def test_the_credentials_open_the_dashboard_and_the_api_and_are_for_their_owner_only(
    seeded: dict[str, str], tmp_path: Path
) -> None:
    assert stat.S_IMODE((tmp_path / "demo.txt").stat().st_mode) == 0o600
    user = authenticate(HttpRequest(), username=seeded["Login"], password=seeded["Password"])
    assert isinstance(user, User)
    assert (user.account_id, user.role) == (demo.ACCOUNT_ID, "admin")
    key = keys.find(seeded["API key"])
    assert key
    assert key.account.is_test
    answer = Client().get("/api/zapier/invoices?limit=50", headers={"X-InFlow-Key": seeded["API key"]})
    assert answer.status_code == 200
    assert len(answer.json()) == 50


def test_a_second_start_changes_the_receivers_port_and_nothing_else(seeded: dict[str, str], tmp_path: Path) -> None:
    before = counts()
    assert seed(tmp_path / "demo.txt", port=9000) == seeded
    play()
    assert counts() == before
    assert Subscription.objects.get(pk=deliveries.RECEIVER_ID).target_url == "http://127.0.0.1:9000/demo/receiver"


def test_a_second_start_is_a_handful_of_queries(
    seeded: dict[str, str], tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(10):
        seed(tmp_path / "demo.txt", port=9000)


def test_a_lost_file_is_replaced_by_new_credentials(seeded: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "demo.txt").unlink()
    again = seed(tmp_path / "demo.txt")
    assert again["API key"] != seeded["API key"]
    assert keys.find(again["API key"])
    assert authenticate(HttpRequest(), username=again["Login"], password=again["Password"])
    assert Account.objects.count() == 1


def test_what_is_stored_is_what_is_derived_and_the_ledger_adds_up(seeded: dict[str, str]) -> None:
    invoices = Invoice.objects.annotate(ledger=Sum("payments__amount", default=Decimal(0)))
    assert len(invoices) == sum(plot.count for plot in PLOTS)
    for invoice in invoices:
        assert (invoice.status, invoice.payment_status) == derivation.derive(invoice), invoice
        assert invoice.amount_paid == invoice.ledger, invoice
        assert invoice.created_at <= invoice.updated_at <= timezone.now(), invoice


def test_every_age_status_currency_and_language_is_there(seeded: dict[str, str]) -> None:
    today = Account.objects.get().today()
    assert set(Invoice.objects.values_list("status", flat=True)) == set(Status.values)
    assert set(Invoice.objects.values_list("currency", flat=True)) == {"AED", "SAR", "KWD", "USD"}
    overdue = [(today - invoice.due_date).days for invoice in Invoice.objects.past_due(on=today)]
    for low, high in ((1, 30), (31, 60), (61, 90), (91, 999)):
        assert any(low <= days <= high for days in overdue)
    assert Invoice.objects.filter(status="overdue", payment_status="partially_paid").exists()
    states = dict(Communication.objects.values_list("status").annotate(Count("pk")).order_by())
    assert states.keys() >= {State.SENT, State.FAILED, State.UNKNOWN, State.SUPPRESSED, State.SCHEDULED}
    for language in ("en", "ar"):
        sent = Communication.objects.filter(language=language, status=State.SENT)
        assert all(message.subject and message.body and message.html for message in sent)
        assert sent.exists()


def test_messages_left_in_their_hours_and_are_counted_on_their_invoice(seeded: dict[str, str]) -> None:
    for message in Communication.objects.select_related("invoice__debtor", "account"):
        invoice = message.invoice
        place = place_of(invoice.debtor, message.account, invoice.debtor_phone)
        assert place.next_opening(message.scheduled_for) == message.scheduled_for
        assert (message.sent_at is None) == (message.status not in (*LEFT_US, State.FAILED, State.UNKNOWN))
        if message.sent_at:
            assert message.scheduled_for <= message.sent_at < timezone.now()
            assert place.next_opening(message.sent_at) == message.sent_at
            if message.status != State.FAILED:
                assert invoice.last_contacted_at is not None
                assert invoice.last_contacted_at >= message.sent_at
        if message.status == State.SCHEDULED and message.waits_for != "case":  # a person decides when
            assert invoice.next_contact_at == message.scheduled_for


def test_each_timeline_is_in_order_and_begins_with_the_registration(seeded: dict[str, str]) -> None:
    for invoice in Invoice.objects.prefetch_related("timeline"):
        entries = list(invoice.timeline.order_by("id"))
        assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
        assert (entries[0].kind, entries[0].at) == ("created", invoice.created_at)
        assert entries[-1].at <= timezone.now()


def test_events_are_numbered_without_a_gap_and_the_next_one_follows(seeded: dict[str, str]) -> None:
    numbers = sorted(Event.objects.values_list("seq", flat=True))
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert EventCounter.objects.get().seq == numbers[-1]


def test_little_waits_to_be_sent_and_none_of_it_for_another_host(seeded: dict[str, str]) -> None:
    pending = Delivery.objects.filter(status="pending").select_related("subscription")
    assert 1 <= len(pending) <= 5
    assert {delivery.subscription_id for delivery in pending} == {deliveries.RECEIVER_ID}
    for subscription in Subscription.objects.all():
        local = subscription.target_url.startswith("http://127.0.0.1:8123/")
        assert local == subscription.is_active
        assert bool(subscription.disabled_reason) != local
        assert subscription.deliveries.filter(status="failed", attempts_made=10).exists()
        assert subscription.deliveries.filter(status="delivered").exists()
    for delivery in Delivery.objects.annotate(tries=Count("attempts")):
        assert delivery.tries == delivery.attempts_made


@pytest.mark.parametrize("days", [0, 1, 2, 7])
def test_the_engine_goes_on_from_there_without_a_flood(seeded: dict[str, str], days: int) -> None:
    account = Account.objects.get()
    now = timezone.now() + dt.timedelta(days=days)
    due = Invoice.objects.filter(status="new", due_date__lt=now.astimezone(account.zone).date()).count()
    assert due <= 2 * days
    if days == 0:
        assert lifecycle.age_due(now) == 0
    scheduled = Communication.objects.filter(status=State.SCHEDULED)
    assert scheduled.filter(scheduled_for__lte=now).count() <= 20 + 2 * days


def test_the_clock_and_the_sender_take_a_demo_invoice_up_as_any_other(seeded: dict[str, str]) -> None:
    account = Account.objects.get()
    free = Invoice.objects.filter(debtor__answered_at=None).exclude(debtor__invoices__escalation_level=2)
    refused = Address.objects.exclude(invalid_at=None).values("address")
    waiting = free.filter(status="new").exclude(debtor_email="").exclude(debtor_email__in=refused).latest("due_date")
    yesterday = account.today() - dt.timedelta(days=1)
    Invoice.objects.filter(pk=waiting.pk).update(due_date=yesterday, issue_date=yesterday)
    events = EventCounter.objects.get().seq
    assert lifecycle.age_due(timezone.now()) == 1
    assert EventCounter.objects.get().seq == events + 1
    planned = Communication.objects.get(invoice=waiting)
    Communication.objects.filter(pk=planned.pk).update(scheduled_for=timezone.now())
    # Neither outside the debtor's hours nor to one who heard from us lately; when that was, the demo's messages say.
    may_go = ladder.allowed_from(waiting, timezone.now()) <= timezone.now()
    sender.send_due()
    planned.refresh_from_db()
    assert planned.status == (State.SENT if may_go else State.SCHEDULED)


def test_the_clock_follows_the_wall_again_and_cannot_be_set(seeded: dict[str, str]) -> None:
    account = Account.objects.get()
    assert account.clock is None
    for days in (-300, 1):
        with pytest.raises(ClockBackwards):
            clock.set_clock(account, timezone.now() + dt.timedelta(days=days))


def test_no_message_of_the_past_left_the_machine(seeded: dict[str, str], demo_file: Path) -> None:
    assert not (demo_file.parent / "outbox").exists()
    assert mail.outbox == []


def test_people_and_debtors_have_done_what_a_visitor_wants_to_see(seeded: dict[str, str]) -> None:
    assert set(Promise.objects.values_list("status", flat=True)) >= {"open", "kept", "broken"}
    assert set(Reply.objects.values_list("status", flat=True)) == {"proposed", "confirmed", "dismissed"}
    assert Reply.objects.filter(text__contains="المبلغ", status="proposed").exists()
    cases = Escalation.objects.all()
    assert set(cases.values_list("status", flat=True)) >= {"open", "resolved"}
    assert set(cases.values_list("level", flat=True)) == {1, 2}
    assert cases.filter(status="open").exclude(assignee=None).exists()
    assert Receipt.objects.filter(status="reversed").exists()
    assert set(Communication.objects.values_list("channel", flat=True)) == set(Medium.values)


def test_what_is_listed_by_its_date_was_not_all_made_today(seeded: dict[str, str]) -> None:
    week = timezone.now() - dt.timedelta(days=7)
    for model in (Invoice, Communication, Escalation, Event, Delivery):
        assert model.objects.filter(created_at__lt=week).count() > model.objects.count() / 2, model


def summary() -> list[Any]:
    """What is the same in two demos of one seed: all but ids and secrets."""
    entries = TimelineEntry.objects.order_by("invoice__invoice_number", "id")
    told = entries.values_list("invoice__invoice_number", "at", "kind", "actor", "before", "after", "reason")
    invoices = Invoice.objects.order_by("invoice_number")
    made = Delivery.objects.order_by("event__seq", "subscription__target_url")
    return [
        *told,
        *invoices.values_list("invoice_number", "amount", "status", "amount_paid"),
        *made.values_list("event__seq", "status", "attempts_made"),
    ]


@pytest.mark.nightly
def test_the_same_seed_gives_the_same_demo(trying_out: None, tmp_path: Path) -> None:
    now, summaries = timezone.now(), []
    for _ in range(2):
        with transaction.atomic():
            seed(tmp_path / "demo.txt")
            assert demo.play(Account.objects.get(), 8123, now=now)
            summaries.append(summary())
            transaction.set_rollback(True)
    assert summaries[0] == summaries[1]


def test_the_receiver_takes_what_is_signed_and_refuses_the_rest(seeded: dict[str, str], settings: Any) -> None:
    settings.ROOT_URLCONF = "inflow.dashboard.demo.receiver"
    secret = decrypt(Subscription.objects.get(pk=deliveries.RECEIVER_ID).sealed_secret)
    body, now = b'{"id": "evt_1"}', int(timezone.now().timestamp())
    signed = signing.headers(secret, "evt_1", now, body)
    client = Client(enforce_csrf_checks=True)

    def post(data: bytes, headers: dict[str, str]) -> int:
        return client.post("/demo/receiver", data, content_type="application/json", headers=headers).status_code

    assert post(body, signed) == 204
    assert post(body + b" ", signed) == 401
    assert post(body, signed | {"webhook-signature": "v1,ÿ"}) == 401
    assert post(body, {}) == 401
    assert client.get("/demo/receiver").status_code == 405


def test_the_receiver_is_mounted_for_trying_out_only() -> None:
    assert "inflow.dashboard.demo.receiver" not in str(inflow.urls.urlpatterns)
