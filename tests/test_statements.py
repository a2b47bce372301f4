"""inflow/statements: queries that are built once, and rows that are written together."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.test.utils import CaptureQueriesContext

from inflow import statements
from inflow.accounts.models import Account
from inflow.statements import Compiled
from invoices.models import Debtor, Invoice, TimelineEntry
from tests import make
from tests.api.client import caller

pytestmark = pytest.mark.django_db


@Compiled
def of_account(*, account: uuid.UUID, status: list[str] | None = None, q: str | None = None) -> QuerySet[Invoice]:
    rows = Invoice.objects.filter(account=account).order_by("invoice_number")
    if status is not None:
        rows = rows.filter(status__in=status)
    return rows.filter(invoice_number__istartswith=q) if q is not None else rows


@Compiled
def numbers(limit: int, *, account: uuid.UUID, before: dt.date) -> QuerySet[Invoice, dict[str, Any]]:
    literal = ~Q(invoice_number="100%s")
    return Invoice.objects.filter(literal, account=account, due_date__lt=before).values("invoice_number")[:limit]


def said(rows: list[Invoice]) -> list[str]:
    return [row.invoice_number for row in rows]


def test_a_compiled_query_answers_each_call_by_its_own_values() -> None:
    ours, theirs = make.account(), make.account("Oryx")
    for number in ("A-1", "A-2", "B-1"):
        make.invoice(ours, invoice_number=number)
    make.invoice_in(theirs, "paid")
    for _ in range(4):  # also once it is prepared
        assert said(of_account(account=ours.pk)) == ["A-1", "A-2", "B-1"]
        assert len(of_account(account=theirs.pk, status=["paid"])) == 1
        assert of_account(account=ours.pk, status=["paid"]) == []
        assert len(of_account(account=ours.pk, status=["paid", "new"])) == 3
        assert of_account(account=ours.pk, status=[]) == []
        # A lookup that changes its value on the way.
        assert said(of_account(account=ours.pk, q="a-")) == ["A-1", "A-2"]
        assert said(of_account(account=ours.pk, q="b%")) == []
    stored = of_account(account=ours.pk)[0]
    assert stored == Invoice.objects.get(pk=stored.pk)
    assert stored.as_stored() == Invoice.objects.get(pk=stored.pk).as_stored()


def test_constants_and_percent_signs_stand_in_the_statement() -> None:
    account = make.account()
    for number in ("100%s", "A-1", "A-2"):
        make.invoice(account, invoice_number=number, due_in=5)
    tomorrow, later = (account.today() + dt.timedelta(days=days) for days in (1, 9))
    assert numbers(5, account=account.pk, before=tomorrow) == []
    assert len(numbers(5, account=account.pk, before=later)) == 2
    assert len(numbers(1, account=account.pk, before=later)) == 1


def an_entry(invoice: Invoice, text: str) -> TimelineEntry:
    return TimelineEntry(
        account_id=invoice.account_id, invoice=invoice, at=invoice.created_at, kind="test", actor="a", stored_text=text
    )


def texts(account: Account) -> list[str]:
    entries = TimelineEntry.objects.filter(account=account, kind="test").order_by("id")
    return list(entries.values_list("stored_text", flat=True))


def test_what_is_written_together_goes_in_one_statement() -> None:
    account = make.account()
    invoice = make.invoice(account)
    with CaptureQueriesContext(connection) as queries, statements.together():
        statements.insert(an_entry(invoice, "one"))
        invoice.notes = "changed"
        statements.update(invoice, ["notes"])
        statements.insert(an_entry(invoice, "100%s"))
        assert len(queries) == 0
    assert len(queries) == 1
    assert texts(account) == ["one", "100%s"]
    assert make.again(invoice).notes == "changed"


def test_two_changes_of_one_row_both_hold() -> None:
    invoice = make.invoice(make.account())
    with statements.together():
        for notes in ("first", "second"):
            invoice.notes = notes
            statements.update(invoice, ["notes"])
        invoice.debtor_name = "Somebody else"
        statements.update(invoice, ["debtor_name"])
    stored = make.again(invoice)
    assert (stored.notes, stored.debtor_name) == ("second", "Somebody else")


def test_a_query_of_the_orm_sees_what_was_written_before_it() -> None:
    account = make.account()
    invoice = make.invoice(account)
    with statements.together():
        statements.insert(an_entry(invoice, "one"))
        assert texts(account) == ["one"]


def test_what_is_written_when_something_else_fails_is_gone() -> None:
    account = make.account()
    invoice = make.invoice(account)

    def fail() -> None:
        with transaction.atomic(), statements.together():
            statements.insert(an_entry(invoice, "one"))
            raise RuntimeError

    def be_refused() -> None:
        with transaction.atomic(), statements.together():
            statements.insert(an_entry(invoice, "two"))
            statements.insert(Invoice(**{**invoice.as_stored(), "id": uuid.uuid4()}))

    with pytest.raises(RuntimeError):
        fail()
    with pytest.raises(IntegrityError):
        be_refused()
    assert texts(account) == []


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_while_it_was_kept_costs_no_request() -> None:
    api = caller()
    assert api.get("me").status == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    finally:
        other.close()
    assert api.get("me").status == 200


def test_a_column_that_the_database_fills_is_read_when_it_is_asked_for() -> None:
    account = make.account()
    debtor = Debtor(account=account, name="A")
    assert statements.insert(debtor)
    assert debtor.page_key == Debtor.objects.get(pk=debtor.pk).page_key
    key = uuid.uuid4()
    statements.insert(Debtor(account=account, name="B", page_key=key))
    assert Debtor.objects.get(name="B").page_key == key


def test_a_new_row_is_as_the_model_would_make_it() -> None:
    account = make.account()
    debtor = make.invoice(account).debtor
    given: dict[str, Any] = {
        "account": account,
        "debtor": debtor,
        "invoice_number": "A-1",
        "amount": 5,
        "id": uuid.uuid4(),
    }
    made, expected = statements.new(Invoice, **given), Invoice(**given)
    times = {"created_at", "updated_at"}
    assert vars(made).keys() == vars(expected).keys()
    assert [name for name in made.as_stored() if made.as_stored()[name] != expected.as_stored()[name]] == sorted(times)
    assert made._state.adding
    with CaptureQueriesContext(connection) as queries:
        assert (made.account, made.debtor) == (account, debtor)
    assert len(queries) == 0
    assert statements.new(TimelineEntry, kind="a").before is not statements.new(TimelineEntry, kind="b").before
    with pytest.raises(TypeError):
        statements.new(Invoice, amout=5)
