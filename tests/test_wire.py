"""inflow/statements/wire.py: statements in one trip to PostgreSQL, and what becomes of them when something fails."""

import contextlib
import datetime as dt
import functools
import re
import signal
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import (
    DataError,
    Error,
    IntegrityError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from psycopg import pq

from inflow import statements
from inflow.accounts.models import Account
from inflow.statements import Compiled, wire
from inflow.statements.cursors import Cursor
from invoices.models import Debtor, Invoice, TimelineEntry
from tests import make
from tests.api.client import Caller, caller

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def traced() -> Iterator[list[str]]:
    """What libpq sends on this thread's connection, as it tells it: a text for each trip."""
    connection.ensure_connection()
    libpq, trips = connection.connection.pgconn, list[str]()
    with tempfile.TemporaryFile("w+") as log:
        libpq.trace(log.fileno())
        try:
            yield trips
        finally:
            libpq.untrace()
        log.seek(0)
        trips += re.split(r"\tF\t\d+\tSync", log.read())[:-1]


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def end(pid: int) -> None:
    """As an administrator ends a connection, from another one."""
    other = connection.copy()
    with contextlib.closing(other), other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def select(sql: str, **values: Any) -> list[Any]:
    return list(statements.execute(sql, values).rows)


def an_entry(invoice: Invoice, text: str = "a note") -> TimelineEntry:
    return TimelineEntry(
        account_id=invoice.account_id,
        invoice_id=invoice.pk,
        at=invoice.created_at,
        kind="test",
        actor="a",
        stored_text=text,
    )


def noted(invoice: Invoice) -> int:
    return TimelineEntry.objects.filter(invoice=invoice, kind="test").count()


# --- How often ---------------------------------------------------------------------------------------------------


NEW = {
    "invoice_number": "NEW-1",
    "debtor_name": "Ahmed Al Rashid",
    "debtor_email": "known@example.com",
    "amount": 25000,
    "currency": "AED",
    "due_date": "2036-02-14",
}
OTHER = {"invoice_number": "NEW-2", "debtor_email": "new@example.com"}


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def api(account: Account) -> Caller:
    return caller(account)


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.invoice(account, debtor_email="known@example.com")


def test_whoever_was_refused_has_nothing_asked_along_with_the_key(account: Account) -> None:
    blind = Caller(make.key(account, scopes=["invoices:write"])[1])
    assert blind.get("me").status == 200
    sent = []
    for _ in range(3):
        with traced() as trips:
            assert blind.get("invoices").status == 403
        sent.append("".join(trips).count("Bind"))
    assert sent == [2, 1, 1]


# --- What is asked ahead -----------------------------------------------------------------------------------------


@Compiled
def entries(*, invoice: uuid.UUID) -> Any:
    return TimelineEntry.objects.filter(invoice=invoice, kind="test").values("stored_text")


@Compiled
def debtors(*, account: uuid.UUID) -> Any:
    return Debtor.objects.filter(account=account).values("name")


def test_what_is_asked_ahead_comes_in_one_trip_and_is_answered_once(invoice: Invoice) -> None:
    with statements.transaction():
        with traced() as ahead:
            statements.look_ahead(entries.ahead(invoice=invoice.pk), debtors.ahead(account=invoice.account_id))
        with traced() as first:
            assert entries(invoice=invoice.pk) == []
            assert len(debtors(account=invoice.account_id)) == 1
        with traced() as second:
            assert entries(invoice=invoice.pk) == []
    assert (len(ahead), len(first), len(second)) == (1, 0, 1)


def test_what_is_asked_ahead_is_forgotten_when_it_is_written_by_whichever_way(invoice: Invoice) -> None:
    with statements.transaction():
        statements.look_ahead(entries.ahead(invoice=invoice.pk))
        statements.insert(an_entry(invoice, "one"))
        statements.flush(TimelineEntry)
        assert entries(invoice=invoice.pk) == [{"stored_text": "one"}]
        statements.look_ahead(entries.ahead(invoice=invoice.pk))
        TimelineEntry.objects.bulk_create([an_entry(invoice, "two")])
        assert len(entries(invoice=invoice.pk)) == 2
    assert entries(invoice=invoice.pk) == [{"stored_text": "one"}, {"stored_text": "two"}]


def test_what_is_asked_under_a_lock_is_seen_as_of_when_the_lock_was_had(invoice: Invoice) -> None:
    """Not as of when it was waited for."""
    seen: list[list[Any]] = []
    waits = threading.Event()

    def wait() -> None:
        with statements.transaction():
            waits.set()
            statements.execute(
                "SELECT 1 FROM invoices_invoice WHERE id = %(id)s FOR NO KEY UPDATE",
                {"id": invoice.pk},
                ahead=[entries.ahead(invoice=invoice.pk)],
            )
            seen.append(entries(invoice=invoice.pk))
        connection.close()

    thread = threading.Thread(target=wait)
    with statements.transaction():
        select("SELECT 1 FROM invoices_invoice WHERE id = %(id)s FOR NO KEY UPDATE", id=invoice.pk)
        thread.start()
        waits.wait(10)
        while not select("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            pass  # other threads run while one waits for its lock, else this would not end
        statements.insert(an_entry(invoice, "one"))
    thread.join(10)
    assert seen == [[{"stored_text": "one"}]]


# --- Failing -----------------------------------------------------------------------------------------------------


def test_what_follows_a_statement_that_fails_is_not_done_and_the_connection_goes_on(invoice: Invoice) -> None:

    def be_refused() -> None:
        with statements.transaction():
            statements.insert(an_entry(invoice))
            statements.insert(Invoice(**{**invoice.as_stored(), "id": uuid.uuid4()}))

    for _ in range(3):  # unprepared, then prepared
        pid = backend()
        with pytest.raises(IntegrityError, match="invoice_number_is_unique"):
            be_refused()
        assert backend() == pid
    assert noted(invoice) == 0


def test_a_value_that_cannot_be_sent_is_an_error_and_nothing_else(invoice: Invoice) -> None:
    pid = backend()
    with statements.transaction():
        statements.execute("UPDATE invoices_invoice SET notes = 'changed' WHERE id = %(id)s", {"id": invoice.pk})
        with pytest.raises(DataError, match="NUL"):
            select("SELECT %(text)s::text", text="a\0b")
    assert make.again(invoice).notes == "changed"
    assert backend() == pid


def test_a_constraint_that_is_checked_at_the_end_refuses_the_one_statement_and_the_commit_alike(
    invoice: Invoice,
) -> None:
    stray = an_entry(invoice)
    stray.invoice_id = uuid.uuid4()

    def be_refused(*, after_a_lock: bool) -> None:
        with statements.transaction():
            if after_a_lock:
                select("SELECT 1 FROM invoices_invoice WHERE id = %(id)s FOR NO KEY UPDATE", id=invoice.pk)
            statements.insert(an_entry(invoice))
            statements.insert(stray)

    for after_a_lock in (False, True):
        with pytest.raises(IntegrityError, match="is not present in table"):
            be_refused(after_a_lock=after_a_lock)
    assert noted(invoice) == 0
    assert not connection.in_atomic_block


def is_as_before() -> bool:
    """No transaction, neither for Django nor for psycopg nor in PostgreSQL."""
    idle = connection.connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
    return idle and connection.get_autocommit() and not connection.in_atomic_block and not connection.atomic_blocks


@pytest.mark.parametrize("first", ["ours", "ORM", "locked"])
def test_whoever_writes_in_a_transaction_is_undone_with_it(invoice: Invoice, first: str) -> None:
    done: list[str] = []
    for fails in (True, False):
        with contextlib.suppress(ZeroDivisionError), statements.transaction():
            transaction.on_commit(functools.partial(done.append, f"fails {fails}"))
            if first == "locked":
                select("SELECT id FROM invoices_invoice WHERE id = %(id)s FOR UPDATE", id=invoice.pk)
            if first == "ours":
                statements.insert(an_entry(invoice))
            an_entry(invoice).save()
            TimelineEntry.objects.bulk_create([an_entry(invoice)])
            if fails:
                raise ZeroDivisionError
        assert is_as_before()
        assert noted(invoice) == (0 if fails else 2 + (first == "ours"))
        assert done == ([] if fails else ["fails False"])


def test_a_block_within_a_transaction_is_undone_by_itself(invoice: Invoice) -> None:
    with statements.transaction():
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            an_entry(invoice).save()
            raise ZeroDivisionError
        with statements.transaction():
            statements.insert(an_entry(invoice, "kept"))
    assert is_as_before()
    assert [entry.stored_text for entry in TimelineEntry.objects.filter(kind="test")] == ["kept"]


def test_a_transaction_that_was_given_up_leaves_nothing(invoice: Invoice) -> None:
    with statements.transaction():
        an_entry(invoice).save()
        transaction.set_rollback(True)
    assert is_as_before()
    assert noted(invoice) == 0


@pytest.mark.parametrize("first", [0, 1])
def test_a_transaction_whose_connection_is_lost_leaves_nothing_and_the_next_one_works(
    invoice: Invoice, first: int
) -> None:
    pid = backend()

    def lose() -> None:
        with statements.transaction():
            for _ in range(first):
                an_entry(invoice).save()
            end(pid)
            an_entry(invoice).save()

    with pytest.raises(OperationalError):
        lose()
    connection.close()
    with statements.transaction():
        statements.insert(an_entry(invoice))
    assert is_as_before()
    assert noted(invoice) == 1


def test_a_transaction_in_which_an_error_was_passed_over_does_not_pass_for_committed(invoice: Invoice) -> None:

    def pass_over() -> None:
        with statements.transaction():
            statements.execute("UPDATE invoices_invoice SET notes = 'changed' WHERE id = %(id)s", {"id": invoice.pk})
            with pytest.raises(ProgrammingError):
                select("SELECT nothing FROM nowhere")

    with pytest.raises(InternalError, match="rolled back"):
        pass_over()
    assert make.again(invoice).notes == ""


def test_a_connection_that_is_ended_while_it_is_waited_for_is_an_error_and_the_next_one_works() -> None:
    other = connection.copy()
    ender = threading.Timer(0.3, other.cursor().execute, ("SELECT pg_terminate_backend(%s)", [backend()]))
    ender.start()
    try:
        with pytest.raises(OperationalError):
            select("SELECT pg_sleep(20)")
        ender.join()
    finally:
        other.close()
    connection.close()
    assert select("SELECT 1") == [(1,)]


def test_a_wait_that_is_interrupted_gives_its_connection_up() -> None:
    """Its answer is still to come, and would pass for that of the next question."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    pid = backend()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            select("SELECT pg_sleep(1)")
    finally:
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(Error):
        select("SELECT 1")
    connection.close()
    assert select("SELECT 1") == [(1,)]
    assert backend() != pid


# --- Large and many ----------------------------------------------------------------------------------------------


def test_more_than_a_socket_takes_goes_both_ways_at_once() -> None:
    connection.ensure_connection()
    line, text = wire.Wire(connection.connection), "x" * 8_000_000
    asked: wire.Asked = (b"SELECT $1::text", [text], Cursor.adapters)
    assert [answer[0][0][0] == text for answer in line.exchange([asked] * 4)] == [True] * 4


def test_a_connection_keeps_so_many_statements_prepared_and_no_more() -> None:
    for number in range(wire.REMEMBERED + 50):
        for _ in range(2):
            assert select(f"SELECT {number}, %(day)s", day=dt.date(2026, 3, 1))[0][0] == number
    ((kept,),) = select("SELECT count(*) FROM pg_prepared_statements")
    assert wire.REMEMBERED - 10 <= kept <= wire.REMEMBERED
    assert select("SELECT 0, %(day)s", day=dt.date(2026, 3, 1))[0][0] == 0
