"""A database is dumped, restored, moved, copied and promoted, on real servers: what left is not sent again.

Each test begins with an installation that has 21 messages and 21 deliveries to send. It sends one of each, is backed
up, and sends the other 20 of each.
"""

import datetime as dt
import io
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from communications.delivery import sender
from communications.engine import clock
from communications.models import Communication
from inflow.accounts.models import Account
from inflow.restores import highwater, stores
from inflow.restores.models import Installation, Mark
from tests import make
from tests.api.client import caller
from tests.communications.conftest import StartMail, start_mail  # noqa: F401
from tests.mailserver import MailServer
from tests.receiver import Receiver
from tests.restores import databases
from tests.restores.databases import Database
from webhooks.delivery.sending import deliver_due
from webhooks.models import Delivery, EventCounter

pytestmark = pytest.mark.django_db(transaction=True)
AFTER_BACKUP = 20


@dataclass
class Installed:
    """An installation at work: what its mail server and its receiver got since the backup was taken."""

    mail: MailServer
    receiver: Receiver
    live: Database
    backup: Path
    read: Callable[[str], Database]

    def work(self) -> tuple[int, int]:
        """Let the workers begin anew, and do what is due; how many messages and deliveries came meanwhile."""
        highwater.forget()
        mails, requests = len(self.mail.mails), len(self.receiver.requests)
        clock.tick()
        deliver_due()
        return len(self.mail.mails) - mails, len(self.receiver.requests) - requests

    def is_sending_anew(self) -> bool:
        """Return True if a new invoice is announced and its debtor is written to."""
        make.reminder_due(make.overdue_invoice(account(), place=make.open_place(), debtor_email="new@example.com"))
        messages, deliveries = self.work()
        return messages == 1 and deliveries >= 1

    def empty_valkey(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stores, "PREFIX", f"inflow:mark:{uuid.uuid4().hex}:")


def account() -> Account:
    return Account.objects.get()


def statuses(model: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for status in model.objects.values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found


def after_restore(*options: str) -> str:
    said = io.StringIO()
    call_command("after_restore", *options, stdout=said)
    return said.getvalue()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def origin(django_db_setup: None, django_db_blocker: Any, receiver: Receiver) -> Iterator[Database]:
    """A database in which everything is due and nothing was sent: each test gets a copy."""
    with django_db_blocker.unblock():
        ours = databases.of_tests()
        template = connection.settings_dict["TEST"].get("TEMPLATE") or ours.name
        connection.close()
        made = ours.create(f"origin_{uuid.uuid4().hex}", template=template)
        with made.used():
            falcon = make.account()
            make.subscription(falcon, receiver.url)
            for number in range(AFTER_BACKUP + 1):
                email = f"debtor{number}@example.com"
                make.reminder_due(make.overdue_invoice(falcon, place=make.open_place(), debtor_email=email))
        try:
            yield made
        finally:
            made.drop()


@pytest.fixture
def made() -> Iterator[list[Database]]:
    databases: list[Database] = []
    yield databases
    for database in databases:
        database.drop()


@pytest.fixture
def installed(
    origin: Database,
    receiver: Receiver,
    made: list[Database],
    start_mail: StartMail,  # noqa: F811
    settings: Any,
    tmp_path: Path,
) -> Iterator[Installed]:
    settings.TRY_OUT = True
    live = origin.create(f"live_{uuid.uuid4().hex}", template=origin.name)
    made.append(live)

    def read(name: str) -> Database:
        """Restore the backup into a new database on the same server."""
        restored = live.create(name)
        made.append(restored)
        restored.read(tmp_path / "backup.sql")
        return restored

    with live.used():
        at_work = Installed(start_mail(), receiver, live, tmp_path / "backup.sql", read)
        assert sender.send(Communication.objects.order_by("scheduled_for", "id")[0].pk)
        later = Delivery.objects.order_by("id")[1:]
        Delivery.objects.filter(pk__in=later.values("pk")).update(
            next_attempt_at=timezone.now() + dt.timedelta(hours=1)
        )
        assert deliver_due() == 1
        Delivery.objects.filter(status="pending").update(next_attempt_at=timezone.now())
        live.dump(at_work.backup)
        assert at_work.work() == (AFTER_BACKUP, AFTER_BACKUP)
        yield at_work


def is_held() -> bool:
    return Installation.objects.filter(held_at__isnull=False).exists()


# --- Going on ------------------------------------------------------------------------------------------------------


def test_a_restart_goes_on(installed: Installed) -> None:
    assert installed.work() == (0, 0)
    assert installed.is_sending_anew()


def test_an_empty_valkey_goes_on_where_the_database_is_the_same(
    installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.empty_valkey(monkeypatch)
    assert installed.work() == (0, 0)
    assert installed.is_sending_anew()


def test_a_first_start_sends(origin: Database, made: list[Database], start_mail: StartMail, settings: Any) -> None:  # noqa: F811
    settings.TRY_OUT = True
    fresh = origin.create(f"fresh_{uuid.uuid4().hex}", template=origin.name)
    made.append(fresh)
    mail = start_mail()
    with fresh.used():
        clock.tick()
        assert (len(mail.mails), is_held()) == (AFTER_BACKUP + 1, False)


@pytest.mark.nightly
def test_an_upgrade_by_dump_into_a_new_server_goes_on(
    installed: Installed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = installed.live.dump(tmp_path / "now.sql")
    with databases.server(tmp_path / "upgraded") as upgraded:
        upgraded.read(now)
        with upgraded.used():
            was = Installation.objects.get().identity
            assert installed.work() == (0, 0)
            assert installed.is_sending_anew()
            assert Installation.objects.get().identity["system"] != was["system"]
    assert [record.message for record in caplog.records if "database_moved" in record.message]


def test_a_failover_goes_on(installed: Installed, tmp_path: Path) -> None:
    """The standby has the primary's identity on the next timeline."""
    now = installed.live.dump(tmp_path / "now.sql")
    with databases.server(tmp_path / "primary") as primary:
        primary.read(now)
        with primary.used():
            assert installed.work() == (0, 0)
            was = Installation.objects.get().identity
    promoted = copied(tmp_path / "primary", tmp_path / "standby")
    with promoted as standby, standby.used():
        standby.run("SELECT pg_promote()")
        assert installed.work() == (0, 0)
        assert installed.is_sending_anew()
        is_now = Installation.objects.get().identity
    assert {name for name in was if was[name] != is_now[name]} == {"timeline"}
    assert is_now["timeline"] > was["timeline"]


@pytest.mark.nightly
def test_two_installations_that_share_a_valkey_do_not_disturb_each_other(
    installed: Installed, origin: Database, made: list[Database]
) -> None:
    other = origin.create(f"other_{uuid.uuid4().hex}", template=origin.name)
    made.append(other)
    with other.used():
        Installation.objects.update(key=uuid.uuid4())
        assert installed.work() == (AFTER_BACKUP + 1, AFTER_BACKUP + 1)
        assert installed.is_sending_anew()
    highwater.forget()
    assert installed.is_sending_anew()


# --- Held ------------------------------------------------------------------------------------------------------------


def restored_into_the_same(installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    installed.live.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    installed.live.read(installed.backup)
    return installed.live.used()


def restored_into_another(installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return installed.read(f"restored_{uuid.uuid4().hex}").used()


def restored_with_a_file_and_an_empty_valkey(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    monkeypatch.setattr(configured, "INFLOW_DATA", tmp_path / "inflow")
    assert installed.is_sending_anew()
    installed.empty_valkey(monkeypatch)
    return restored_into_the_same(installed, tmp_path, monkeypatch)


def restored_into_the_same_with_an_empty_valkey(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    installed.empty_valkey(monkeypatch)
    return restored_into_the_same(installed, tmp_path, monkeypatch)


def a_staging_copy_with_a_valkey_of_its_own(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    installed.empty_valkey(monkeypatch)
    return restored_into_another(installed, tmp_path, monkeypatch)


HELD = [
    (restored_into_the_same, "behind"),
    (restored_into_another, "behind"),
    (restored_with_a_file_and_an_empty_valkey, "behind"),
    (restored_into_the_same_with_an_empty_valkey, "unmarked"),
    (a_staging_copy_with_a_valkey_of_its_own, "unmarked"),
]


@pytest.mark.parametrize(("restore", "cause"), HELD, ids=[restore.__name__ for restore, _ in HELD])
def test_a_restored_backup_is_held_and_then_sends_none_of_it_again(
    installed: Installed,
    restore: Callable[..., Any],
    cause: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with restore(installed, tmp_path, monkeypatch):
        waiting = statuses(Communication), statuses(Delivery)
        assert waiting == ({"scheduled": 20, "sent": 1}, {"pending": 20, "delivered": 1})
        assert [installed.work(), installed.work()] == [(0, 0), (0, 0)]
        assert (statuses(Communication), statuses(Delivery)) == waiting, "something was lost"
        held = Installation.objects.get()
        assert (held.held_because, held.held_at is not None) == (cause, True)
        (line,) = [record.message for record in caplog.records if "sending_held" in record.message][:1]
        assert "after_restore" in line

        listed = after_restore("--dry-run")
        assert "Messages that may have been sent: 20" in listed
        assert "Webhook deliveries that may have been sent: 20" in listed
        assert "debtor7@example.com" in listed
        assert (statuses(Communication), statuses(Delivery), is_held()) == (*waiting, True)

        after_restore()
        assert statuses(Communication)["unknown"] == AFTER_BACKUP
        assert statuses(Delivery)["skipped"] == AFTER_BACKUP
        assert installed.work()[0] == 0
        assert installed.is_sending_anew()
        assert not is_held()
        with pytest.raises(CommandError, match="Nothing is held"):
            after_restore()


def test_an_older_base_backup_on_the_same_server_is_known_by_its_timeline(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has its old identity but for the timeline, and Valkey was lost with its machine."""
    with databases.server(tmp_path / "primary") as primary:
        primary.read(installed.backup)
        with primary.used():
            Installation.objects.all().delete()  # as if it had been born here
            assert installed.work() == (AFTER_BACKUP, AFTER_BACKUP)
    installed.empty_valkey(monkeypatch)
    with copied(tmp_path / "primary", tmp_path / "recovered") as recovered, recovered.used():
        recovered.run("SELECT pg_promote()")
        assert installed.work() == (0, 0)
        assert Installation.objects.get().held_because == "unmarked"


def test_a_backup_from_before_anything_was_sent_and_any_worker_ran_is_recognized(
    origin: Database,
    made: list[Database],
    receiver: Receiver,
    start_mail: StartMail,  # noqa: F811
    settings: Any,
    tmp_path: Path,
) -> None:
    settings.TRY_OUT = True
    live = origin.create(f"young_{uuid.uuid4().hex}", template=origin.name)
    made.append(live)
    backup = live.dump(tmp_path / "backup.sql")
    mail = start_mail()
    with live.used():
        clock.tick()
        assert len(mail.mails) == AFTER_BACKUP + 1
    restored = live.create(f"restored_{uuid.uuid4().hex}")
    made.append(restored)
    restored.read(backup)
    with restored.used():
        clock.tick()
        assert (len(mail.mails), is_held()) == (AFTER_BACKUP + 1, True)
        after_restore()
        clock.tick()
        assert len(mail.mails) == AFTER_BACKUP + 1


@pytest.mark.nightly
def test_released_everything_is_sent_again(installed: Installed) -> None:
    """Everything leaves again, as it did before there were marks."""
    with installed.read(f"released_{uuid.uuid4().hex}").used():
        assert installed.work() == (0, 0)
        said = after_restore("--release-messages", "--release-webhooks")
        assert "Messages that may have been sent: 20 (will be sent, perhaps again)" in said
        assert installed.work() == (AFTER_BACKUP, AFTER_BACKUP)


@pytest.mark.nightly
def test_the_same_backup_is_recognized_again_after_it_was_restored_once(installed: Installed) -> None:
    with installed.read(f"once_{uuid.uuid4().hex}").used():
        assert installed.work() == (0, 0)
        after_restore()
        assert installed.is_sending_anew()
    with installed.read(f"twice_{uuid.uuid4().hex}").used():
        assert installed.work() == (0, 0)
        assert is_held()


@pytest.mark.nightly
def test_a_copy_that_goes_on_beside_its_original_has_marks_of_its_own(installed: Installed) -> None:
    with installed.read(f"copy_{uuid.uuid4().hex}").used():
        assert installed.work() == (0, 0)
        after_restore("--copy")
        assert installed.is_sending_anew()
    with installed.live.used():
        assert installed.is_sending_anew()
        assert not is_held()


@pytest.mark.nightly
def test_an_interrupted_after_restore_is_run_again(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    with installed.read(f"interrupted_{uuid.uuid4().hex}").used():
        assert installed.work() == (0, 0)
        seq = EventCounter.objects.get().seq

        def fail(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(highwater, "release", fail)
            with pytest.raises(KeyboardInterrupt):
                after_restore()
        assert is_held()
        assert installed.work() == (0, 0)
        assert "Messages that may have been sent: 0" in after_restore()
        assert statuses(Communication)["unknown"] == AFTER_BACKUP
        counter = EventCounter.objects.get()
        assert counter.kept_from > seq + 10_000


def test_events_that_were_lost_are_gone_and_new_numbers_are_above_them(installed: Installed) -> None:
    api = caller(account())
    lost = api.get("/api/zapier/events?limit=100").json[-1]["seq"]
    with installed.read(f"numbered_{uuid.uuid4().hex}").used():
        known = EventCounter.objects.get().seq
        assert known < lost
        assert installed.work() == (0, 0)
        after_restore()
        api = caller(account())
        for after in (0, known, lost):
            assert api.get(f"/api/zapier/events?after={after}").status == 410
        assert installed.is_sending_anew()
        kept = api.get("/api/zapier/events?limit=100").json
        assert min(event["seq"] for event in kept) > lost
        first = EventCounter.objects.get().kept_from
        assert api.get(f"/api/zapier/events?after={first - 1}").status == 200
        assert [event["seq"] for event in kept] == list(range(first, first + len(kept)))


@pytest.mark.nightly
def test_force_serves_a_backup_older_than_the_marks(installed: Installed) -> None:
    with installed.read(f"ancient_{uuid.uuid4().hex}").used():
        Mark.objects.all().delete()
        Installation.objects.all().delete()
        after_restore("--force")
        assert statuses(Communication)["unknown"] == AFTER_BACKUP
        assert installed.work()[0] == 0
        assert installed.is_sending_anew()


def copied(cluster: Path, to: Path) -> Any:
    """The server of a copy of a cluster that was stopped, as a standby."""
    to.mkdir(mode=0o700)
    subprocess.run(["cp", "-a", str(cluster / "postgres"), str(to / "postgres")], check=True)
    signal = to / "postgres" / "standby.signal"
    subprocess.run(["cp", "-a", str(to / "postgres" / "PG_VERSION"), str(signal)], check=True)
    return databases.server(to)
