"""Marks that cannot be left, marks that are ahead, and what people are told while messages and webhooks are held."""

import asyncio
import datetime as dt
import json
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from communications.delivery import manual, restored, sender
from communications.delivery.manual import MessageRequest
from communications.models import Communication
from inflow import health
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from inflow.restores import highwater, identity, stores
from inflow.restores.gap import Gap
from inflow.restores.models import Installation, Mark
from invoices import lifecycle
from invoices.models import Invoice, TimelineEntry
from invoices.writing import Refused
from tests import make
from tests.communications.conftest import StartMail, mail, start_mail  # noqa: F401
from tests.dashboard import world
from tests.mailserver import MailServer
from tests.parallel import at_once
from tests.receiver import Receiver
from webhooks.delivery.sending import deliver_due
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def no_valkey(settings: Any) -> Iterator[None]:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
        yield


def due_reminder(**given: Any) -> Communication:
    return make.reminder_due(make.overdue_invoice(make.account(), place=make.open_place(), **given))


def hold() -> Installation:
    highwater.check()
    now = timezone.now()
    Installation.objects.update(
        held_at=now, held_because="behind", lost_since=now - dt.timedelta(hours=3), lost_until=now
    )
    highwater.forget()
    return Installation.objects.get()


# --- Leaving marks -------------------------------------------------------------------------------------------------


def test_a_mark_is_outside_the_database_before_the_mail_server_hears_of_the_message(start_mail: StartMail) -> None:  # noqa: F811
    reminder = due_reminder()
    seen: list[stores.Marks] = []

    class Watching(MailServer):
        async def handle_DATA(self, *given: Any) -> str:
            seen.append(stores.read(key).marks)
            return await super().handle_DATA(*given)

    highwater.check()
    key = Installation.objects.get().key
    server = start_mail()
    server.__class__ = Watching
    assert sender.send(reminder.pk)
    (before_data,) = seen
    assert {slot: seen.number for slot, seen in before_data.items()} == dict(Mark.objects.values_list("slot", "number"))


def test_captured_messages_leave_no_mark() -> None:
    late = make.overdue_invoice(make.account(is_test=True), place=make.open_place())
    assert sender.send(make.reminder_due(late).pk)
    assert not Mark.objects.exists()


def test_without_valkey_and_without_a_file_messages_and_webhooks_wait(no_valkey: None, mail: MailServer) -> None:  # noqa: F811
    reminder = due_reminder()
    with Receiver() as receiver:
        make.subscription(reminder.account, receiver.url)
        make.invoice(reminder.account)
        assert (sender.send_due(), deliver_due()) == (0, 0)
        assert not receiver.requests
    assert mail.mails == []
    assert Communication.objects.filter(invoice=reminder.invoice).get().status == "scheduled"
    assert Delivery.objects.get().status == "pending"
    assert not highwater.held()


def test_without_valkey_a_file_is_enough(
    no_valkey: None,
    mail: MailServer,  # noqa: F811
    settings: Any,
    tmp_path: Path,
) -> None:
    settings.INFLOW_DATA = tmp_path
    due_reminder()
    assert sender.send_due() == 1
    (path,) = (tmp_path / "marks").glob("*.json")
    assert path.stem == str(Installation.objects.get().key)
    (seen,) = json.loads(path.read_text()).values()
    assert seen[0] == Mark.objects.get().number == 1


def test_a_message_that_passed_the_gate_when_valkey_went_away_is_planned_again(
    mail: MailServer,  # noqa: F811
    settings: Any,
) -> None:
    reminder = due_reminder()
    highwater.check()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert not sender.send(reminder.pk)
    row = Communication.objects.get(pk=reminder.pk)
    assert (row.status, row.sent_at, row.try_number) == ("scheduled", None, 1)
    assert row.invoice.next_contact_at == row.scheduled_for
    assert mail.mails == []


def test_a_mark_that_is_ahead_is_seen_by_the_worker_that_leaves_the_next_one(mail: MailServer) -> None:  # noqa: F811
    """The database was restored under a worker that had compared it a moment ago."""
    account = make.account()
    for number in range(3):
        late = make.overdue_invoice(account, place=make.open_place(), debtor_email=f"d{number}@example.com")
        make.reminder_due(late)
    first, second, third = Communication.objects.filter(status="scheduled")
    assert sender.send(first.pk)
    assert sender.send(second.pk)
    Mark.objects.update(number=0)
    assert not sender.send(third.pk)
    assert len(mail.mails) == 2
    assert highwater.held()
    assert Communication.objects.get(pk=third.pk).status == "scheduled"


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_never_hold_each_other() -> None:
    def leave_many() -> int:
        for _ in range(40):
            highwater.forget()
            highwater.advance()
        return 40

    assert at_once(*[leave_many] * 4) == [40] * 4
    assert Mark.objects.get().number == 160
    assert not highwater.held()


# --- The stores ------------------------------------------------------------------------------------------------------


def test_a_file_only_rises_whoever_writes_it_and_is_never_seen_half_written(tmp_path: Path) -> None:
    key = uuid.uuid4()
    ends = threading.Event()
    highest: list[int] = []

    def write(first: int) -> None:
        store = stores.FileStore(tmp_path)
        for number in range(first, 300, 3):
            store.raise_to(key, 1, stores.StoredMark(number, 0.0))

    def read() -> None:
        while not ends.is_set():
            marks = stores.FileStore(tmp_path).read(key)
            if marks or highest:
                highest.append(marks[1].number)

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=write, args=(first,)) for first in (1, 2, 3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ends.set()
    reader.join()
    assert highest == sorted(highest)
    assert stores.FileStore(tmp_path).read(key) == {1: (299, 0.0)}


def test_a_file_that_was_damaged_counts_as_none(tmp_path: Path) -> None:
    key = uuid.uuid4()
    for text in ("", "{", "[]", '{"1": 3}', '{"x": [1, 2]}'):
        (tmp_path / f"{key}.json").write_text(text)
        assert stores.FileStore(tmp_path).read(key) == {}
    assert stores.FileStore(tmp_path).raise_to(key, 3, stores.StoredMark(7, 1.0)) == 0
    assert stores.FileStore(tmp_path).read(key) == {3: (7, 1.0)}


def test_valkey_only_rises() -> None:
    key = uuid.uuid4()
    found = [stores.raise_to(key, 1, stores.StoredMark(number, float(number))) for number in (2, 1, 10, 9)]
    assert found == [0, 2, 2, 10]
    assert stores.read(key) == ({1: (10, 10.0)}, True)


# --- The identity ----------------------------------------------------------------------------------------------------


def test_a_role_without_any_right_reads_the_whole_identity() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE nobody_special NOSUPERUSER")
        cursor.execute("GRANT USAGE ON SCHEMA public TO nobody_special")
        cursor.execute("SET LOCAL ROLE nobody_special")
        try:
            assert identity.of_database().keys() == {"system", "timeline", "database", "table"}
        finally:
            cursor.execute("RESET ROLE")


def test_what_a_managed_server_refuses_to_tell_is_left_out_and_is_no_change() -> None:
    whole = identity.of_database()
    with connection.cursor() as cursor:
        cursor.execute("REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn) FROM PUBLIC")
        cursor.execute("CREATE ROLE nobody_special NOSUPERUSER")
        cursor.execute("SET LOCAL ROLE nobody_special")
        try:
            less = identity.of_database()
        finally:
            cursor.execute("RESET ROLE")
    assert less.keys() == {"database", "table"}
    assert not identity.differ(whole, less)
    assert identity.differ(whole, less | {"database": "1"})


# --- After a restore -------------------------------------------------------------------------------------------------


def test_steps_that_fell_due_in_the_gap_after_one_that_left_end_as_unknown_too(mail: MailServer) -> None:  # noqa: F811
    """The backup knew the reminder at +1; those at +7 and +14 left in the gap as well; that at +21 is to come."""
    account = make.account()
    created = timezone.now() - dt.timedelta(days=30)
    made = make.invoice(account, due_in=-16, issue_date=account.today() - dt.timedelta(days=40))
    day = created.astimezone(account.zone).date()
    Invoice.objects.filter(pk=made.pk).update(created_at=created, entered_on=day, entered_at=created)
    lifecycle.age(account, made.pk)
    backup = timezone.now() - dt.timedelta(days=15, hours=12)
    Communication.objects.update(scheduled_for=backup + dt.timedelta(hours=1), created_at=backup)
    gap = Gap.between(backup, timezone.now() - dt.timedelta(minutes=5))

    foreseen = [(row.step, row.status) for row in restored.end_as_unknown(gap, dry_run=True)]
    assert Communication.objects.get().status == "scheduled"
    ended = [(row.step, row.status) for row in restored.end_as_unknown(gap)]
    assert [step for step, _ in ended] == [step for step, _ in foreseen] == [1, 7, 14]
    assert list(restored.end_as_unknown(gap)) == []
    assert make.again(made).last_step == 14
    assert sender.send_due() == 0
    assert mail.mails == []
    assert TimelineEntry.objects.filter(invoice=made, kind="unknown").count() == 3


def test_a_message_planned_for_after_the_gap_is_left_as_it_is() -> None:
    late = make.overdue_invoice(make.account(), place=make.open_place())
    gap = Gap.between(timezone.now() - dt.timedelta(hours=3), timezone.now() - dt.timedelta(hours=2))
    row = Communication.objects.get(invoice=late)
    tomorrow = timezone.now() + dt.timedelta(days=1)
    Communication.objects.update(scheduled_for=tomorrow, created_at=gap.since - dt.timedelta(hours=1))
    assert list(restored.end_as_unknown(gap)) == []
    row.refresh_from_db()
    assert (row.status, row.scheduled_for) == ("scheduled", tomorrow)


def test_an_invoice_that_is_registered_after_the_gap_is_reminded_as_any() -> None:
    gap = Gap.between(timezone.now() - dt.timedelta(hours=30), timezone.now() - dt.timedelta(hours=1))
    due_reminder()
    assert list(restored.end_as_unknown(gap)) == []
    assert Communication.objects.get().status == "scheduled"


# --- Telling people --------------------------------------------------------------------------------------------------


def test_every_page_of_platform_staff_says_that_messages_are_held_and_no_other_page_does() -> None:
    own = world.build("Falcon")
    client, admin = Client(), own.logged_in(Role.ADMIN)
    client.force_login(make.user(None))
    pages = ["/admin/", "/admin/password_change/", *(world.page(name, "changelist") for name in world.LISTS)]
    pages += [world.page(name, "change", own.rows[name]) for name in world.LISTS]
    assert "after_restore" not in client.get("/admin/").content.decode()
    hold()
    for page in pages:
        html = client.get(page, follow=True).content.decode()
        assert "python manage.py after_restore --dry-run" in html, page
        assert "after_restore" not in admin.get(page, follow=True).content.decode(), page


def test_nobody_sends_by_hand_while_messages_are_held(mail: MailServer) -> None:  # noqa: F811
    account: Account = make.account()
    late = make.overdue_invoice(account, place=make.open_place())
    request = MessageRequest("manual", "email", "en")
    seen = manual.preview(account, late.pk, make.STAFF, request)
    hold()
    with pytest.raises(Refused) as refusal:
        manual.send(account, late.pk, make.STAFF, request, key=uuid.uuid4(), digest=seen.digest)
    assert refusal.value.code == "held"
    assert mail.mails == []
    assert not Communication.objects.filter(kind="manual").exists()


@pytest.mark.django_db(transaction=True)
def test_readiness_says_that_messages_are_held() -> None:
    hold()
    for body in (b"held\n", b"ok\n"):
        health._last.clear()
        got = asyncio.run(health.response("/readyz", "GET"))
        assert (got.status, got.body) == (200, body)
        Installation.objects.update(held_at=None)
