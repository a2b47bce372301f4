"""Debtors with many open invoices: a change of theirs takes as many statements as with few."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from communications.schedule import policies
from invoices import lifecycle
from invoices.debtors import debtors, editing
from invoices.debtors.editing import ContactValues
from invoices.models import Debtor, Invoice
from tests import make
from tests.communications.test_ladder import account_at
from tests.communications.test_one_future import MONDAY, until

pytestmark = pytest.mark.django_db
MANY = 45


def owing(count: int) -> Debtor:
    """A debtor with open invoices, half of them overdue with a planned message."""
    account = account_at(MONDAY)
    day = account.today()
    news = [
        make.new_invoice(
            account,
            invoice_number=f"L-{place}",
            due_date=day + dt.timedelta(days=place % 20 - 10),
            issue_date=day - dt.timedelta(days=30),
        )
        for place in range(count)
    ]
    made = lifecycle.create_many(account, news, make.API)
    assert all(isinstance(each, Invoice) for each in made)
    lifecycle.age_due(account.now(), account=account)
    debtor = Debtor.objects.get(account=account)
    debtor.account = account
    return debtor


def never_chase(debtor: Debtor) -> None:
    editing.never_chase(debtor.account, debtor.pk, make.STAFF, "A sister company.")


CHANGES: dict[str, Callable[[Debtor], object]] = {
    "never chase": never_chase,
    "contacts": lambda debtor: editing.change(
        debtor.account, debtor.pk, make.STAFF, {}, contacts=[ContactValues(email="books@gulftrading.example")]
    ),
    "email": lambda debtor: editing.change(debtor.account, debtor.pk, make.STAFF, {"email": "new@gulftrading.example"}),
    "reply": lambda debtor: debtors.record_reply(debtor.account, debtor.pk, make.STAFF),
    "opt-out": lambda debtor: debtors.opt_out(debtor.account, debtor.pk, make.STAFF),
}


def statements(change: Callable[[Debtor], object], debtor: Debtor) -> int:
    with CaptureQueriesContext(connection) as queries:
        change(debtor)
    return len(queries)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_takes_as_many_statements_for_many_invoices_as_for_few(name: str) -> None:
    change = CHANGES[name]
    few, many = owing(22), owing(MANY)
    assert statements(change, few) == statements(change, many)


def test_many_invoices_of_a_debtor_reach_level_2_on_the_same_day() -> None:
    account = account_at(MONDAY)
    steps = [policies.Step(3, "none", escalates_to=1), policies.Step(5, "none", escalates_to=2)]
    policies.edit(policies.default_for(account), steps)
    day = account.today()
    news = [make.new_invoice(account, invoice_number=f"L-{place}", due_date=day, issue_date=day) for place in range(70)]
    lifecycle.create_many(account, news, make.API)
    until(account, "2026-04-20 12:00")
    assert set(Invoice.objects.filter(account=account).values_list("escalation_level", flat=True)) == {2}
