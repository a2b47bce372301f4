"""The mail server fails at each verb, the worker is killed at each verb: never two messages, and each end is known."""

import datetime as dt
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from subprocess import PIPE
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from communications.delivery import sender
from communications.engine import clock
from communications.models import CollectionSettings, Communication
from invoices import lifecycle
from invoices.debtors import debtors
from invoices.models import Invoice
from tests import make
from tests.mailserver import MailServer
from tests.parallel import at_once
from tests.scripted import VERBS, ScriptedServer

WORKER = "import django; django.setup(); from communications.delivery import sender; sender.send_due()"


def due_reminder(**given: Any) -> Communication:
    return make.reminder_due(make.overdue_invoice(make.account(), place=make.open_place(), **given))


def use(settings: Settings, port: int, *, timeout_s: float = 0.4) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, timeout_s


def environment(port: int) -> dict[str, str]:
    """Of a worker in a process of its own, on the test's database and the mail server on `port`."""
    at = connection.settings_dict
    address = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    return os.environ | {"DATABASE_URL": address, "EMAIL_URL": f"smtp://127.0.0.1:{port}"}


def expected(verb: str, how: str) -> str:
    """Before the content nothing has left, and it waits; after it, unless it was refused, it may have."""
    return "scheduled" if how == "refuse" or verb in ("connect", "EHLO", "MAIL", "RCPT") else "unknown"


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["refuse", "drop", "hang"])
@pytest.mark.parametrize("verb", VERBS)
def test_whatever_the_server_does_at_a_verb_there_are_never_two_messages(
    settings: Settings, verb: str, how: str
) -> None:
    invoice = due_reminder().invoice
    with ScriptedServer(verb, how) as server:
        use(settings, server.port)
        assert sender.send_due() == 0
        assert server.reached.is_set()
        first = Communication.objects.get(try_number=1)
        assert first.status == expected(verb, how)
        delivered = server.contents
    with ScriptedServer() as server:
        use(settings, server.port)
        if Communication.objects.filter(status="scheduled").exists():
            make.reminder_due(invoice)
        sender.send_due()
        delivered += server.contents
    assert delivered == (0 if (verb, how) in (("DATA", "drop"), ("DATA", "hang")) else 1)
    assert Communication.objects.filter(step=1, status__in=("sent", "unknown")).count() == 1


# The claim is committed between EHLO and MAIL, and the message leaves with its content.
TURNS = ("EHLO", "MAIL", "content")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "verb", [*TURNS, *(pytest.param(verb, marks=pytest.mark.nightly) for verb in VERBS if verb not in TURNS)]
)
def test_a_worker_killed_at_a_verb_leaves_a_message_that_went_once_or_not_at_all(settings: Settings, verb: str) -> None:
    invoice = due_reminder().invoice
    with ScriptedServer(verb, "hang") as server:
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=environment(server.port))
        try:
            assert server.reached.wait(20)
        finally:
            worker.kill()
            worker.wait()
        delivered = server.contents
    begun = verb not in ("connect", "EHLO")
    assert Communication.objects.get().status == ("sending" if begun else "scheduled")
    Communication.objects.update(claimed_at=timezone.now() - sender.ORPHANED_AFTER - dt.timedelta(seconds=1))
    with ScriptedServer() as server:
        use(settings, server.port)
        assert sender.send_due() == (0 if begun else 1)
        assert sender.send_due() == 0
        delivered += server.contents
    assert delivered <= 1
    assert Communication.objects.get(step=1).status == ("unknown" if begun else "sent")
    assert make.again(invoice).last_step == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("every", [15, pytest.param(1, marks=pytest.mark.nightly)])
def test_a_worker_killed_at_any_line_of_the_sender_never_makes_two_messages(mail: MailServer, every: int) -> None:
    first, second = (due_reminder(debtor_email=f"{name}@example.com") for name in ("first", "second"))
    command = [sys.executable, "-m", "tests.communications.killed", str(every)]
    with subprocess.Popen(command, env=environment(mail.port), stdin=PIPE, stdout=PIPE, text=True) as worker:
        assert worker.stdin
        assert worker.stdout
        print(first.pk, second.pk, sep="\n", file=worker.stdin, flush=True)
        lines = int(worker.stdout.readline())
        rows = [due_reminder(debtor_email=f"d{number}@example.com") for number in range(lines)]
        print(*[row.pk for row in rows], sep="\n", file=worker.stdin, flush=True)
    assert worker.returncode == 0
    assert lines > 40 / every
    assert set(Communication.objects.filter(step=1).values_list("status", flat=True)) == {
        "scheduled",
        "sending",
        "sent",
    }
    Communication.objects.filter(status="sending").update(
        claimed_at=timezone.now() - sender.ORPHANED_AFTER - dt.timedelta(seconds=1)
    )
    assert [sender.send_due() > 0, sender.send_due()] == [True, 0]
    assert max(Counter(mail.recipients).values()) == 1
    ends = dict(Communication.objects.filter(step=1).values_list("recipient", "status"))
    assert set(ends.values()) == {"sent", "unknown"}
    assert {to for to, status in ends.items() if status == "sent"} <= set(mail.recipients)
    assert len(ends) == Invoice.objects.filter(last_step=1).count() == lines + 2


def pay(invoice: Invoice) -> None:
    lifecycle.record_payment(invoice.account, invoice.pk, make.API, amount=Decimal(25_000))


def hold(invoice: Invoice) -> None:
    lifecycle.change(invoice.account, invoice.pk, make.API, status="on_hold")


def dispute(invoice: Invoice) -> None:
    lifecycle.change(invoice.account, invoice.pk, make.API, status="disputed")


def cancel(invoice: Invoice) -> None:
    lifecycle.change(invoice.account, invoice.pk, make.API, status="cancelled")


def promise(invoice: Invoice) -> None:
    lifecycle.promise(invoice.account, invoice.pk, make.STAFF, invoice.account.today())


def opt_out(invoice: Invoice) -> None:
    debtors.opt_out(invoice.account, invoice.debtor_id, make.STAFF)


def answer(invoice: Invoice) -> None:
    debtors.record_reply(invoice.account, invoice.debtor_id, make.STAFF)


def stop(invoice: Invoice) -> None:
    CollectionSettings.objects.create(account=invoice.account, is_stopped=True)


CHANGES = [pay, hold, dispute, cancel, promise, opt_out, answer, stop]


@pytest.mark.django_db
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_committed_before_the_gate_means_no_call_to_the_mail_server(
    settings: Settings, change: Callable[[Invoice], None]
) -> None:
    reminder = due_reminder()
    change(reminder.invoice)
    Communication.objects.filter(status="scheduled").update(scheduled_for=timezone.now() - dt.timedelta(seconds=1))
    with ScriptedServer("MAIL", "refuse") as server:
        use(settings, server.port)
        assert sender.send_due() == 0
        assert not server.reached.is_set()
    assert Communication.objects.get().sent_at is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("verb", ["connect", "EHLO"])
def test_what_is_committed_while_the_worker_is_on_its_way_to_the_gate_means_no_message(
    settings: Settings, verb: str, change: Callable[[Invoice], None]
) -> None:
    """The worker has picked the message and speaks with the mail server, which waits for the commit."""
    reminder = due_reminder()

    def changes() -> int:
        assert server.reached.wait(10)
        change(reminder.invoice)
        server.go_on.set()
        return 0

    with ScriptedServer(verb, "wait") as server:
        use(settings, server.port, timeout_s=10)
        assert at_once(changes, sender.send_due) == [0, 0]
        assert "MAIL" not in server.heard
    assert Communication.objects.get().sent_at is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [pay, hold, dispute, cancel, promise, opt_out, answer])
def test_what_is_being_committed_at_the_gate_is_waited_for(
    settings: Settings, change: Callable[[Invoice], None]
) -> None:
    reminder = due_reminder()
    changed, go_on = threading.Event(), threading.Event()

    def changes() -> bool:
        with transaction.atomic():
            change(reminder.invoice)
            Communication.objects.filter(status="scheduled").update(scheduled_for=timezone.now())
            changed.set()
            return go_on.wait(10)

    def sends() -> bool:
        assert changed.wait(10)
        threading.Timer(0.3, go_on.set).start()
        return sender.send(reminder.pk)

    with ScriptedServer("MAIL", "refuse") as server:
        use(settings, server.port)
        assert at_once(changes, sends) == [True, False]
        assert not server.reached.is_set()
    assert Communication.objects.get().sent_at is None


@pytest.mark.django_db(transaction=True)
def test_eight_workers_with_doubled_ticks_send_each_message_once(mail: MailServer) -> None:
    account = make.account()
    for number in range(12):
        invoice = make.overdue_invoice(account, place=make.open_place(), debtor_email=f"d{number % 6}@example.com")
        make.reminder_due(invoice)
    results = at_once(*[lambda: clock.tick() + clock.tick()] * 8)
    assert not [result for result in results if isinstance(result, Exception)]
    assert sorted(mail.recipients) == [f"d{number}@example.com" for number in range(6)]
    assert Communication.objects.filter(status="sent", step=1).count() == 12
    assert Communication.objects.values("message_id").distinct().count() == 6
