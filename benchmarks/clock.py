"""The cost of the clock's sweep by number of invoices, and messages per second compared with a bare SMTP loop.

A sweep marks invoices as overdue, plans their next steps and looks for due messages. No message is due, because it is
night in the debtors' time zone. 1,000 invoices are due among 10,000 and among 1,000,000, in turn. One worker sends each
message through the gate and records it; the bare loop sends the same emails over one connection and stores nothing.
"""

import contextlib
import datetime as dt
import smtplib
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from benchmarks._stack import stack

if TYPE_CHECKING:
    from inflow.accounts.models import Account

DUE = 1_000


def run(*, quick: bool = False) -> None:
    few, many, rounds, messages = (2_000, 20_000, 1, 50) if quick else (10_000, 1_000_000, 2, 500)
    due = 200 if quick else DUE
    with stack():
        turns = [(_sweep(few, due), _sweep(many, due)) for _ in range(rounds)]
        small, large = zip(*turns, strict=True)
        a, b = statistics.mean(small), statistics.mean(large)
        print(f"A sweep with {due:,} due, mean of {rounds}:")
        print(f"  among {few:>9,} invoices {a * 1000:9,.0f} ms   {_range(small)}")
        print(f"  among {many:>9,} invoices {b * 1000:9,.0f} ms   {_range(large)}   {b / a:.2f} x")
        _clear()
        took, sent = _year(20 if quick else 200)
        print(f"A test account's clock leaps a year, {20 if quick else 200} invoices, a debtor each:")
        print(f"  {took:,.1f} s, {sent:,} messages")
        _clear()
        with _smtp() as port:
            rate, floor = _messages(messages, port)
        print(f"Messages a second, {messages:,} to one debtor each:")
        print(f"  InFlow, one worker {rate:8,.0f}   {rate / floor:.3f} x the bare loop")
        print(f"  bare SMTP loop     {floor:8,.0f}")


def _range(times: tuple[float, ...]) -> str:
    return f"({min(times) * 1000:,.0f} to {max(times) * 1000:,.0f})"


def _zone_at(hour: int) -> str:
    """Return a time zone in which it is `hour` now. The signs of Etc/GMT are reversed: Etc/GMT-4 is UTC+4."""
    from django.utils import timezone

    east = (hour - timezone.now().hour + 12) % 24 - 12
    return f"Etc/GMT{-east:+d}" if east else "Etc/GMT"


def _sweep(count: int, due: int) -> float:
    from django.db import connection
    from django.utils import timezone

    from communications.engine import clock
    from communications.models import Communication
    from invoices.models import Debtor

    _clear()
    account = _account()
    today = account.today()
    with connection.cursor() as cursor:
        _insert(cursor, account.pk, "rest", count - due, today + dt.timedelta(days=200), today + dt.timedelta(days=190))
        _insert(cursor, account.pk, "due", due, today - dt.timedelta(days=1), today - dt.timedelta(days=1))
        for table in ("invoices_invoice", "invoices_debtor", "communications_communication"):
            cursor.execute(f"VACUUM ANALYZE {table}")
    Debtor.objects.filter(invoices__due_date__lt=today).update(time_zone=_zone_at(3))
    began = time.perf_counter()
    assert clock.tick(timezone.now()) == 0
    took = time.perf_counter() - began
    assert Communication.objects.filter(status="scheduled").count() == due
    return took


def _insert(cursor: object, account: uuid.UUID, kind: str, count: int, due: dt.date, look: dt.date) -> None:
    """Insert invoices by SQL in the state that they have after their creation."""
    cursor.execute(  # type: ignore[attr-defined]
        """
        WITH numbers AS (SELECT generate_series(1, %(count)s) AS number), debtors AS (
          INSERT INTO invoices_debtor (id, account_id, name, company, email, phone, language, time_zone,
                                       country, subdivision, created_at)
          SELECT gen_random_uuid(), %(account)s, 'A debtor', '',
                 %(kind)s || number || '@example.com', '', '', '', '', '', now() FROM numbers
          RETURNING id, email)
        INSERT INTO invoices_invoice (id, account_id, debtor_id, invoice_number, debtor_name, debtor_company,
          debtor_email, debtor_phone, party, amount, currency, issue_date, due_date, language, notes, amount_paid,
          status, payment_status, round, escalation_level, next_check_at, version, created_at, updated_at, is_chased,
          entered_on, slip_days, last_step)
        SELECT gen_random_uuid(), %(account)s, id, email, 'A debtor', '', email, '', 'adebtor|', 100, 'AED',
          %(due)s::date - 30, %(due)s, 'en', '', 0, 'new', 'unpaid', 0, 0, %(look)s::timestamptz, 1, now(), now(), true,
          %(due)s::date - 30, 0, -3 FROM debtors
        """,
        {"account": account, "kind": kind, "count": count, "due": due, "look": look},
    )


def _year(count: int) -> tuple[float, int]:
    """Return the duration in seconds, and the number of messages sent."""
    from communications.engine import clock
    from inflow.accounts.actors import Actor, Channel
    from inflow.accounts.models import Account
    from invoices import lifecycle

    account = Account.objects.create(name="Benchmark of a year", is_test=True)
    begin = dt.datetime(2026, 1, 5, 6, tzinfo=dt.UTC)
    clock.set_clock(account, begin)
    for number in range(count):
        new = lifecycle.NewInvoice(
            invoice_number=str(number),
            debtor_name="A debtor",
            debtor_email=f"year{number}@example.com",
            amount=Decimal(100),
            currency="AED",
            due_date=begin.date() + dt.timedelta(days=number),
        )
        lifecycle.create(account, new, Actor("benchmark", Channel.API))
    began = time.perf_counter()
    leap = clock.set_clock(account, begin + dt.timedelta(days=365))
    return time.perf_counter() - began, leap.sent


def _messages(count: int, port: int) -> tuple[float, float]:
    """Return the rates of InFlow and of a loop over one connection, per second."""
    from django.conf import settings
    from django.db import connection
    from django.utils import timezone

    from communications import channels
    from communications.delivery import sender
    from communications.engine import clock
    from communications.models import Communication
    from invoices import lifecycle
    from invoices.models import Debtor

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    account = _account()
    today = account.today()
    with connection.cursor() as cursor:
        _insert(cursor, account.pk, "due", count, today - dt.timedelta(days=1), today)
    Debtor.objects.update(time_zone=_zone_at(12))
    type(account).objects.update(weekend=[], country="GB")  # without holidays in the rows
    lifecycle.age_due(timezone.now())
    clock.take_steps(timezone.now())
    Communication.objects.filter(status="scheduled").update(scheduled_for=timezone.now())
    began = time.perf_counter()
    sent = sender.send_due(limit=count)
    took = time.perf_counter() - began
    assert sent == count, sent
    mails = [channels.email(row).message().as_bytes() for row in Communication.objects.filter(status="sent")]
    began = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for mail in mails:
            smtp.sendmail("no-reply@example.com", ["debtor@example.com"], mail)
    return count / took, count / (time.perf_counter() - began)


def _account() -> "Account":
    from inflow.accounts.models import Account

    return Account.objects.first() or Account.objects.create(name="Benchmark", weekend=[])


def _clear() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE invoices_invoice, invoices_debtor CASCADE")


@contextlib.contextmanager
def _smtp() -> Iterator[int]:
    server = subprocess.Popen([sys.executable, "-m", "benchmarks._smtp"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        yield int(server.stdout.readline())
    finally:
        server.terminate()
        server.wait()
