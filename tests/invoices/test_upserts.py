"""Upserts that cross: in any order and in parallel, one invoice with the newest values."""

import contextlib
import datetime as dt
import itertools
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from communications.delivery import gate
from communications.models import Communication
from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.models import Invoice
from tests import make

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
VERSIONS: list[dict[str, Any]] = [
    {"amount": Decimal(100), "debtor_company": "Gulf Trading LLC", "tags": ["a"]},
    {"amount": Decimal(90), "debtor_company": "Oryx LLC", "tags": []},
    {"amount": Decimal(120), "debtor_company": "Gulf Trading LLC", "tags": ["a", "b"]},
    {"amount": Decimal(120), "debtor_company": "Oryx LLC", "tags": ["c"]},
]


def send(account: Account, step: int, **more: Any) -> None:
    new = make.new_invoice(account, invoice_number="A-1", due_in=30)._replace(**VERSIONS[step], **more)
    at = START + dt.timedelta(hours=step)
    with contextlib.suppress(lifecycle.Stale):
        lifecycle.upsert(account, new, [*VERSIONS[step], *more], make.API, source_updated_at=at)


@pytest.mark.properties
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_in_any_order_the_newest_values_stay(db: None, order: tuple[int, ...]) -> None:
    account = make.account()
    for step in (*order, *order):
        send(account, step, amount_paid=Decimal(step * 40))
    invoice, last = Invoice.objects.get(), VERSIONS[3]
    assert (invoice.amount, invoice.debtor_company, invoice.tags) == tuple(last.values())
    assert invoice.source_updated_at == START + dt.timedelta(hours=3)
    assert [invoice.amount_paid, invoice.status] == [120, "paid"]
    # The names decide, whichever request found or made the debtor.
    assert invoice.debtor_id == make.invoice(account, debtor_company="Oryx LLC").debtor_id
    assert ledger.count_unbalanced() == lifecycle.count_underived() == 0


def at_once(*acts: Callable[[], object]) -> list[BaseException]:
    """Run these in threads that begin together. Return what they raised."""
    barrier, raised = threading.Barrier(len(acts)), list[BaseException]()

    def run(act: Callable[[], object]) -> None:
        try:
            barrier.wait(timeout=10)
            act()
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return raised


@pytest.mark.django_db(transaction=True)
def test_parallel_upserts_of_a_new_number_make_one_invoice() -> None:
    account = make.account()
    raised = at_once(*(lambda step=step: send(account, step) for step in (0, 1, 2, 3)))
    assert raised == []
    invoice = Invoice.objects.get()
    assert [invoice.amount, invoice.debtor_company] == [120, "Oryx LLC"]
    assert make.events_of(account).count("invoice.created") == 1


@pytest.mark.django_db(transaction=True)
def test_parallel_upserts_that_name_the_same_debtor_are_all_accepted() -> None:
    account = make.account()
    invoice = make.invoice(account)
    changes = {"debtor_name": invoice.debtor_name, "debtor_company": invoice.debtor_company}
    one_by_one = [
        lambda amount=amount: lifecycle.amend(account, invoice.pk, make.API, changes | {"amount": Decimal(amount)})
        for amount in range(500, 512)
    ]
    assert at_once(*one_by_one) == []
    assert make.again(invoice).version == invoice.version + 12


@pytest.mark.django_db(transaction=True)
def test_an_amendment_and_the_gate_wait_for_each_other_in_one_order() -> None:
    """The message names what was committed first, and goes to one debtor only."""
    account = make.account()
    for _ in range(4):
        invoice = make.overdue_invoice(account, debtor_email=f"{uuid.uuid4().hex}@gulf.example")
        make.overdue_invoice(account, debtor_company="Oryx LLC", debtor_email="books@oryx.example")
        row = make.reminder_due(invoice)
        changes = {"debtor_company": "Oryx LLC", "debtor_email": "books@oryx.example", "amount": Decimal(7)}
        raised = at_once(
            lambda row=row: gate.claim(row.pk),  # type: ignore[misc]
            lambda pk=invoice.pk, new=changes: lifecycle.amend(account, pk, make.API, new),  # type: ignore[misc]
            lambda pk=invoice.pk: lifecycle.amend(account, pk, make.API, {"purchase_order": "7"}),  # type: ignore[misc]
        )
        assert raised == []
        sent = Communication.objects.get(pk=row.pk)
        amended = make.again(invoice)
        assert [amended.amount, amended.purchase_order] == [7, "7"]
        if sent.status == "sending" and sent.recipient != "books@oryx.example":
            assert [sent.debtor_id, sent.amount] == [invoice.debtor_id, 25_000]
        else:
            assert sent.debtor_id == amended.debtor_id
