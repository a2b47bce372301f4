"""inflow/sql.py: querysets that are compiled once, SQL written by hand, and rows that are written together."""

import contextlib
import datetime as dt
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, IntegrityError, NotSupportedError, connection, transaction
from django.db.models import Q, QuerySet
from django.test.utils import CaptureQueriesContext

from inflow.accounts.models import Account
from inflow.sql import Batch, account_scope, columns, compiled, joining, objects, select, select_first
from invoices.models import Debtor, Invoice, TimelineEntry
from tests import make
from tests.parallel import at_once

pytestmark = pytest.mark.django_db


@compiled
def of_account(*, account: uuid.UUID, status: list[str] | None = None, q: str | None = None) -> QuerySet[Invoice]:
    rows = Invoice.objects.filter(account=account).order_by("invoice_number")
    if status is not None:
        rows = rows.filter(status__in=status)
    return rows.filter(invoice_number__istartswith=q) if q is not None else rows


@compiled
def numbers(limit: int, *, account: uuid.UUID, before: dt.date) -> QuerySet[Invoice, dict[str, Any]]:
    literal = ~Q(invoice_number="100%s")
    return Invoice.objects.filter(literal, account=account, due_date__lt=before).values("invoice_number")[:limit]


def numbers_of(rows: list[Invoice]) -> list[str]:
    return [row.invoice_number for row in rows]


def entry(invoice: Invoice, text: str) -> TimelineEntry:
    return TimelineEntry(
        account_id=invoice.account_id, invoice=invoice, at=invoice.created_at, kind="test", actor="a", stored_text=text
    )


def texts(account: Account) -> list[str]:
    entries = TimelineEntry.objects.filter(account=account, kind="test").order_by("id")
    return list(entries.values_list("stored_text", flat=True))


# --- Reading -----------------------------------------------------------------------------------------------------


def test_a_compiled_queryset_goes_by_the_values_of_each_call() -> None:
    ours, theirs = make.account(), make.account("Oryx")
    for number in ("A-1", "A-2", "B-1"):
        make.invoice(ours, invoice_number=number)
    make.invoice_in(theirs, "paid")
    for _ in range(4):  # also once it is prepared
        assert numbers_of(of_account(account=ours.pk)) == ["A-1", "A-2", "B-1"]
        assert len(of_account(account=theirs.pk, status=["paid"])) == 1
        assert of_account(account=ours.pk, status=["paid"]) == []
        assert len(of_account(account=ours.pk, status=["paid", "new"])) == 3
        assert of_account(account=ours.pk, status=[]) == []
        # A lookup that changes its value on the way.
        assert numbers_of(of_account(account=ours.pk, q="a-")) == ["A-1", "A-2"]
        assert numbers_of(of_account(account=ours.pk, q="b%")) == []
    stored = of_account(account=ours.pk)[0]
    assert stored == Invoice.objects.get(pk=stored.pk)
    assert stored.as_stored() == Invoice.objects.get(pk=stored.pk).as_stored()


def test_constants_and_percent_signs_are_part_of_the_sql() -> None:
    account = make.account()
    for number in ("100%s", "A-1", "A-2"):
        make.invoice(account, invoice_number=number, due_in=5)
    tomorrow, later = (account.today() + dt.timedelta(days=days) for days in (1, 9))
    assert numbers(5, account=account.pk, before=tomorrow) == []
    assert len(numbers(5, account=account.pk, before=later)) == 2
    assert len(numbers(1, account=account.pk, before=later)) == 1


def test_a_plan_that_another_thread_forgets_is_built_again() -> None:
    class Forgetful(dict[Any, Any]):
        """Forgets everything right after a look, as another thread does that needs room."""

        def __contains__(self, key: object) -> bool:
            found = super().__contains__(key)
            self.clear()
            return found

    make.invoice(account := make.account(), invoice_number="A-1")
    rows = compiled(lambda *, account: Invoice.objects.filter(account=account))
    for _ in range(3):
        rows._plans = Forgetful(rows._plans)
        assert numbers_of(rows(account=account.pk)) == ["A-1"]


def test_a_row_of_several_models_is_read_as_the_orm_reads_them() -> None:
    invoice = make.invoice(make.account())
    tables = "invoices_debtor JOIN invoices_invoice ON invoices_invoice.debtor_id = invoices_debtor.id"
    sql = f"SELECT {columns(Debtor, Invoice)} FROM {tables} WHERE invoices_invoice.id = %(id)s"
    (row,) = select(sql, {"id": invoice.pk})
    debtor, found = objects(row, Debtor, Invoice)
    assert (debtor, found) == (invoice.debtor, invoice)
    assert found.as_stored() == make.again(invoice).as_stored()


def test_statements_are_logged_with_their_values_and_seen_by_wrappers() -> None:
    seen: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    for _ in range(3):
        with CaptureQueriesContext(connection) as queries, connection.execute_wrapper(watch):
            assert select("SELECT %s::int + 1", [41]) == [(42,)]
        assert [query["sql"] for query in queries] == ["SELECT 41::int + 1"]
    assert seen == ["SELECT %s::int + 1"] * 3


def test_errors_are_djangos_and_a_value_that_cannot_be_sent_ends_no_transaction() -> None:
    with pytest.raises(DataError, match="NUL"):
        select("SELECT %(text)s::text", {"text": "a\0b"})
    assert select("SELECT 1") == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_what_was_prepared_before_a_migration_is_prepared_anew() -> None:
    def migrate(sql: str) -> None:
        """As another process does: psycopg forgets what it prepared when its own connection alters something."""

        def run() -> None:
            with connection.cursor() as cursor:
                cursor.execute(sql)

        assert at_once(run) == [None]

    def read() -> list[tuple[Any, ...]]:
        return select("SELECT name FROM before_migration WHERE name <> %s", [""])

    migrate("CREATE TABLE before_migration AS SELECT 'A'::varchar(10) AS name")
    try:
        for _ in range(3):
            assert read() == [("A",)]
        migrate("ALTER TABLE before_migration ALTER name TYPE varchar(20)")
        for _ in range(3):
            assert read() == [("A",)]
        migrate("ALTER TABLE before_migration ALTER name TYPE varchar(30)")
        with pytest.raises(NotSupportedError), transaction.atomic():
            read()
        with transaction.atomic():
            assert read() == [("A",)]
    finally:
        migrate("DROP TABLE before_migration")


@pytest.mark.django_db(transaction=True)
def test_the_first_query_of_a_request_replaces_a_dead_connection() -> None:
    def end_backend(pid: int) -> None:
        select("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.close()

    ((pid,),) = select("SELECT pg_backend_pid()")
    with ThreadPoolExecutor() as pool:
        pool.submit(end_backend, pid).result()
    ((other,),) = select_first("SELECT pg_backend_pid()")
    assert other != pid
    with pytest.raises(DataError), transaction.atomic():
        select_first("SELECT 1 / 0")


# --- Writing -----------------------------------------------------------------------------------------------------


def test_a_batch_is_written_by_its_flush_in_one_statement() -> None:
    account = make.account()
    invoice, batch = make.invoice(account), Batch()
    with CaptureQueriesContext(connection) as queries:
        batch.insert(entry(invoice, "one"))
        batch.update(invoice, "notes")
        batch.insert(entry(invoice, "100%s"))
        invoice.notes = "changed"
        assert len(queries) == 0
        batch.flush()
        batch.flush()
    assert len(queries) == 1
    assert texts(account) == ["one", "100%s"]
    assert make.again(invoice).notes == "changed"


def test_changes_of_one_row_all_hold() -> None:
    invoice, batch = make.invoice(make.account()), Batch()
    for notes in ("first", "second"):
        invoice.notes = notes
        batch.update(invoice, "notes")
    invoice.debtor_name = "Somebody else"
    batch.update(invoice, "debtor_name")
    other = make.again(invoice)
    other.debtor_company = "Elsewhere"
    batch.update(other, "debtor_company")
    batch.flush()
    stored = make.again(invoice)
    assert (stored.notes, stored.debtor_name, stored.debtor_company) == ("second", "Somebody else", "Elsewhere")


def test_a_new_row_has_what_changed_on_it_and_may_be_saved_afterwards() -> None:
    invoice, batch = make.invoice(make.account()), Batch()
    new = Debtor(account=invoice.account, name="A", page_key=uuid.uuid4())
    batch.insert(new)
    new.company = "B"
    batch.update(new, "company")
    batch.insert(Debtor(account=invoice.account, name="By default"))
    batch.flush()
    new.name = "C"
    new.save(update_fields=["name"])
    stored = Debtor.objects.get(pk=new.pk)
    assert (stored.name, stored.company, stored.page_key) == ("C", "B", new.page_key)
    assert Debtor.objects.get(name="By default").page_key


def copies(invoice: Invoice, tags: list[list[str]]) -> list[Invoice]:
    """Unsaved copies of an invoice that differ in values of many types."""
    made = []
    for place, each in enumerate(tags):
        row = make.again(invoice)
        row.pk, row.invoice_number, row.tags, row.amount = uuid.uuid4(), f"C-{place:03}", each, Decimal(place) + 1
        row.metadata, row.notes = {"place": place, "text": 'a "b" \\ {c},'}, ("", "x, {y}", "NULL")[place % 3]
        row.hold_until = None if place % 2 else row.due_date
        row.dispute_paused = dt.timedelta(seconds=place) if place % 5 else None
        made.append(row)
    return made


@pytest.mark.parametrize("tags", [[["a", "b"]] * 30, [[]] * 30, [["a"] * (place % 3) for place in range(30)]])
def test_many_rows_are_written_with_the_values_of_each(tags: list[list[str]]) -> None:
    invoice, batch = make.invoice(make.account()), Batch()
    rows = copies(invoice, tags)
    for row in rows:
        batch.insert(row)
    batch.flush()
    assert [each.as_stored() for each in map(make.again, rows)] == [each.as_stored() for each in rows]
    for place, row in enumerate(rows):
        row.amount_paid, row.next_check_at, row.escalation_level = row.amount, row.created_at, place % 2
        row.tags, row.status, row.payment_status = [*row.tags, "new"], "paid", "paid"
        batch.update(row, "amount_paid", "next_check_at", "escalation_level", "tags", "status", "payment_status")
    with CaptureQueriesContext(connection) as queries:
        batch.flush()
    assert len(queries) == 1
    assert [each.as_stored() for each in map(make.again, rows)] == [each.as_stored() for each in rows]


def test_many_rows_leave_out_columns_with_the_default_of_the_database() -> None:
    account, batch = make.account(), Batch()
    rows = [Debtor(account=account, name=f"Debtor {place}") for place in range(30)]
    for row in rows:
        batch.insert(row)
    with CaptureQueriesContext(connection) as queries:
        batch.flush()
    assert "never_chase_reason" not in queries[0]["sql"]
    stored = Debtor.objects.filter(account=account).order_by("id")
    assert {(each.name, each.never_chase_reason) for each in stored} == {(row.name, "") for row in rows}
    assert len({each.page_key for each in stored}) == 30


def test_a_batch_that_is_refused_or_whose_transaction_fails_leaves_nothing() -> None:
    account = make.account()
    invoice = make.invoice(account)

    def fail() -> None:
        with transaction.atomic(), joining(None) as batch:
            batch.insert(entry(invoice, "one"))
            raise ZeroDivisionError

    def be_refused() -> None:
        with transaction.atomic(), joining(None) as batch:
            batch.insert(entry(invoice, "two"))
            batch.insert(Invoice(**{**invoice.as_stored(), "id": uuid.uuid4()}))

    def be_undone() -> None:
        with transaction.atomic():
            with joining(None) as batch:
                batch.insert(entry(invoice, "three"))
            entry(invoice, "four").save()
            raise ZeroDivisionError

    for act, error in ((fail, ZeroDivisionError), (be_refused, IntegrityError), (be_undone, ZeroDivisionError)):
        with pytest.raises(error):
            act()
    assert texts(account) == []


def test_rows_that_were_refused_are_still_to_be_written() -> None:
    invoice, batch = make.invoice(make.account()), Batch()
    invoice.notes = "changed"
    batch.update(invoice, "notes")
    batch.insert(again := Invoice(**{**invoice.as_stored(), "id": uuid.uuid4()}))
    with pytest.raises(IntegrityError, match="invoice_number_is_unique"), transaction.atomic():
        batch.flush()
    again.invoice_number = "A-2"
    batch.flush()
    assert make.again(invoice).notes == "changed"
    assert Invoice.objects.get(invoice_number="A-2").pk == again.pk


def test_a_batch_that_is_joined_is_its_owners_to_flush() -> None:
    account = make.account()
    invoice, batch = make.invoice(account), Batch()
    with joining(batch) as joined:
        joined.insert(entry(invoice, "one"))
    assert texts(account) == []
    batch.flush()
    with joining(None) as own:
        own.insert(entry(invoice, "two"))
    assert texts(account) == ["one", "two"]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_names_its_account_and_the_next_one_does_not() -> None:
    account = make.account()
    with account_scope(account):
        assert select("SELECT current_setting('inflow.account')") == [(str(account.pk),)]
    assert select("SELECT current_setting('inflow.account', true)") in ([("",)], [(None,)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [False, True])
def test_the_transaction_of_another_account_gives_the_name_back(*, fails: bool) -> None:
    ours, theirs = make.account(), make.account("Oryx")

    def inner() -> None:
        with account_scope(theirs):
            assert select("SELECT current_setting('inflow.account')") == [(str(theirs.pk),)]
            if fails:
                raise ZeroDivisionError

    with account_scope(ours):
        with contextlib.suppress(ZeroDivisionError):
            inner()
        assert select("SELECT current_setting('inflow.account')") == [(str(ours.pk),)]
    assert select("SELECT current_setting('inflow.account', true)") in ([("",)], [(None,)])
